// The worker's end of the channel. It writes straight to the descriptor and waits where the daemon is slow: so a job
// cannot outrun the daemon, nothing piles up in memory, and what was said just before a crash has arrived. When the
// daemon is gone the worker ends itself and its whole group at once.
import { writeSync } from 'node:fs';
import { Socket } from 'node:net';
import { errnoOf, errorFromShape, JobrunError } from '../support/errors.ts';
import type { Json } from '../support/json.ts';
import { type Answer, Frames, type FromWorker, type ToWorker } from './messages.ts';

const CHANNEL = 3;
/** Log lines of one turn that are written at once, so that a crash loses none of a few; floods are gathered. */
const URGENT_IN_A_TURN = 16;
const GATHERED_BYTES = 64 * 1024;
/** The exit code of a worker that cannot tell anything: EX_SOFTWARE. */
const SPEECHLESS = 70;
const NAP = new Int32Array(new SharedArrayBuffer(4));

type Asking = Extract<FromWorker, { readonly type: 'save' | 'emit' }>;

export class Channel {
  readonly #socket: Socket;
  readonly #asked = new Map<number, (answer: Answer) => void>();
  #lastCall = 0;
  #unsent: string[] = [];
  #started: number[] = [];
  #unsentBytes = 0;
  #urgent = 0;
  #planned = false;
  #held = true;

  constructor(got: (message: ToWorker) => void) {
    this.#socket = new Socket({ fd: CHANNEL, readable: true, writable: true });
    // The daemon may be believed, and an assignment has all that the run's steps have saved.
    const frames = new Frames((message) => got(message as ToWorker), Number.POSITIVE_INFINITY);
    this.#socket.on('data', (chunk: Buffer) => frames.write(chunk));
    this.#socket.on('end', endWithDaemon);
    this.#socket.on('error', endWithDaemon);
  }

  /** Goes out with everything else of this turn. */
  send(message: FromWorker): void {
    const line = JSON.stringify(message);
    if (!line.startsWith('{')) endSpeechless();
    this.#unsent.push(line);
    this.#unsentBytes += line.length;
    if (this.#unsentBytes > GATHERED_BYTES) this.flush();
    this.#plan();
  }

  /** Goes out now: the job may block or crash after it. */
  sendNow(message: FromWorker): void {
    this.send(message);
    if (++this.#urgent <= URGENT_IN_A_TURN) this.flush();
  }

  /** Reports that a run starts, before its code can block this process. Runs that start in one turn share a message. */
  async started(run: number): Promise<void> {
    this.#started.push(run);
    await null;
    if (this.#started.length === 0) return;
    this.send({ type: 'started', runs: this.#started });
    this.#started = [];
    this.flush();
  }

  #plan(): void {
    if (this.#planned) return;
    this.#planned = true;
    process.nextTick(() => {
      this.#planned = false;
      this.#urgent = 0;
      this.flush();
    });
  }

  flush(): void {
    if (this.#unsent.length === 0) return;
    const bytes = Buffer.from(`${this.#unsent.join('\n')}\n`);
    this.#unsent = [];
    this.#unsentBytes = 0;
    for (let from = 0; from < bytes.length; ) from += writeSome(bytes.subarray(from));
  }

  /** Sends and waits for the daemon's answer; rejects with its refusal. */
  async ask(message: DistributiveOmit<Asking, 'call'>): Promise<Json> {
    const call = ++this.#lastCall;
    const answer = await new Promise<Answer>((resolve) => {
      this.#asked.set(call, resolve);
      this.#refresh();
      this.send({ ...message, call } as FromWorker);
    });
    if (answer.ok) return answer.value;
    // Made here and not where the answer arrives: so its stack names the line of the job that waits for it.
    throw errorFromShape({ ...answer, code: answer.code as JobrunError['code'] });
  }

  answered(call: number, answer: Answer): void {
    this.#asked.get(call)?.(answer);
    this.#asked.delete(call);
    this.#refresh();
  }

  /**
   * True to keep the process alive for the channel alone. While attempts run it must not, or a hung one never shows.
   */
  hold(held: boolean): void {
    if (held === this.#held) return;
    this.#held = held;
    this.#refresh();
  }

  #refresh(): void {
    if (this.#held || this.#asked.size > 0) this.#socket.ref();
    else this.#socket.unref();
  }
}

type DistributiveOmit<T, K extends PropertyKey> = T extends unknown ? Omit<T, K> : never;

function writeSome(bytes: Buffer): number {
  try {
    return writeSync(CHANNEL, bytes);
  } catch (error) {
    if (errnoOf(error) === 'EAGAIN') {
      Atomics.wait(NAP, 0, 0, 1);
      return 0;
    }
    if (errnoOf(error) === '') throw error;
    return endWithDaemon();
  }
}

/** A job has changed how objects are written: the daemon would wait for ever for what it cannot be told any more. */
function endSpeechless(): never {
  writeSync(2, 'a job must not change how JSON is written (a toJSON of Object.prototype)\n');
  process.exit(SPEECHLESS);
}

/** The daemon is gone, and its runs belong to the next one: nothing of this group may live on. */
function endWithDaemon(): never {
  try {
    process.kill(-process.pid, 'SIGKILL');
  } catch (error) {
    if (errnoOf(error) !== 'ESRCH') throw error;
  }
  process.kill(process.pid, 'SIGKILL');
  throw new JobrunError('internal', 'the daemon is gone', 'Start it again.');
}
