// `jobrun jobs`: the jobs there are; with a name, one of them and its latest runs.
import { ruleText } from '../run/schedule.ts';
import type { RunView } from '../run/view.ts';
import { showRuns } from './list.ts';
import type { Command, Tools } from './shared/command.ts';
import { unknownJob } from './shared/drafts.ts';
import { job } from './shared/kinds.ts';
import { argument, flag } from './shared/options.ts';
import { type Output, paint, paintState, type Value } from './shared/output.ts';
import { showRelative } from './shared/times.ts';
import { type JobView, jobView, jobViews, viewsOf } from './shared/views.ts';

type One = JobView & { readonly runs: readonly RunView[] };
/** `jobs` is there with a name too, so that a script need not tell the two apart. */
type Reply = { readonly jobs: readonly JobView[] } & Partial<One>;

const LATEST_RUNS = 10;

const options = {
  name: argument('[name]', job, 'one job: also its last 10 runs'),
  check: flag('--check', 'exit 1 if any is broken'),
};

export const jobs: Command<typeof options, Reply> = {
  name: 'jobs',
  reads: true,
  about: 'List the jobs: what they are, their runs, schedule and params.',
  examples: ['jobs', 'jobs import-products', 'jobs --check'],
  options,

  async handle({ name, check }, tools) {
    await tools.catalog.ready();
    // Whoever checks has perhaps just installed what they lacked.
    if (check) await tools.catalog.rereadBroken();
    if (name === undefined) return { jobs: await jobViews(tools) };
    const job = await jobView(name, tools);
    if (!job) throw unknownJob(name, tools.catalog.names());
    return { jobs: [job], ...job, runs: await latestRuns(name, tools) };
  },

  show(reply, out, { check }) {
    const names = reply.jobs.map(({ name }) => name);
    if (!out.done(reply, names)) {
      if (reply.runs) showOne(reply as One, out);
      else showAll(reply.jobs, out);
    }
    return check && reply.jobs.some(({ state }) => state === 'broken') ? 1 : undefined;
  },
};

async function latestRuns(job: string, tools: Tools): Promise<readonly RunView[]> {
  const { runs } = await tools.engine.list({ jobs: [job], limit: LATEST_RUNS });
  return viewsOf(runs, tools);
}

function showAll(all: readonly JobView[], out: Output): void {
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
  if (all.length === 0) out.note`no jobs yet: make one with jobrun new <job>`;
}

function showOne(job: One, out: Output): void {
  out.line`${paint('bold', job.name)}  ${paintState(job.state)}  ${job.file ?? ''}`;
  if (job.description) out.line`  ${job.description}`;
  if (job.group) out.line`  group     ${job.group}`;
  if (job.error) out.line`  error     ${job.error}`;
  const { schedule } = job;
  if (schedule) out.line`  schedule  ${ruleText(schedule)}`;
  if (schedule?.note) out.line`            ${schedule.note}`;
  if (job.params !== null) out.line`  params    ${JSON.stringify(job.params)}`;
  const counts = Object.entries(job.counts).filter(([, n]) => n > 0);
  out.line`  runs      ${counts.map(([state, n]) => `${n} ${state}`).join(', ') || 'none'}`;
  showRuns(job.runs, out);
}
