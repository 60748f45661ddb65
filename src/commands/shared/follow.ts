// Following one run from its acceptance to its end: for `run`, `schedule --wait` and `schedule --follow`.

import * as v from 'valibot';
import type { NumberedLine } from '../../engine/logs.ts';
import type { LogLine, RunView } from '../../run/view.ts';
import { onAbort } from '../../support/aborts.ts';
import { showDuration } from '../../support/durations.ts';
import { fields } from '../../support/schema.ts';
import { showMillisecond, showTime } from './clock-texts.ts';
import type { Context } from './command.ts';
import { run as aRun, count, runId } from './kinds.ts';
import { getRun } from './named.ts';
import { argument, type Checked, checked, field, type Sent } from './options.ts';
import { type Output, paint, paintState } from './output.ts';
import { tellTextNote } from './params.ts';
import type { AcceptedView } from './replies.ts';
import { tookMs } from './run-words.ts';
import { beside, type Step, showStep, stepsOf } from './steps.ts';
import { instantOf } from './times.ts';
import { viewRun } from './views.ts';
import { exitCodeOfRuns, untilSettled } from './waiting.ts';

/** The last attempt whose end was shown: the next daemon goes on from there. */
interface FollowCursor {
  readonly told: number;
}

/** With the number of the line that it came after. */
export type FollowedStep = Step & FollowCursor & { readonly n: number };
export type FollowedLine = NumberedLine & FollowCursor;

export type Followed =
  | { readonly accepted: AcceptedView }
  | (FollowedLine & { readonly id: string })
  | (FollowedStep & { readonly id: string })
  | { readonly run: RunView };

const FOLLOWING = {
  id: argument('<id>', aRun(), ''),
  after: field(count(0)),
  told: field(count(0)),
};

/** A run that was followed at another daemon, and what was shown: its last line, and its last attempt that ended. */
export const following = field<Checked<typeof FOLLOWING>, Sent<typeof FOLLOWING>>({
  schema: v.pipe(
    fields,
    v.transform((value) => checked(FOLLOWING, value)),
  ),
});
type Following = Checked<typeof FOLLOWING>;

export async function* followRun(
  accepted: AcceptedView,
  { log, following }: { readonly log: boolean; readonly following?: Following | undefined },
  context: Context,
  signal: AbortSignal,
): AsyncGenerator<Followed> {
  const id = runId(accepted.id);
  if (!following) yield { accepted };
  const { after = 0, told = 0 } = following ?? {};
  if (log) {
    for await (const item of logWithSteps(id, { after, told }, context, signal))
      yield { ...item, id: accepted.id };
  }
  const settled = await untilSettled([id], false, context, signal);
  for (const run of settled ?? []) yield { run: await viewRun(run, context) };
}

/** How a request goes on with the next daemon: what it accepted is not accepted again. */
export function followAgain<Request extends object>(
  request: Request,
  followed: Followed | null,
): Request {
  if (followed === null) return request;
  if ('n' in followed)
    return { ...request, following: { id: followed.id, after: followed.n, told: followed.told } };
  const { id } = 'accepted' in followed ? followed.accepted : followed.run;
  return { ...request, following: { id, after: 0 } };
}

/** The run that goes on where its follower leaves; null where none was accepted yet. */
export const leftRun = (_request: object, item: Followed | null): string | null =>
  item && 'accepted' in item ? item.accepted.id : null;

/** The run that `followAgain` names. */
export const followedRun = async ({ id }: Following, context: Context): Promise<RunView> =>
  viewRun(await getRun(id, context), context);

/** The log as it grows, until the run is settled. */
export async function* logOf(
  id: number,
  which: { readonly last?: number; readonly attempt?: number; readonly after?: number },
  context: Context,
  signal: AbortSignal,
): AsyncGenerator<NumberedLine> {
  const over = new AbortController();
  const end = (): void => over.abort();
  const unlisten = onAbort(signal, end);
  // The last lines may still be on their way to the file: reading it brings them there.
  const ended = untilSettled([id], false, context, over.signal)
    .then(() => context.logs.lines(id, { last: 1 }))
    .finally(end);
  ended.catch(end);
  try {
    yield* context.logs.follow(id, which, over.signal);
    await ended;
  } finally {
    unlisten();
    end();
  }
}

