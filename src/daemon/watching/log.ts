// The daemon's own log: JSON lines with pino, or, where a person looks at it, one short line each. Runs come and go by
// the thousand: of their lines a few a second are written and the rest is counted, failures first.
import { styleText } from 'node:util';
import { type DestinationStream, type Logger, pino } from 'pino';
import type { JobChange } from '../../catalog/catalog.ts';
import { type ColorChoice, fullCells, wantsColor } from '../../commands/shared/output.ts';
import type { Change } from '../../engine/engine.ts';
import { begunAttempts } from '../../run/attempts.ts';
import { isSettled, latestAttempt, type Progress, type Run } from '../../run/run.ts';
import { idsOf, type TraceRules } from '../../run/trace.ts';
import type { LogLine } from '../../run/view.ts';
import type { Clock } from '../../support/clock.ts';
import { showDuration } from '../../support/durations.ts';
import { SECOND } from '../../support/limits.ts';
import { count, plainLine } from '../../support/text.ts';

export interface DaemonLog {
  readonly logger: Logger;
  /** Says what became of a run, if there is room for it this second. */
  run(change: Change): void;
  progress(run: Run, progress: Progress): void;
  /** Lines that job code printed outside a run: while its file was read, or after its run was over. */
  stray(printed: Pick<LogLine, 'stream' | 'text'>): void;
  /** Says, once and then by their number, that worker processes could not be started; null: one has started. */
  process(problem: string | null): void;
  /** Says what became of a job whose file has changed, for each. */
  job(change: JobChange): void;
  /** `problem`: what it threw, with its stack. */
  hookFailed(run: Run, hook: string, problem: string): void;
}

const LINES_PER_SECOND = 20;
const PROGRESS_EVERY_MS = 2 * SECOND;

/** The target of the lines: stderr, a file, or the stream that a program gives. */
export interface LogTarget {
  readonly isTTY?: boolean;
  readonly columns?: number;
  write(line: string): unknown;
}

export interface LogOptions {
  readonly verbose?: boolean;
  /** Only a terminal has colours. */
  readonly color?: ColorChoice;
  /** As the config has it; default: as where it has none. */
  readonly trace?: TraceRules;
}

export function openLog(
  out: LogTarget,
  clock: Clock,
  { verbose = false, color = 'auto', trace }: LogOptions = {},
): DaemonLog {
  const stream = out.isTTY
    ? prettyTo(out, wantsColor({ color, env: process.env }, true))
    : { write: (line: string) => out.write(line) };
  const logger = openLogger(stream, verbose);
  const budget = new Budget(clock, (n) =>
    logger.info(`${n} more lines about runs in the last second`),
  );
  const printedBudget = new Budget(clock, (n) =>
    logger.info(`${n} more lines printed outside a run in the last second`),
  );
  const unstarted = new Unstarted(clock, logger);
  const shownAt = new Map<number, number>();
  return {
    logger,
    run(change) {
      const { run } = change;
      if (isSettled(run)) shownAt.delete(run.id);
      if (!isTold(change) || !budget.take()) return;
      const text = textOf(change);
      const level = run.state.name === 'failed' ? 'error' : 'info';
      const told = { run: String(run.id), job: run.job, state: run.state.name };
      const traced = run.life ? { trace_id: idsOf(run, begunAttempts(run), trace).traceId } : {};
      logger[level]({ ...told, ...traced }, text);
    },
    progress(run, { percent, text }) {
      const now = clock.monotonic();
      if (
        now - (shownAt.get(run.id) ?? Number.NEGATIVE_INFINITY) < PROGRESS_EVERY_MS ||
        !budget.take()
      )
        return;
      shownAt.set(run.id, now);
      const said = text === null ? '' : ` ${plainLine(text)}`;
      const whole = Math.floor(percent);
      logger.info({ run: String(run.id), job: run.job, percent: whole }, `${whole}%${said}`);
    },
    stray({ stream, text }) {
      if (printedBudget.take()) logger.info({ stream }, `printed outside a run: ${text}`);
    },
    process: (problem) => unstarted.told(problem),
    job({ job, became, error }) {
      if (error === null) logger.info({ job, became }, `job ${job} is ${became}`);
      else logger.warn({ job, became }, `job ${job} is broken: ${plainLine(error)}`);
    },
    hookFailed(run, hook, problem) {
      if (!budget.take()) return;
      const err = Object.assign(new Error(problem.split('\n')[0]), { stack: problem });
      logger.warn({ run: String(run.id), job: run.job, err }, `${hook} failed`);
    },
  };
}

