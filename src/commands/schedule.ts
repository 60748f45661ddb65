// `jobrun schedule`: accepts a run, many runs of a batch, or a schedule that makes runs by a rule.
import { newRun } from '../run/run.ts';
import type { ScheduleView } from '../run/schedule.ts';
import { CATCH_UPS, OVERLAPS } from '../run/slot-policy.ts';
import type { RunView } from '../run/view.ts';
import { parseDuration, showDuration } from '../support/durations.ts';
import { JobrunError } from '../support/errors.ts';
import { acceptOne } from './accepting.ts';
import {
  acceptBatch,
  type BatchLine,
  type BatchResult,
  cutBatch,
  readBatch,
  resultsOf,
  type ToldResult,
} from './batch.ts';
import type { Asked, Command, Tools } from './command.ts';
import { draftOf, type RunRequest } from './drafts.ts';
import { durably } from './durable.ts';
import { notOneOf } from './fields.ts';
import {
  type Followed,
  type Following,
  followAgain,
  followedRun,
  followRun,
  showFollowed,
} from './follow.ts';
import { examples, timeOptions } from './help.ts';
import { makeSchedule, type ScheduleRequest, scheduleViewer } from './made-schedules.ts';
import { type Output, paint } from './output.ts';
import { readText } from './params.ts';
import { askRun, runOptions } from './run-options.ts';
import { noDaemon } from './settled.ts';
import { type TextNote, tellTextNote, textNoteOf } from './text-params.ts';
import { showTime } from './times.ts';
import { type AcceptedView, viewRun } from './views.ts';

type Request =
  | {
      readonly kind: 'run' | 'schedule';
      readonly run: ScheduleRequest;
      readonly note: string | null;
      readonly timezone: string;
      readonly wait: boolean;
      readonly follow: boolean;
      readonly dryRun: boolean;
      readonly following?: Following;
    }
  | { readonly kind: 'batch'; readonly lines: readonly BatchLine[] };

export type NewRun = Omit<AcceptedView, 'id'> & { readonly id: string | null };
type Reply =
  | { readonly run: NewRun }
  | { readonly schedule: ScheduleView & TextNote; readonly dryRun: boolean }
  | { readonly results: readonly ToldResult[] };

/** The engine remembers the runs that were made, and neither the lines that were refused nor what was there before. */
const isPlain = (told: object): boolean =>
  !('error' in told && 'line' in told) && !('existing' in told);

