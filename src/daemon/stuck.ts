// Results that the disk refuses: they are kept by their attempts and tried again. When that has gone on for too long
// the daemon ends itself, because its supervisor must learn that nothing is recorded any more.
import type { Logger } from 'pino';
import { type Clock, delay } from '../support/clock.ts';
import { JobrunError } from '../support/errors.ts';
import { SECOND, WRITE_GIVE_UP_MS } from '../support/limits.ts';

export class Stuck {
  readonly #clock: Clock;
  readonly #logger: Pick<Logger, 'error'>;
  readonly #giveUp: (error: JobrunError) => void;
  #since: number | null = null;

  constructor(clock: Clock, logger: Pick<Logger, 'error'>, giveUp: (error: JobrunError) => void) {
    this.#clock = clock;
    this.#logger = logger;
    this.#giveUp = giveUp;
  }

  /** Some result has not been kept since. */
  get isStuck(): boolean {
    return this.#since !== null;
  }

  /** A result could not be kept, or (null) one went through. */
  told(error: unknown | null): void {
    if (error === null) {
      this.#since = null;
      return;
    }
    const now = this.#clock.monotonic();
    this.#since ??= now;
    this.#logger.error({ err: error }, 'a result could not be kept; it is tried again');
    if (now - this.#since < WRITE_GIVE_UP_MS) return;
    const message = 'results could not be written for a minute';
    const look = error instanceof JobrunError ? error.hint : 'Look at the disk (df, dmesg).';
    const hint = `${look} Then start it again: nothing accepted is lost.`;
    this.#giveUp(new JobrunError('write-failed', message, hint, error));
  }
}

const RETRY_MS = SECOND;

/** Writes a result until the disk takes it; `told` hears of each refusal, and with null of each that went through. */
export async function untilWritten<T>(
  write: () => Promise<T>,
  clock: Clock,
  told: (error: unknown | null) => void,
): Promise<T> {
  for (;;) {
    try {
      const written = await write();
      told(null);
      return written;
    } catch (error) {
      told(error);
      await delay(clock, RETRY_MS);
    }
  }
}
