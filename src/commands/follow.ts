// Following one run from its acceptance to its end: for `run`, `schedule --wait` and `schedule --follow`.
import type { LogLine, RunView } from '../run/view.ts';
import { showDuration } from '../support/durations.ts';
import type { Json } from '../support/json.ts';
import type { Tools } from './command.ts';
import { runId } from './fields.ts';
import { type Output, paint, paintState } from './output.ts';
import { exitCodeOfRuns, untilSettled } from './settled.ts';
import { instantOf, showClock } from './times.ts';
import { viewRun } from './views.ts';

export type Followed =
  | { readonly accepted: RunView }
  | { readonly line: LogLine }
  | { readonly run: RunView };

export async function* followRun(
  accepted: RunView,
  withLog: boolean,
  tools: Tools,
  signal: AbortSignal,
): AsyncGenerator<Json> {
  const item = (followed: Followed): Json => followed as unknown as Json;
  const id = runId(accepted.id);
  yield item({ accepted });
  if (withLog) for await (const line of logOf(id, {}, tools, signal)) yield item({ line });
  const settled = await untilSettled([id], false, tools, signal);
  for (const run of settled ?? []) yield item({ run: viewRun(run, tools) });
}

/** The log as it grows, until the run is settled. */
export async function* logOf(
  id: number,
  which: { readonly last?: number; readonly attempt?: number },
  tools: Tools,
  signal: AbortSignal,
): AsyncGenerator<LogLine> {
  const over = new AbortController();
  const end = (): void => over.abort();
  signal.addEventListener('abort', end);
  // What was said last may still be on its way to the file: reading it brings it there.
  const ended = untilSettled([id], false, tools, over.signal)
    .then(() => tools.logs.lines(id, { last: 1 }))
    .finally(end);
  ended.catch(end);
  try {
    yield* tools.logs.follow(id, which, over.signal);
    await ended;
  } finally {
    signal.removeEventListener('abort', end);
    end();
  }
}

export function showFollowed(followed: Followed, out: Output): number | undefined {
  if ('accepted' in followed) {
    out.note`Scheduled ${followed.accepted.job} as ${followed.accepted.id}`;
    return undefined;
  }
  if ('line' in followed) {
    if (!out.json) showLine(followed.line, out);
    return undefined;
  }
  const { run } = followed;
  if (!out.done(run, [run.id])) showEnd(run, out);
  return exitCodeOfRuns([run]);
}

function showEnd(run: RunView, out: Output): void {
  const took = tookMs(run);
  out.line`${run.id} ${run.job} ${paintState(run.state)}${took === null ? '' : `, took ${showDuration(took)}`}`;
  if (run.error) out.line`  ${run.error.name}: ${run.error.message}`;
  if (run.state === 'aborted') out.line`  ${run.reason ?? ''}`;
  if (run.state === 'done' && run.output !== null) out.line`  ${JSON.stringify(run.output)}`;
}

/** How long the latest attempt has taken; null where there was none. */
export function tookMs(run: RunView, now?: number): number | null {
  const end = run.settledAt === null ? now : instantOf(run.settledAt);
  if (run.startedAt === null || end === undefined) return null;
  return Math.max(0, end - instantOf(run.startedAt));
}

const LEVEL_STYLES = { debug: 'dim', info: null, warn: 'yellow', error: 'red' } as const;

export function showLine(line: LogLine, out: Output): void {
  const style = LEVEL_STYLES[line.level];
  const level = line.level.padEnd(5);
  const fields = line.fields === null ? '' : ` ${JSON.stringify(line.fields)}`;
  const text = `${line.text}${fields}`;
  const at = paint('dim', showClock(line.at, out));
  out.line`${at} ${style ? paint(style, level) : level} ${text}`;
}