export const schedule: Command<Request, Reply> = {
  name: 'schedule',
  once: true,
  engineKnows: (reply) =>
    'results' in reply ? reply.results.every(isPlain) : 'run' in reply && isPlain(reply.run),
  tellsOwn: true,

  define(program) {
    program.argument('[job]', 'the job to run').description('Accept a run of a job, now or later.');
    timeOptions(program);
    program
      .option('--every <duration>', 'make a schedule: again this long after the last run ended')
      .option('--cron <fields>', 'make a schedule: "30 2 * * *", "@daily"')
      .option('--name <name>', "the schedule's name; default: the job's")
      .option('--catch-up <how>', 'due times missed: skip, once, all')
      .option('--overlap <how>', 'while the last run is not settled: skip, queue, replace, allow')
      .option('--replace', 'take the place of the schedule of this name');
    runOptions(program);
    program
      .option('--wait', 'until it is settled; exit with its result')
      .option('--follow', 'the same, and show its log')
      .option('--batch <file|->', 'many runs: one JSON object a line');
    examples(
      program,
      'schedule import-products --at 18:30 -p file=spring.csv -p limit:=5000',
      'schedule send-newsletter --in 20m --key weekly',
      "schedule cleanup --cron '0 3 * * *' --tz Europe/Berlin --name nightly",
      'schedule --batch runs.jsonl',
    );
  },

  async ask(asked) {
    const { options } = asked;
    if (options.batch !== undefined) return askBatch(asked);
    const { run, note, timezone } = await askRun(asked);
    const rule = ruleOf(asked, timezone);
    return {
      kind: rule ? 'schedule' : 'run',
      run: { ...run, ...rule },
      note,
      timezone,
      wait: options.wait === true,
      follow: options.follow === true,
      dryRun: options.dryRun === true,
    };
  },

  cut(request) {
    if (request.kind !== 'batch') return [request];
    return cutBatch(request.lines).map((lines) => ({ kind: 'batch', lines }));
  },

  async handle(request, tools) {
    const now = tools.clock.now();
    if (request.kind === 'batch') return { results: await acceptBatch(request.lines, tools, now) };
    if (request.kind === 'run') return { run: await acceptRun(request, tools, now) };
    const made = await makeSchedule(request.run, tools, now, request.dryRun);
    const { engine } = tools;
    const view = await durably(engine, async () => scheduleViewer(tools)(made));
    const note = textNoteOf(made.job, request.run.texts, tools);
    return { schedule: { ...view, ...note }, dryRun: request.dryRun };
  },

  follows: (request) =>
    request.kind === 'run' && !request.dryRun && (request.wait || request.follow),

  async *stream(request, tools, signal, reply) {
    if (request.kind !== 'run' || !('run' in reply)) return;
    const { follow: log, following } = request;
    yield* followRun(reply.run as RunView, { log, following }, tools, signal);
  },

  again: followAgain,

  showItem: (item, out, request) =>
    request.kind === 'batch' ? undefined : showFollowed(item as unknown as Followed, out, request),

  async show(reply, out, request) {
    if ('results' in reply)
      return showBatch(resultsOf(reply.results, 'lines' in request ? request.lines : []), out);
    if (request.kind === 'batch') return undefined;
    if (request.note) out.note`note: ${request.note}`;
    if ('run' in reply) await showAccepted(reply.run, out, request.timezone);
    else await showMade(reply.schedule, reply.dryRun, out);
    return undefined;
  },
};

const RULE_OPTIONS = ['name', 'catchUp', 'overlap', 'replace'];
const RUN_OPTIONS = ['key', 'after', 'retries', 'timeout', 'wait', 'follow'];
/** What a line of a batch says for itself, or cannot have. */
const ONE_OPTIONS = [
  ...['at', 'in', 'every', 'cron', 'tz', 'param', 'params', 'priority', 'force', 'dryRun'],
  ...RULE_OPTIONS,
  ...RUN_OPTIONS,
];

async function askBatch(asked: Asked): Promise<Request> {
  refuseOptions(asked, ONE_OPTIONS, 'only without --batch');
  if (asked.args.length > 0) {
    const message = `--batch takes no job beside it: "${asked.args[0]}"`;
    throw new JobrunError('bad-option', message, 'Each line names its own: {"job":"mail"}');
  }
  const file = String(asked.options.batch);
  const text = file === '-' ? await asked.readStdin() : await readText(file);
  const here = { now: asked.now, timezone: asked.config.timezone };
  return { kind: 'batch', lines: await readBatch(text, here) };
}

/** What makes it a schedule; null for a run. */
function ruleOf(asked: Asked, timezone: string): Partial<ScheduleRequest> | null {
  const { every, cron, name, catchUp, overlap, replace } = asked.options;
  if (every !== undefined && cron !== undefined) {
    throw new JobrunError('bad-option', '--every and --cron exclude each other', 'Give one.');
  }
  if (every === undefined && cron === undefined) {
    refuseOptions(asked, RULE_OPTIONS, 'only with --every or --cron');
    return null;
  }
  refuseOptions(asked, RUN_OPTIONS, 'only for a run');
  return {
    ...(every === undefined
      ? { cron: String(cron), timezone }
      : { everyMs: readEvery(String(every)) }),
    ...(name !== undefined && { name: String(name) }),
    ...(catchUp !== undefined && { catchUp: oneOf('--catch-up', catchUp, CATCH_UPS) }),
    ...(overlap !== undefined && { overlap: oneOf('--overlap', overlap, OVERLAPS) }),
    ...(replace === true && { replace }),
  };
}

function readEvery(text: string): number {
  const everyMs = parseDuration(text, '--every');
  if (everyMs > 0) return everyMs;
  throw new JobrunError('bad-time', '--every: the interval is zero', 'The shortest is 1s.');
}

