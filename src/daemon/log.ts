// What the daemon says of itself: JSON lines with pino, or, where a person looks at it, one short line each. Runs come
// and go by the thousand: of their lines a few a second are written and the rest is counted, failures first.
import { styleText } from 'node:util';
import { type DestinationStream, type Logger, pino } from 'pino';
import type { Change } from '../engine/engine.ts';
import { isSettled, type Progress, type Run } from '../run/run.ts';
import type { Clock } from '../support/clock.ts';
import { showDuration } from '../support/durations.ts';
import { SECOND } from '../support/limits.ts';
import { plainLine } from '../support/text.ts';

export interface DaemonLog {
  readonly logger: Logger;
  /** Says what became of a run, if there is room for it this second. */
  run(change: Change): void;
  progress(run: Run, progress: Progress): void;
}

const LINES_PER_SECOND = 20;
const PROGRESS_EVERY_MS = 2 * SECOND;

export function openLog(out: NodeJS.WriteStream, clock: Clock, verbose: boolean): DaemonLog {
  const stream: DestinationStream = out.isTTY
    ? prettyTo(out)
    : { write: (line) => out.write(line) };
  const options = {
    level: verbose ? 'debug' : 'info',
    base: null,
    timestamp: pino.stdTimeFunctions.isoTime,
  };
  const logger = pino(options, stream);
  const budget = new Budget(clock, (n) =>
    logger.info(`${n} more lines about runs in the last second`),
  );
  const shownAt = new Map<number, number>();
  return {
    logger,
    run(change) {
      const { run } = change;
      if (isSettled(run)) shownAt.delete(run.id);
      const text = textOf(change);
      if (text === null || !budget.take()) return;
      const level = run.state.name === 'failed' ? 'error' : 'info';
      logger[level]({ run: String(run.id), job: run.job }, text);
    },
    progress(run, { percent, text }) {
      const now = clock.monotonic();
      if (now - (shownAt.get(run.id) ?? 0) < PROGRESS_EVERY_MS || !budget.take()) return;
      shownAt.set(run.id, now);
      const said = text === null ? '' : ` ${plainLine(text)}`;
      logger.info({ run: String(run.id), job: run.job }, `${percent.toFixed(0)}%${said}`);
    },
  };
}

function textOf({ prev, run, at }: Change): string | null {
  const { state, life } = run;
  if (prev?.state.name === state.name) return null;
  const attempts = life && life.attempt > 1 ? ` (attempt ${life.attempt})` : '';
  const took = life ? ` in ${showDuration(at - life.startedAt)}` : '';
  switch (state.name) {
    case 'running':
      return `started${attempts}`;
    case 'done':
      return `done${took}`;
    case 'failed':
      return `failed${took}: ${plainLine(state.error.message)}`;
    case 'aborted':
      return `aborted: ${plainLine(state.reason)}`;
    case 'scheduled':
    case 'queued':
    case 'waiting':
      return life
        ? `again ${life.attempts.at(-1)?.outcome ?? ''}${attempts}`.replace(
            'again',
            'goes on after:',
          )
        : null;
  }
}

class Budget {
  readonly #clock: Clock;
  readonly #told: (left: number) => void;
  #second = 0;
  #taken = 0;

  constructor(clock: Clock, told: (left: number) => void) {
    this.#clock = clock;
    this.#told = told;
  }

  take(): boolean {
    const second = Math.floor(this.#clock.monotonic() / SECOND);
    if (second !== this.#second) {
      if (this.#taken > LINES_PER_SECOND) this.#told(this.#taken - LINES_PER_SECOND);
      this.#second = second;
      this.#taken = 0;
    }
    return ++this.#taken <= LINES_PER_SECOND;
  }
}

interface Entry {
  readonly level: number;
  readonly time: string;
  readonly msg: string;
  readonly run?: string;
  readonly job?: string;
  readonly err?: { readonly message: string };
}

/** `18:42:07 run 12 import-products: done in 4.2s` */
function prettyTo(out: NodeJS.WriteStream): DestinationStream {
  return {
    write(line) {
      const entry = JSON.parse(line) as Entry;
      const time = styleText('dim', new Date(entry.time).toTimeString().slice(0, 8));
      const about = entry.run ? `run ${entry.run} ${entry.job}: ` : '';
      const why = entry.err ? ` (${plainLine(entry.err.message)})` : '';
      const text = `${about}${plainLine(entry.msg)}${why}`;
      out.write(`${time} ${entry.level >= 50 ? styleText('red', text) : text}\n`);
    },
  };
}
