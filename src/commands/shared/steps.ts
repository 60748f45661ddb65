// The steps of a followed run between the lines of its log: why it waits, how an attempt ended and when the next one
// begins, how far it is. A change is told at once; reasons and progress, which change without one, are looked at twice
// a second.
import { readingText } from '../../catalog/catalog.ts';
import { type AttemptOutcome, isSettled, type Run, type RunError } from '../../run/run.ts';
import type { RunView } from '../../run/view.ts';
import { onAbort } from '../../support/aborts.ts';
import { delay, isoOf } from '../../support/clock.ts';
import { showDuration } from '../../support/durations.ts';
import { SECOND } from '../../support/limits.ts';
import { Wakeup } from '../../support/wakeup.ts';
import type { Context } from './command.ts';
import { type Output, paint } from './output.ts';
import { instantOf } from './times.ts';
import { viewRun } from './views.ts';
import { onRun } from './waiting.ts';

interface Ended {
  readonly step: 'ended';
  readonly attempt: number;
  readonly outcome: AttemptOutcome;
  readonly error: Pick<RunError, 'name' | 'message'> | null;
  /** When the next one is due. */
  readonly nextAt: string;
}

export type Step =
  | { readonly step: 'waits'; readonly reason: string }
  | Ended
  | { readonly step: 'runs'; readonly percent: number; readonly text: string | null };

const LOOK_EVERY_MS = SECOND / 2;
/** Time for a line to come from the file to its follower. */
const SETTLE_MS = 50;

/** Ends with the run, or with the signal. `since`: attempts up to this number are not told of. */
export async function* stepsOf(
  id: number,
  since: number,
  context: Context,
  signal: AbortSignal,
): AsyncGenerator<Step> {
  const changes = new Wakeup();
  const undo = onRun(id, context.engine, changes.wake);
  const unlisten = onAbort(signal, changes.wake);
  const cursor = new StepCursor(since);
  const began = context.clock.monotonic();
  try {
    while (!signal.aborted) {
      const run = await context.engine.find(id);
      if (!run || isSettled(run)) return;
      const ended = cursor.attempts(run);
      if (ended.length > 0) await said(id, context);
      yield* ended;
      const step = cursor.news(await viewRun(run, context), context.clock.monotonic() - began);
      if (step) yield step;
      const stop = context.clock.after(LOOK_EVERY_MS, changes.wake, { idle: true });
      await changes.sleepInTurn();
      stop();
    }
  } finally {
    undo();
    unlisten();
  }
}

/** The last lines of an attempt come before its end: reading them brings them to the file that followers read. */
async function said(id: number, { logs, clock }: Context): Promise<void> {
  await logs.lines(id, { last: 1 });
  await delay(clock, SETTLE_MS);
}

/** The steps that one follower has got. */
export class StepCursor {
  #attempt: number;
  #reason: string | null = null;
  #progress = '0';
  #waitsSince: string | null = null;

  constructor(attempt: number) {
    this.#attempt = attempt;
  }

  attempts({ life, state }: Run): readonly Step[] {
    const ended: Step[] = [];
    for (const { number, outcome, error } of life?.attempts ?? []) {
      if (number <= this.#attempt || outcome === undefined) continue;
      this.#attempt = number;
      // It waits for an outside result, which is shown as the reason.
      if (outcome === 'pending') continue;
      ended.push({
        step: 'ended',
        attempt: number,
        outcome,
        error: error ?? null,
        nextAt: isoOf(state.dueAt),
      });
    }
    return ended;
  }

  /** `ms`: since the follower came. */
  news({ job, state, reason, progress, dueAt }: RunView, ms: number): Step | null {
    // A process that has just begun reads its jobs: most are read before it is worth a word.
    if (ms < SECOND && reason === readingText(job)) return null;
    if (state === 'running') {
      this.#reason = null;
      const { percent, text } = progress;
      const said = `${Math.floor(percent)}${text === null ? '' : ` ${text}`}`;
      if (said === this.#progress) return null;
      this.#progress = said;
      return { step: 'runs', percent, text };
    }
    // A run that starts in a moment has nothing to say.
    const isStarting = state === 'queued' && reason === null && this.#waitsSince !== dueAt;
    this.#waitsSince = dueAt;
    const why = state === 'queued' && !isStarting ? (reason ?? 'for a free worker') : reason;
    if (why === null || why === this.#reason) return null;
    this.#reason = why;
    return { step: 'waits', reason: why };
  }
}

export function showStep(step: Step, out: Output): void {
  switch (step.step) {
    case 'waits':
      out.progress(null);
      out.note`${paint('dim', step.reason.startsWith('waits') ? step.reason : `waits: ${step.reason}`)}`;
      return;
    case 'ended':
      out.progress(null);
      showEnded(step, out);
      return;
    case 'runs':
      out.progress(step);
  }
}

function showEnded({ attempt, outcome, error, nextAt }: Ended, out: Output): void {
  const why = error ? `: ${error.name}: ${error.message}` : '';
  const inMs = instantOf(nextAt) - out.now;
  const next = inMs > SECOND / 2 ? `in ${showDuration(inMs)}` : 'now';
  if (outcome === 'callback') {
    out.note`${paint('dim', `attempt ${attempt} is not done yet`)}${why}; it goes on ${next}`;
    return;
  }
  const how = outcome === 'threw' ? 'failed' : outcome;
  out.note`${paint('yellow', `attempt ${attempt} ${how}`)}${why}; the next one begins ${next}`;
}

/** Items of both, as they come. Ends with the first of the two, which decides; the other is ended with it. */
export async function* beside<A, B>(
  main: AsyncGenerator<A>,
  other: AsyncGenerator<B>,
  endOther: () => void,
): AsyncGenerator<A | B> {
  const arrivals = new Wakeup();
  const sources = [new Source<A | B>(main, arrivals.wake), new Source<A | B>(other, arrivals.wake)];
  const [decides] = sources;
  try {
    while (!decides?.isOver) {
      const source = sources.find((one) => one.isReady);
      if (source) yield* source.take();
      else await arrivals.sleep();
    }
  } finally {
    endOther();
    await Promise.all([main.return(undefined), other.return(undefined)]);
  }
}

/** One item of a stream at a time, asked for only when the one before was taken: a slow reader holds its writer up. */
class Source<T> {
  readonly #items: AsyncGenerator<T>;
  readonly #arrived: () => void;
  #item: IteratorResult<T> | { readonly error: unknown } | null = null;
  isOver = false;

  constructor(items: AsyncGenerator<T>, arrived: () => void) {
    this.#items = items;
    this.#arrived = arrived;
    this.#ask();
  }

  get isReady(): boolean {
    return this.#item !== null;
  }

  *take(): Generator<T> {
    const item = this.#item;
    this.#item = null;
    if (item === null) return;
    if ('error' in item) throw item.error;
    if (item.done) {
      this.isOver = true;
      return;
    }
    this.#ask();
    yield item.value;
  }

  #ask(): void {
    const arrive = (item: IteratorResult<T> | { readonly error: unknown }): void => {
      this.#item = item;
      this.#arrived();
    };
    this.#items.next().then(arrive, (error: unknown) => arrive({ error }));
  }
}
