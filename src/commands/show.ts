// `jobrun show`: all there is to know of one run.
import { begunAttempts } from '../run/attempts.ts';
import type { Run } from '../run/run.ts';
import { idsOf } from '../run/trace.ts';
import { attemptView } from '../run/view.ts';
import { type Config, TRACE_ID } from '../support/config.ts';
import { showDuration } from '../support/durations.ts';
import type { Json } from '../support/json.ts';
import { showMillisecond, showTime } from './shared/clock-texts.ts';
import type { Command } from './shared/command.ts';
import { showLine } from './shared/follow.ts';
import { count, run } from './shared/kinds.ts';
import { getRun } from './shared/named.ts';
import { argument, field } from './shared/options.ts';
import { type Output, paint, paintState, type Value } from './shared/output.ts';
import type { Details } from './shared/replies.ts';
import { lastAlive, tookMs, workerText } from './shared/run-words.ts';
import { instantOf } from './shared/times.ts';
import { viewRun } from './shared/views.ts';
import { lastOf } from './shared/window.ts';

/** The end of the log in the JSON, and on the screen. All of it: `jobrun logs`. */
const LAST_LINES = 200;
const LAST_SHOWN = 10;
const ROWS_SHOWN = 20;

const options = {
  id: argument('<id>', run(), 'the run'),
  attempts: field(count(0), 'at most so many of the latest attempts'),
  results: field(count(0), 'at most so many of the latest rows'),
  log: field(count(0), 'at most so many of the latest lines'),
};

export const show: Command<typeof options, Details> = {
  name: 'show',
  reads: true,
  about: 'Show one run in full: attempts, params, progress, results, error, log.',
  examples: ['show 12', 'show 12 --json | jq .attempts'],
  options,

  async handle({ id, attempts, results, log = LAST_LINES }, context) {
    const run = await getRun(id, context);
    return {
      ...(await viewRun(run, context)),
      attempts: lastOf(run.life?.attempts ?? [], attempts).map((one) =>
        attemptView(one, context.config.host),
      ),
      // Reading either is reading the file of the log.
      results: results === 0 ? [] : lastOf(await context.logs.rows(run.id), results),
      log: log === 0 ? [] : await context.logs.lines(run.id, { last: log }),
      ...traceUrlOf(run, context.config.trace),
    };
  },

  async show(run, out) {
    if (out.done(run, [run.id])) return undefined;
    out.line`${paint('bold', run.id)} ${run.job}  ${paintState(run.state)}`;
    for (const [name, value] of await facts(run, out)) out.line`  ${name.padEnd(10)} ${value}`;
    showError(run, out);
    showAttempts(run, out);
    showResults(run.results, out);
    if (run.log.length > 0) out.line`log`;
    for (const line of run.log.slice(-LAST_SHOWN)) showLine(line, out);
    return undefined;
  },
};

function traceUrlOf(run: Run, rules: Config['trace']): { readonly traceUrl?: string } {
  const number = begunAttempts(run);
  if (!rules.link || number === 0) return {};
  return { traceUrl: rules.link.replaceAll(TRACE_ID, idsOf(run, number, rules).traceId) };
}

async function facts(run: Details, out: Output): Promise<[string, Value][]> {
  const alive = lastAlive(run, out);
  const took = tookMs(run, alive === null ? out.now : undefined);
  const limit = run.maxAttempts === null ? '' : ` of ${run.maxAttempts}`;
  const all: [string, Value | null][] = [
    ['reason', run.reason],
    ['due', await showTime(run.dueAt, out)],
    ['accepted', await showTime(run.createdAt, out)],
    ['started', run.startedAt === null ? null : await showTime(run.startedAt, out)],
    ['settled', run.settledAt === null ? null : await showTime(run.settledAt, out)],
    ['alive', alive && `last known ${await showTime(alive, out)}`],
    ['took', took === null ? null : showDuration(took)],
    [
      'progress',
      run.attempt > 0
        ? `${Math.floor(run.progress.percent)}% ${run.progress.text ?? ''}`.trim()
        : null,
    ],
    ['attempt', run.attempt > 0 ? `${run.attempt}${limit}` : null],
    ['priority', run.priority],
    ['key', run.key],
    ['after', run.after.join(', ') || null],
    ['schedule', run.schedule],
    ['parent', run.parent],
    ['worker', run.worker && workerText(run.worker)],
    ['trace', run.traceUrl ?? null],
    ['params', JSON.stringify(run.params)],
    ['checkpoint', run.checkpoint === null ? null : JSON.stringify(run.checkpoint)],
    ['output', run.output === null ? null : JSON.stringify(run.output)],
  ];
  return all.filter((fact): fact is [string, Value] => fact[1] !== null);
}

function showError({ error }: Details, out: Output): void {
  if (!error) return;
  const head = `${error.name}: ${error.message}`;
  out.line`  ${paint('red', 'error')}      ${head}`;
  // A stack begins with what the line above has said, but for line feeds in it.
  const isSaid = !head.includes('\n') && error.stack.startsWith(`${head}\n`);
  const stack = isSaid ? error.stack.slice(head.length + 1) : error.stack;
  if (stack !== '') out.block(stack, '    ');
}

function showAttempts({ attempts }: Details, out: Output): void {
  if (attempts.length === 0) return;
  out.line`attempts`;
  // Programs outside are known by their names.
  const by = attempts.some(({ worker }) => worker !== undefined) ? 'WORKER' : 'PID';
  const columns = ['NO', 'OUTCOME', 'STARTED', 'TOOK', by, 'EXIT', 'ERROR'].map((title) => ({
    title,
    flex: title === 'ERROR',
  }));
  out.table(
    columns,
    attempts.map((attempt): Value[] => [
      attempt.number,
      attempt.outcome ?? 'running',
      showMillisecond(instantOf(attempt.startedAt), out),
      attempt.endedAt === null
        ? ''
        : showDuration(Math.max(0, instantOf(attempt.endedAt) - instantOf(attempt.startedAt))),
      attempt.worker ?? attempt.pid ?? '',
      attempt.signal ?? attempt.exitCode ?? '',
      attempt.error?.message ?? '',
    ]),
  );
}

function showResults(results: readonly Json[], out: Output): void {
  if (results.length === 0) return;
  out.line`results (${results.length})`;
  for (const row of results.slice(0, ROWS_SHOWN)) out.line`  ${JSON.stringify(row)}`;
  if (results.length > ROWS_SHOWN) out.note`  all of them: --json`;
}