/** The same, and what the run does between its lines. `told`: attempts up to this number are not told of. */
export async function* logWithSteps(
  id: number,
  { told: before, ...which }: Parameters<typeof logOf>[1] & FollowCursor,
  context: Context,
  signal: AbortSignal,
): AsyncGenerator<FollowedLine | FollowedStep> {
  const over = new AbortController();
  const end = (): void => over.abort();
  const lines = logOf(id, which, context, signal);
  let n = which.after ?? 0;
  let told = before;
  for await (const item of beside(lines, stepsOf(id, before, context, over.signal), end)) {
    if ('line' in item) n = item.n;
    else if (item.step === 'ended') told = item.attempt;
    yield { ...item, n, told };
  }
}

/** Shows one item. `note` and `timezone` belong to the time that was typed. */
export async function showFollowed(
  followed: Followed,
  out: Output,
  { note, timezone = out.timezone }: { readonly note?: string; readonly timezone?: string },
): Promise<number | undefined> {
  if ('accepted' in followed) {
    if (note) out.note`note: ${note}`;
    await showAccepted(followed.accepted, out, timezone);
    return undefined;
  }
  if ('step' in followed) {
    showStep(followed, out);
    return undefined;
  }
  if ('line' in followed) {
    if (!out.json) showLine(followed.line, out);
    return undefined;
  }
  const { run } = followed;
  out.progress(null);
  if (!out.done(run, [run.id])) showEnd(run, out, 'line');
  return exitCodeOfRuns([run]);
}

async function showAccepted(run: AcceptedView, out: Output, timezone: string): Promise<void> {
  tellTextNote(run, out);
  if (run.existing) out.note`Run ${run.id} of ${run.job} has this key and is ${run.state}`;
  else out.note`Scheduled ${run.job} as ${run.id}`;
  if (run.state === 'scheduled')
    out.note`  runs ${await showTime(run.dueAt, { now: askedAt(run, out.now), timezone })}`;
}

/** The instant of the request, from which `--in 5m` is five minutes; a run that was there before is seen from now. */
export const askedAt = (
  { createdAt, existing }: Pick<AcceptedView, 'createdAt'> & { readonly existing?: boolean },
  now: number,
): number => (existing ? now : instantOf(createdAt));

/** How it ended: as the result of a command, or as a note beside one. */
export function showEnd(run: RunView, out: Output, as: 'line' | 'note'): void {
  const took = tookMs(run);
  out[
    as
  ]`${run.id} ${run.job} ${paintState(run.state)}${took === null ? '' : `, took ${showDuration(took)}`}${inAll(run)}`;
  if (run.error) out[as]`  ${run.error.name}: ${run.error.message}`;
  if (run.state === 'aborted') out[as]`  ${run.reason ?? ''}`;
  if (run.state === 'done' && run.output !== null) out[as]`  ${JSON.stringify(run.output)}`;
}

/** How long it took with all that failed before. */
function inAll({ attempt, createdAt, settledAt }: RunView): string {
  if (attempt < 2 || settledAt === null) return '';
  return ` (${attempt} attempts in ${showDuration(instantOf(settledAt) - instantOf(createdAt))})`;
}

const LEVEL_STYLES = { debug: 'dim', info: null, warn: 'yellow', error: 'red' } as const;

export function showLine(line: LogLine, out: Output): void {
  const style = LEVEL_STYLES[line.level];
  const level = line.level.padEnd(5);
  const fields = line.fields === null ? '' : ` ${JSON.stringify(line.fields)}`;
  const text = `${line.text}${fields}`;
  const at = paint('dim', showMillisecond(instantOf(line.at), out));
  out.line`${at} ${style ? paint(style, level) : level} ${text}`;
}
