// Aborting or retrying everything that fits a filter. Up to a thousand runs are done before the reply; more are an
// operation, which goes on by itself: its progress can be asked for, and it can be stopped. It is no promise: an
// operation ends with its daemon, and what it had not done by then is as it was.

import type { Matched } from '../commands/shared/by-filter.ts';
import { text } from '../commands/shared/kinds.ts';
import { argument } from '../commands/shared/options.ts';
import type { Clock } from '../support/clock.ts';
import { JobrunError, toJobrunError } from '../support/errors.ts';
import type { Json } from '../support/json.ts';
import { HOUR } from '../support/limits.ts';
import { newId } from '../support/random.ts';
import { Recent } from '../support/recent.ts';
import { plainLine } from '../support/text.ts';
import { type Reply, refusal } from './reply.ts';

/** The fields that its routes take. */
export const OPERATION = { id: argument('<id>', text(100), 'the operation') };

/** More runs are not waited for. */
const MOST_AT_ONCE = 1000;
const MOST_KEPT = 100;
/** Each of them changes a thousand runs at once. */
const MOST_UNDER_WAY = 4;

interface Operation {
  readonly operation: string;
  readonly state: 'running' | 'done' | 'stopped' | 'failed';
  readonly matched: number;
  readonly done: number;
  readonly failed: number;
  readonly error: Json;
}

interface Known {
  shown: Operation;
  readonly stop: () => void;
}

export class Operations {
  readonly #clock: Clock;
  readonly #known = new Recent<Known>(MOST_KEPT, HOUR);
  readonly #onError: (error: unknown) => void;
  #underWay = 0;

  constructor(clock: Clock, onError: (error: unknown) => void) {
    this.#clock = clock;
    this.#onError = onError;
  }

  /** Does it, or begins to: `begin` gets the signal that stops it. */
  async take(begin: (signal: AbortSignal) => AsyncIterable<Matched>): Promise<Reply> {
    if (this.#underWay >= MOST_UNDER_WAY) return TOO_MANY;
    const ending = new AbortController();
    const items = begin(ending.signal)[Symbol.asyncIterator]();
    const first = await items.next();
    let last: Matched = first.done ? { matched: 0 } : first.value;
    if (last.matched > MOST_AT_ONCE && last.done !== undefined)
      return this.#start(last, items, ending);
    for (let next = await items.next(); !next.done; next = await items.next()) last = next.value;
    return { status: 200, body: { ...last } };
  }

  find(id: string): Reply {
    const known = this.#known.get(id);
    return known ? { status: 200, body: { ...known.shown } } : unknown(id);
  }

  stop(id: string): Reply {
    const known = this.#known.get(id);
    known?.stop();
    return known ? { status: 204 } : unknown(id);
  }

  #start({ matched }: Matched, items: AsyncIterator<Matched>, ending: AbortController): Reply {
    const operation = newId();
    const shown: Operation = {
      ...{ operation, state: 'running', matched },
      ...{ done: 0, failed: 0, error: null },
    };
    const known: Known = { shown, stop: () => ending.abort() };
    this.#known.set(operation, known, this.#clock.monotonic());
    this.#underWay++;
    this.#follow(known, items, ending.signal).finally(() => this.#underWay--);
    return { status: 202, body: { operation } };
  }

  async #follow(known: Known, items: AsyncIterator<Matched>, signal: AbortSignal): Promise<void> {
    try {
      for (let next = await items.next(); !next.done; next = await items.next())
        known.shown = { ...known.shown, ...next.value };
      const { matched, done, failed } = known.shown;
      const isWhole = done + failed === matched;
      known.shown = { ...known.shown, state: signal.aborted && !isWhole ? 'stopped' : 'done' };
    } catch (error) {
      known.shown = {
        ...known.shown,
        state: 'failed',
        error: { ...toJobrunError(error).toJSON() },
      };
      if (!(error instanceof JobrunError)) this.#onError(error);
    }
  }
}

const unknown = (id: string): Reply =>
  refusal(
    404,
    new JobrunError(
      'unknown-path',
      `there is no operation "${plainLine(id).slice(0, 100)}"`,
      'It ended with its daemon, or more than an hour ago. See the runs: GET runs.',
    ),
  );

const TOO_MANY = refusal(
  503,
  new JobrunError('refused', 'too many operations are under way', 'Try again when one has ended.'),
  { 'Retry-After': '5' },
);