function openLogger(stream: DestinationStream, verbose: boolean): Logger {
  const options = {
    level: verbose ? 'debug' : 'info',
    base: null,
    timestamp: pino.stdTimeFunctions.isoTime,
  };
  return pino(options, stream);
}

export const drainText = (running: number, ms: number): string =>
  `stopping: ${count(running, 'run')} may end first, for ${showDuration(ms)} at most; asked again, at once`;

export const lostText = (runs: number): string =>
  `${count(runs, 'run')} under way when the last daemon was cut off: taken back`;

export const copyText = (pid: number): string =>
  `this state is a copy of the one that the daemon ${pid} works on: runs under way there begin here once more`;

export const leapText = (ms: number): string =>
  `the clock is ${showDuration(ms)} ahead of when it was last seen: for a day nothing more is removed from the history by it; if it is right: jobrun doctor --repair`;

/** Not that one was accepted, or that something of it changed but its state. */
const isTold = ({ prev, run }: Change): boolean =>
  prev?.state.name !== run.state.name && (run.life !== null || isSettled(run));

function textOf({ run, at }: Change): string {
  const { state, life } = run;
  const attempt = latestAttempt(run);
  const attempts = attempt > 1 ? ` (attempt ${attempt})` : '';
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
      return `goes on after: ${life?.attempts.at(-1)?.outcome ?? ''}${attempts}`;
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

const UNSTARTED_EVERY_MS = 10 * SECOND;

/** Processes that cannot be started: a daemon tries again and again, each time for the same reason. */
class Unstarted {
  readonly #clock: Clock;
  readonly #logger: Logger;
  #tries = 0;
  #since = 0;
  #toldAt = 0;

  constructor(clock: Clock, logger: Logger) {
    this.#clock = clock;
    this.#logger = logger;
  }

  told(problem: string | null): void {
    if (problem === null) this.#over();
    else this.#more(problem);
  }

  #more(problem: string): void {
    const now = this.#clock.monotonic();
    if (++this.#tries === 1) this.#since = now;
    else if (now - this.#toldAt < UNSTARTED_EVERY_MS) return;
    this.#toldAt = now;
    const took = showDuration(Math.round((now - this.#since) / SECOND) * SECOND);
    const often = this.#tries === 1 ? '' : `, ${this.#tries} times in ${took}`;
    const text = `no worker process could be started${often}: ${plainLine(problem)}: trying again`;
    this.#logger.warn(text);
  }

  #over(): void {
    if (this.#tries === 0) return;
    this.#logger.info(`worker processes start again: it had failed ${count(this.#tries, 'time')}`);
    this.#tries = 0;
  }
}

interface Entry {
  readonly level: number;
  readonly time: string;
  readonly msg: string;
  readonly run?: string;
  readonly job?: string;
  readonly state?: string;
  readonly percent?: number;
  readonly err?: { readonly message: string };
}

const STATE_STYLES: Readonly<Record<string, 'cyan' | 'green' | 'yellow'>> = {
  running: 'cyan',
  done: 'green',
  aborted: 'yellow',
};
const BAR_CELLS = 10;

/** `18:42:07 run 12 import-products: #####..... 54% 11659 imported` */
function prettyTo(out: LogTarget, colored: boolean): DestinationStream {
  const paint = (style: Parameters<typeof styleText>[0], text: string): string =>
    colored ? styleText(style, text, { validateStream: false }) : text;
  return {
    write(line) {
      const entry = JSON.parse(line) as Entry;
      const { level, run, job, state, percent, err } = entry;
      const time = new Date(entry.time).toTimeString().slice(0, 8);
      const bar = percent === undefined ? '' : `${barOf(percent)} `;
      const about = (run ? `run ${run} ${job}: ` : '') + bar;
      const why = err ? ` (${plainLine(err.message)})` : '';
      const said = `${plainLine(entry.msg)}${why}`;
      // Progress comes again: what does not fit on its line is left out. All else is told whole.
      const room = Math.max(20, (out.columns ?? 80) - time.length - about.length - 1);
      const isCut = percent !== undefined && said.length > room;
      const text = isCut ? `${said.slice(0, room - 1)}…` : said;
      const style = level >= 50 ? 'red' : level >= 40 ? 'yellow' : STATE_STYLES[state ?? ''];
      out.write(`${paint('dim', time)} ${about}${style ? paint(style, text) : text}\n`);
    },
  };
}

function barOf(percent: number): string {
  const full = fullCells(percent, BAR_CELLS);
  return '#'.repeat(full) + '.'.repeat(BAR_CELLS - full);
}
