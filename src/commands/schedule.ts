// `jobrun schedule`: accepts a run, many runs of a batch, or a schedule that makes runs by a rule.
import { isDeepStrictEqual } from 'node:util';
import { type Draft, newRun } from '../run/run.ts';
import type { ScheduleView } from '../run/schedule.ts';
import { hideParams } from '../run/secrets.ts';
import type { RunView } from '../run/view.ts';
import { showDuration } from '../support/durations.ts';
import { JobrunError } from '../support/errors.ts';
import {
  acceptBatch,
  type BatchResult,
  cutBatch,
  lines,
  readBatch,
  resultsOf,
  type ToldResult,
} from './shared/batch.ts';
import { showTime } from './shared/clock-texts.ts';
import type { Asked, Command, Context } from './shared/command.ts';
import { acceptOne, draftOf } from './shared/drafts.ts';
import {
  askedAt,
  type Followed,
  followAgain,
  followedRun,
  following,
  followRun,
  leftRun,
  showFollowed,
} from './shared/follow.ts';
import { job } from './shared/kinds.ts';
import { makeSchedule, scheduleViewer } from './shared/made-schedules.ts';
import {
  argument,
  type Checked,
  field,
  flag,
  flagIn,
  type Sent,
  shellOption,
} from './shared/options.ts';
import { type Output, paint } from './shared/output.ts';
import { readText, tellTextNote, textNoteOf } from './shared/params.ts';
import type { AcceptedView, TextNote } from './shared/replies.ts';
import {
  askRun,
  DRY_RUN,
  FORCE,
  isRule,
  missingJob,
  NOTE,
  PARAMS,
  RULE,
  type RunRequest,
  refuseGiven,
  SCHEDULE,
  SETTINGS,
  TIMES,
  TRACE,
  traceOfEnvironment,
} from './shared/run-options.ts';
import { COMMAND, typedCommand, withCommand } from './shared/typed-command.ts';
import { viewRun } from './shared/views.ts';
import { durably, isAwaited, noDaemon } from './shared/waiting.ts';

const options = {
  job: argument('[job]', job, 'the job to run; or -- and a command'),
  command: COMMAND,
  ...TIMES,
  ...RULE,
  ...PARAMS,
  ...SETTINGS,
  ...TRACE,
  force: FORCE,
  same: SCHEDULE.same,
  dryRun: DRY_RUN,
  wait: flag('--wait', 'wait until it has settled; exit with its result'),
  follow: flag('--follow', 'the same, and print its log'),
  batch: shellOption('--batch <file|->', 'many runs: one JSON object a line', 'files'),
  lines: field(lines),
  note: NOTE,
  following,
};

type Request = Sent<typeof options>;

export type NewRun = Omit<AcceptedView, 'id'> & { readonly id: string | null };
type Reply =
  | { readonly run: NewRun }
  | {
      readonly schedule: ScheduleView & TextNote;
      readonly dryRun: boolean;
      readonly replaced: boolean;
    }
  | { readonly results: readonly ToldResult[] };

/** The engine remembers the runs that were made, and neither the lines that were refused nor what was there before. */
const isPlain = (told: object): boolean =>
  !('error' in told && 'line' in told) && !('existing' in told);

export const schedule: Command<typeof options, Reply, Followed> = {
  name: 'schedule',
  once: true,
  engineKnows: (reply) =>
    'results' in reply ? reply.results.every(isPlain) : 'run' in reply && isPlain(reply.run),
  tellsOwn: true,
  about: 'Run a job later, or on a schedule. With --batch, accept many runs at once.',
  examples: [
    'schedule import-products --at 18:30 -p file=spring.csv -p limit:=5000',
    'schedule send-newsletter --in 20m --key weekly',
    "schedule cleanup --cron '0 3 * * *' --tz Europe/Berlin --name nightly",
    'schedule --in 2h -- make test',
    'schedule --batch runs.jsonl',
  ],
  options,

  async ask(request, asked) {
    if (asked.typed.batch !== undefined) return askBatch(asked);
    const command = typedCommand(asked.typed, flagOf);
    if (request.job === undefined && !command.command) throw missingJob();
    isRule(asked.typed, flagOf);
    return { ...request, ...command, ...(await askRun(request, asked)) };
  },

  cut: (request) =>
    request.lines ? cutBatch(request.lines).map((lines) => ({ lines })) : [request],

  needsJobs: ({ job, lines = [] }) =>
    [...new Set([job, ...lines.map((line) => ('run' in line ? line.run.job : undefined))])].filter(
      (name) => name !== undefined,
    ),

  async handle(request, context) {
    const now = context.clock.now();
    if (request.lines) return { results: await acceptBatch(request.lines, context, now) };
    const asked = withCommand(request, context);
    if (!namesJob(asked)) throw missingJob();
    // Not taken apart and put together again: this is the path of each single run.
    if (!makesSchedule(asked)) return { run: await acceptRun(asked, context, now) };
    const { job, texts, dryRun = false } = asked;
    const { schedule, replaced } = await makeSchedule(asked, context, now, dryRun);
    const view = await durably(context.engine, async () =>
      (await scheduleViewer(context))(schedule),
    );
    return { schedule: { ...view, ...textNoteOf(job, texts, context) }, dryRun, replaced };
  },

  follows: (request) =>
    !makesSchedule(request) && !request.dryRun && (request.wait || request.follow) === true,

  async *stream({ follow: log = false, following }, context, signal, reply) {
    if (!('run' in reply)) return;
    yield* followRun(reply.run as RunView, { log, following }, context, signal);
  },

  again: followAgain,
  leaves: leftRun,

  showItem: showFollowed,

  async show(reply, out, request) {
    if ('results' in reply) return showBatch(resultsOf(reply.results, request.lines ?? []), out);
    if (request.note) out.note`note: ${request.note}`;
    if ('run' in reply) await showAccepted(reply.run, out, request.timezone ?? out.timezone);
    else await showMade(reply.schedule, reply.dryRun, out);
    return undefined;
  },
};

