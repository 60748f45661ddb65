// `Idempotency-Key`: a POST that comes again is one request. The reply of the first one is kept for a day, also over
// restarts, and given again, also while it is still being made. A request that was refused has changed nothing, so it
// is done anew. Between a change and the note of its reply the daemon may be killed. So what makes runs also carries
// the key to the engine, which notes it with the runs: the repeat makes no second ones.
import { createHash } from 'node:crypto';
import type { Clock } from '../support/clock.ts';
import { JobrunError } from '../support/errors.ts';
import { MB } from '../support/limits.ts';
import { Recent } from '../support/recent.ts';
import { weightOfValue } from '../support/weight.ts';
import { isYoung, KEPT_MS, type KeptReply, RepeatFile } from './repeat-file.ts';
import { type Reply, refusal } from './reply.ts';

const MOST_KEPT = 20_000;
const MOST_BYTES = 32 * MB;
const KEY = /^[!-~]{1,255}$/;

interface Kept {
  readonly request: string;
  readonly at: number;
  readonly reply: Promise<Reply | null>;
}

/** The request, as the key stands for it. */
export interface Repeatable {
  readonly key: string;
  readonly method: string;
  readonly path: string;
  readonly body: string;
}

export class Repeats {
  readonly #clock: Clock;
  readonly #file: RepeatFile;
  readonly #onError: (error: unknown) => void;
  readonly #kept = new Recent<Kept>(MOST_KEPT, KEPT_MS, MOST_BYTES);
  #loading: Promise<void> | null = null;

  constructor(state: string, clock: Clock, onError: (error: unknown) => void) {
    this.#clock = clock;
    this.#file = new RepeatFile(state);
    this.#onError = onError;
  }

  /** The first reply, or what `make` makes with the id of this request. Throws `bad-request` for a key that is none. */
  async once(
    asked: Repeatable,
    make: (request: string) => Promise<Reply | null>,
  ): Promise<Reply | null> {
    const { key } = asked;
    if (!KEY.test(key)) throw badKey();
    this.#loading ??= this.#load();
    await this.#loading;
    const request = requestId(asked);
    const at = this.#clock.now();
    const known = this.#kept.get(key);
    if (known && isYoung(known, at))
      return known.request === request ? known.reply : otherRequest(key);
    const reply = make(request);
    this.#keep(key, { request, at, reply }, 0);
    try {
      const made = await reply;
      if (made === null || made.status >= 400) this.#kept.delete(key);
      else await this.#note({ key, request, at, status: made.status, body: made.body ?? null });
      return made;
    } catch (error) {
      this.#kept.delete(key);
      throw error;
    }
  }

  close(): Promise<void> {
    return this.#file.close();
  }

  async #load(): Promise<void> {
    const replies = await this.#file.open(this.#clock.now()).catch(this.#onError);
    for (const reply of replies ?? []) this.#keepNoted(reply);
  }

  /** A change stays, even if the disk does not take the note of it. */
  async #note(reply: KeptReply): Promise<void> {
    this.#keepNoted(reply);
    await this.#file.add(reply).catch(this.#onError);
  }

  #keepNoted({ key, request, at, status, body }: KeptReply): void {
    const reply = Promise.resolve({ status, body });
    this.#keep(key, { request, at, reply }, weightOfValue(body));
  }

  #keep(key: string, kept: Kept, bytes: number): void {
    this.#kept.set(key, kept, this.#clock.monotonic(), bytes);
  }
}

/** The same for the same request, whichever daemon gets it. */
function requestId({ key, method, path, body }: Repeatable): string {
  const hash = createHash('sha256');
  for (const part of [key, method, path, body]) hash.update(part).update('\0');
  return `http-${hash.digest('base64url')}`;
}

function badKey(): JobrunError {
  const hint = 'Give a text of your own, such as a UUID.';
  const message = 'Idempotency-Key must have 1 to 255 visible ASCII characters';
  return new JobrunError('bad-request', message, hint);
}

const otherRequest = (key: string): Reply =>
  refusal(
    409,
    new JobrunError(
      'refused',
      `the Idempotency-Key "${key}" belongs to another request`,
      'Give each request a key of its own.',
    ),
  );