function oneOf(flag: string, given: unknown, choices: readonly string[]): string {
  if (choices.includes(String(given))) return String(given);
  throw notOneOf(flag, String(given), choices);
}

function refuseOptions(asked: Asked, names: readonly string[], why: string): void {
  const given = names.find((name) => asked.options[name] !== undefined);
  if (given === undefined) return;
  const flag = given.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);
  throw new JobrunError('bad-option', `--${flag} has a meaning ${why}`, 'Leave it out.');
}

interface AskedOne {
  readonly run: RunRequest;
  readonly wait: boolean;
  readonly follow: boolean;
  readonly dryRun: boolean;
  readonly following?: Following;
}

export async function acceptRun(request: AskedOne, tools: Tools, now: number): Promise<NewRun> {
  if ((request.wait || request.follow) && !tools.daemon) throw noDaemon('following a run');
  if (request.following) return followedRun(request.following, tools);
  const { run } = request;
  const noted = <Reply extends object>(reply: Reply): Reply & TextNote => ({
    ...reply,
    ...textNoteOf(run.job, run.texts, tools),
  });
  if (!request.dryRun) return noted(await acceptOne(() => draftOf(run, tools, now), tools, now));
  const draft = await draftOf(run, tools, now);
  const waits = (draft.origin?.after ?? []).length > 0;
  return noted({ ...(await viewRun(newRun(0, draft, now, waits), tools)), reason: null, id: null });
}

async function showAccepted(reply: NewRun, out: Output, timezone: string): Promise<void> {
  const run = tellTextNote(reply, out);
  const id = run.id ?? '';
  if (out.done(run, run.id === null ? [] : [id])) return;
  if (run.id === null) out.line`Would schedule ${run.job} (nothing was accepted)`;
  else if (run.existing) out.line`Run ${id} of ${run.job} has this key and is ${run.state}`;
  else out.line`Scheduled ${run.job} as ${paint('bold', id)}`;
  if (run.reason) out.line`  ${run.reason}`;
  else out.line`  runs ${await showTime(run.dueAt, { now: out.now, timezone })}`;
  if (run.id === null) return;
  if (out.offline && !run.reason) out.note`  no daemon runs here: it starts with jobrun daemon`;
  else if (out.offline) out.note`  no daemon runs here: start one with jobrun daemon`;
  out.note`  follow it: jobrun logs -f ${id}    cancel it: jobrun abort ${id}`;
}

async function showMade(
  reply: ScheduleView & TextNote,
  dryRun: boolean,
  out: Output,
): Promise<void> {
  const made = tellTextNote(reply, out);
  if (out.done(made, [made.name])) return;
  const rule = made.cron
    ? `cron ${made.cron}, ${made.timezone}`
    : `every ${showDuration(made.every ?? 0)}`;
  if (dryRun) out.line`Would schedule ${made.job} (${rule}); nothing was accepted`;
  else out.line`Scheduled ${made.job} as ${paint('bold', made.name)} (${rule})`;
  const here = { now: out.now, timezone: made.timezone ?? out.timezone };
  if (made.nextAt) out.line`  runs ${await showTime(made.nextAt, here)}`;
  if (made.note) out.note`  note: ${made.note}`;
  if (!dryRun && out.offline) out.note`  no daemon runs here: it fires with jobrun daemon`;
  if (!dryRun)
    out.note`  see it: jobrun schedules ${made.name}    end it: jobrun unschedule ${made.name}`;
}

function showBatch(results: readonly BatchResult[], out: Output): number | undefined {
  let failed = false;
  for (const result of results) {
    if ('line' in result) failed = true;
    if (out.json) out.document(result);
    else if ('line' in result) showBadLine(result, out);
    else if (!out.done(result, [result.id])) out.line`Scheduled ${result.job} as ${result.id}`;
  }
  return failed ? 1 : undefined;
}

function showBadLine(result: Extract<BatchResult, { line: number }>, out: Output): void {
  const { code, message, hint } = result.error;
  out.error(new JobrunError(code, `line ${result.line}: ${message}`, hint));
}