const makesSchedule = ({ everyMs, cron }: Pick<Request, 'everyMs' | 'cron'>): boolean =>
  everyMs !== undefined || cron !== undefined;

const namesJob = <T extends { readonly job?: string }>(
  request: T,
): request is T & { readonly job: string } => request.job !== undefined;

const flagOf = (key: string): string => flagIn(options, key);

async function askBatch({ typed, ...asked }: Asked<typeof options>): Promise<Request> {
  const { job, batch = '', ...others } = typed;
  // A line of a batch says it for itself, or cannot have it.
  refuseGiven(others, Object.keys(others), flagOf, 'only without --batch');
  if (job !== undefined) {
    const message = `--batch takes no job beside it: "${job}"`;
    throw new JobrunError('bad-option', message, 'Each line names its own: {"job":"mail"}');
  }
  const text = batch === '-' ? await asked.readStdin() : await readText(batch);
  const here = { now: asked.now, timezone: asked.config.timezone };
  return { lines: await readBatch(text, here, traceOfEnvironment(process.env)) };
}

interface AskedOne extends RunRequest {
  readonly wait?: boolean;
  readonly follow?: boolean;
  readonly dryRun?: boolean;
  readonly following?: Checked<typeof options>['following'];
}

export async function acceptRun(request: AskedOne, context: Context, now: number): Promise<NewRun> {
  // Before anything is accepted: where no daemon is alive the wait would never end.
  if ((request.wait || request.follow) && !(await isAwaited(context)))
    throw noDaemon('following a run');
  if (request.following) return followedRun(request.following, context);
  const noted = <Reply extends object>(reply: Reply): Reply & TextNote => ({
    ...reply,
    ...textNoteOf(request.job, request.texts, context),
  });
  if (!request.dryRun) {
    const asked: Draft[] = [];
    const draft = async (): Promise<Draft> => {
      asked.push(await draftOf(request, context, now));
      return asked[0] as Draft;
    };
    const run = await acceptOne(draft, context, now);
    return { ...noted(run), ...(asked[0] && keptParams(run, asked[0], context)) };
  }
  const draft = await draftOf(request, context, now);
  const waits = (draft.origin?.after ?? []).length > 0;
  return noted({
    ...(await viewRun(newRun(0, draft, now, waits), context)),
    reason: null,
    id: null,
  });
}

/** Params of another request, or of an earlier time, are not what was asked for now. */
function keptParams(run: AcceptedView, { params }: Draft, { config }: Context): TextNote {
  if (!run.existing || isDeepStrictEqual(run.params, hideParams(params, config.redact))) return {};
  return {
    textNote: `run ${run.id} keeps its params ${JSON.stringify(run.params)}: yours are not taken`,
  };
}

async function showAccepted(reply: NewRun, out: Output, timezone: string): Promise<void> {
  const run = tellTextNote(reply, out);
  const id = run.id ?? '';
  if (out.done(run, run.id === null ? [] : [id])) return;
  if (run.id === null) out.line`Would schedule ${run.job} (nothing was accepted)`;
  else if (run.existing) out.line`Run ${id} of ${run.job} has this key and is ${run.state}`;
  else out.line`Scheduled ${run.job} as ${paint('bold', id)}`;
  if (run.reason) out.line`  ${run.reason}`;
  else out.line`  runs ${await showTime(run.dueAt, { now: askedAt(run, out.now), timezone })}`;
  if (run.id === null) {
    out.line`  params ${JSON.stringify(run.params)}`;
    return;
  }
  if (run.reason === 'paused')
    out.note`  let it start: jobrun resume (all jobs), or jobrun resume ${run.job}`;
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
