// `jobrun jobs`: the jobs there are; with a name, one of them and its latest runs.
import { unfitIn } from '../catalog/unfit.ts';
import type { Counts } from '../run/run.ts';
import { ruleText } from '../run/schedule.ts';
import type { RunView } from '../run/view.ts';
import { shortPath } from '../support/read-file.ts';
import { showRuns } from './list.ts';
import { showRelative } from './shared/clock-texts.ts';
import type { Command, Context } from './shared/command.ts';
import { filterOf, fitsTexts } from './shared/filter.ts';
import { jobsAnywhere } from './shared/hosts.ts';
import { findJob, JobLookup, stillRead } from './shared/job-lookup.ts';
import { jobNames, jobView, jobViews, NO_RUNS, schedulesByJob } from './shared/job-views.ts';
import { choice, job } from './shared/kinds.ts';
import { unknownJob } from './shared/named.ts';
import { argument, type Checked, field, flag } from './shared/options.ts';
import { type Output, paint, paintState, type Value } from './shared/output.ts';
import type { JobView } from './shared/replies.ts';
import { type ShortRun, shortOf, viewsOf } from './shared/views.ts';
import { byRank, WINDOW, type Windowed, windowOf } from './shared/window.ts';

type One = JobView & { readonly runs: readonly RunView[] };
/** `jobs` is there with a name too, so that a script need not tell the two apart. */
type Reply = {
  readonly jobs: readonly JobView[];
  /** Files that were probably meant to be jobs; left out where there are none. */
  readonly skipped?: readonly Skipped[];
} & Windowed &
  Partial<One>;

interface Skipped {
  readonly file: string;
  /** To be read behind the name of the file. */
  readonly lacks: string;
}

export const JOB_ORDERS = ['name', 'waiting', 'errors', 'next'] as const;

const LATEST_RUNS = 10;

const options = {
  name: argument('[name]', job, 'one job, with its last 10 runs'),
  check: flag('--check', 'exit with 1 if any job is broken'),
  ...WINDOW,
  order: field(
    choice(JOB_ORDERS),
    'waiting, errors: the one with most such runs first; next: the next due first',
  ),
};

type Request = Checked<typeof options>;

export const jobs: Command<typeof options, Reply> = {
  name: 'jobs',
  reads: true,
  about: 'List the jobs with their runs, schedules and params.',
  examples: ['jobs', 'jobs import-products', 'jobs --check'],
  options,

  async handle(request, context) {
    const { name, check, short = false } = request;
    const { catalog, daemon } = context;
    // Rows are asked for again and again, and tell what is known by then: one file may take a minute to load.
    if (!short || daemon === null) await catalog.ready();
    // A user who checks has perhaps just installed a missing package.
    if (check) await catalog.rereadBroken();
    if (name === undefined) {
      const skipped = short ? [] : await skippedIn(context);
      return { ...(await window(request, context)), ...(skipped.length > 0 && { skipped }) };
    }
    // Rows that are asked for again and again wait for the next look into the folder.
    await (short ? findJob(name, catalog) : new JobLookup(context).find(name));
    const job = await jobView(name, context);
    if (!job && catalog.names().includes(name)) throw stillRead(name);
    if (!job) throw unknownJob(name, [...(await jobsAnywhere(context))], context.config.jobs);
    return { jobs: [job], ...job, runs: await latestRuns(name, short, context) };
  },

  show(reply, out, { check }) {
    const names = reply.jobs.map(({ name }) => name);
    if (!out.done(reply, names)) {
      if (reply.runs) showOne(reply as One, out);
      else showAll(reply, out);
    }
    return check && reply.jobs.some(({ state }) => state === 'broken') ? 1 : undefined;
  },
};

async function skippedIn({ config }: Context): Promise<readonly Skipped[]> {
  const unfit = await unfitIn(config.jobs);
  return unfit.map(({ file, lacks }) => ({ file: shortPath(config.dir, file), lacks }));
}

async function latestRuns(
  job: string,
  short: boolean,
  context: Context,
): Promise<readonly RunView[]> {
  const { runs } = await context.engine.list({ jobs: [job], limit: LATEST_RUNS, light: short });
  const views = await viewsOf(runs, context);
  // Only who asks for short rows gets them.
  return short ? (views.map(shortOf) as readonly ShortRun[] as readonly RunView[]) : views;
}

async function window(request: Request, context: Context): Promise<Reply> {
  const { order = 'name', short } = request;
  const { words, without, job, group } = filterOf(request.q, context.clock.now());
  const counts = await context.engine.countsByJob();
  const timed = schedulesByJob(await context.engine.schedules());
  const all = (await jobNames(context)).flatMap((name): Ranked[] => {
    const entry = context.catalog.find(name);
    const data = entry?.state === 'ok' ? entry.data : null;
    const texts = [name, data?.group ?? null, data?.description ?? null];
    const fits =
      fitsTexts(texts, { words, without }) &&
      fitsTexts([name], { words: job }) &&
      (group === null || data?.group === group);
    const nextAt = timed.get(name)?.nextAt ?? Number.POSITIVE_INFINITY;
    return fits ? [{ name, counts: counts.get(name) ?? NO_RUNS, nextAt }] : [];
  });
  const { rows, windowed } = windowOf(all.sort(byRank(RANK[order])), request);
  const names = rows.map(({ name }) => name);
  const views = await jobViews(names, context);
  return { jobs: short ? views.map((one) => ({ ...one, params: null })) : views, ...windowed };
}

interface Ranked {
  readonly name: string;
  readonly counts: Counts;
  readonly nextAt: number;
}

const RANK: Readonly<Record<(typeof JOB_ORDERS)[number], (job: Ranked) => number>> = {
  name: () => 0,
  waiting: ({ counts }) => -(counts.scheduled + counts.waiting + counts.queued),
  errors: ({ counts }) => -(counts.failed + counts.aborted),
  next: ({ nextAt }) => nextAt,
};

function showAll({ jobs: all, skipped = [] }: Reply, out: Output): void {
  // Without schedules their column is room for the descriptions.
  const timed = all.some(({ schedule }) => schedule !== null);
  const counts = ['WAIT', 'RUN', 'DONE', 'ERR'];
  out.table(
    ['JOB', 'STATE', ...counts, ...(timed ? ['NEXT'] : []), 'DESCRIPTION'].map((title) => ({
      title,
      flex: title === 'DESCRIPTION',
      right: counts.includes(title),
    })),
    all.map((job): Value[] => [
      job.name,
      paintState(job.state),
      job.counts.queued + job.counts.scheduled + job.counts.waiting,
      job.counts.running,
      job.counts.done,
      job.counts.failed + job.counts.aborted,
      ...(timed ? [job.schedule?.nextAt ? showRelative(job.schedule.nextAt, out.now) : ''] : []),
      job.error ?? job.description ?? '',
    ]),
  );
  for (const { name, error } of all) if (error !== null) out.note`broken: ${name}: ${error}`;
  for (const { name, schedule } of all) if (schedule?.note) out.note`${name}: ${schedule.note}`;
  for (const { file, lacks } of skipped) out.note`no job: ${file} ${lacks}`;
  if (all.length === 0) out.note`no jobs yet: make one with jobrun new <job>`;
}

function showOne(job: One, out: Output): void {
  out.line`${paint('bold', job.name)}  ${paintState(job.state)}  ${job.file ?? ''}`;
  if (job.description) out.line`  ${job.description}`;
  if (job.group) out.line`  group     ${job.group}`;
  if (job.external) out.line`  external  taken by workers outside: docs/workers.md`;
  if (job.error) out.line`  error     ${job.error}`;
  const { schedule } = job;
  if (schedule) out.line`  schedule  ${ruleText(schedule)}`;
  if (schedule?.note) out.line`            ${schedule.note}`;
  if (job.params !== null) out.line`  params    ${JSON.stringify(job.params)}`;
  const counts = Object.entries(job.counts).filter(([, n]) => n > 0);
  out.line`  runs      ${counts.map(([state, n]) => `${n} ${state}`).join(', ') || 'none'}`;
  showRuns(job.runs, out);
}
