// Runs and jobs as handlers tell them: a run with what only the running system knows, which is why it waits and what a
// running attempt last said of its progress; a job with the counts of its runs and whether it is paused.

import { blockOf, type JobEntry } from '../../catalog/catalog.ts';
import type { Accepted, Pauses } from '../../engine/engine.ts';
import { type Counts, type Run, withProgress } from '../../run/run.ts';
import { type Schedule, type ScheduleView, scheduleView } from '../../run/schedule.ts';
import { type RunView, viewOf } from '../../run/view.ts';
import type { Json } from '../../support/json.ts';
import { shortPath } from '../../support/read-file.ts';
import { firstOf, plainLine } from '../../support/text.ts';
import type { Context } from './command.ts';
import { hostsByJob, onlyOn } from './hosts.ts';
import type { AcceptedView } from './replies.ts';

/** Params that the config names are hidden, whoever asks: what is shown is copied, piped and photographed. */
export const viewsOf = (runs: readonly Run[], context: Context): Promise<readonly RunView[]> =>
  viewsOfChanged(
    runs.map((run) => asSaid(run, context)),
    context,
  );

/** The same for runs as a change made them: what their attempts have said since is not in it. */
export async function viewsOfChanged(
  runs: readonly Run[],
  context: Context,
): Promise<readonly RunView[]> {
  const queued = runs.flatMap(({ job, state }) => (state.name === 'queued' ? job : []));
  const view = await viewerWith(queued, context);
  const reasons = await context.engine.why(runs, context.clock.now());
  const withoutDaemon = (run: Run): string | null =>
    context.daemon === null && run.state.name === 'queued' ? NO_DAEMON : null;
  return runs.map((run, i) => view(run, reasons[i] ?? withoutDaemon(run)));
}

/** The same for runs that were accepted: each as it was then, which is as durable as its acceptance. */
export async function viewerOfAccepted(
  jobs: readonly string[],
  context: Context,
): Promise<(accepted: Accepted) => AcceptedView> {
  const view = await viewerWith(jobs, context);
  return ({ run, reason, existing }) => {
    const seen = view(asSaid(run, context), reason);
    return existing ? { ...seen, existing } : seen;
  };
}

/** `jobs`: those of the runs, as far as it matters why they wait. */
async function viewerWith(
  jobs: readonly string[],
  context: Context,
): Promise<(run: Run, why: string | null) => RunView> {
  const { config } = context;
  const hosts = await elsewhere(jobs, context);
  let names: ReadonlySet<string> | null = null;
  const blocked = ({ job, state }: Run): string | null => {
    const others = state.name === 'queued' ? hosts?.get(job) : undefined;
    if (others && !context.catalog.find(job)) return onlyOn(others);
    // No daemon has told the engine which jobs there are.
    if (context.daemon !== null || state.name !== 'queued') return null;
    names ??= new Set(context.catalog.names());
    const entry = context.catalog.find(job);
    return entry || !names.has(job) ? blockOf(job, entry, true) : null;
  };
  return (run, why) => viewOf(run, blocked(run) ?? why, config);
}

/** The hosts by their jobs, where any of these is not here. */
async function elsewhere(
  jobs: readonly string[],
  { config, members, catalog }: Context,
): Promise<ReadonlyMap<string, readonly string[]> | null> {
  return config.store && jobs.some((job) => !catalog.find(job)) ? hostsByJob(members) : null;
}

const NO_DAEMON = 'no daemon is running';

export async function viewRun(run: Run, context: Context): Promise<RunView> {
  const [view] = await viewsOf([run], context);
  return view as RunView;
}

/** A run as a row shows it: lists of very large runs cost no more than lists of small ones. */
export type ShortRun = Omit<RunView, 'params' | 'checkpoint' | 'output'>;

/** As much of a text as fits on the widest screens. */
const LONGEST = 300;

const short = (text: string): string => plainLine(firstOf(text, LONGEST)).trim();

export function shortOf(view: RunView): ShortRun {
  const { params: _p, checkpoint: _c, output: _o, ...run } = view;
  const { progress, error, reason } = run;
  return {
    ...run,
    progress: { ...progress, text: progress.text && short(progress.text) },
    reason: reason && short(reason),
    error: error && { name: short(error.name), message: short(error.message), stack: '' },
  };
}

function asSaid(run: Run, context: Context): Run {
  if (run.state.name !== 'running') return run;
  return withProgress(run, context.daemon?.progress(run.id) ?? null);
}

export interface JobView {
  readonly name: string;
  readonly state: 'ok' | 'broken' | 'paused' | 'missing';
  readonly description: string | null;
  readonly group: string | null;
  readonly file: string | null;
  readonly error: string | null;
  readonly schedule: ScheduleView | null;
  /** JSON Schema, where the job's validator offers one. */
  readonly params: Json;
  readonly counts: Counts;
  /** The hosts with a daemon that lives and can run it; without a store, this one. */
  readonly hosts: readonly string[];
}

export const NO_RUNS: Counts = {
  scheduled: 0,
  waiting: 0,
  queued: 0,
  running: 0,
  done: 0,
  failed: 0,
  aborted: 0,
};

/** Views of the jobs with these names, which are `jobNames`, or some of them. */
export async function jobViews(
  names: readonly string[],
  context: Context,
): Promise<readonly JobView[]> {
  const known = await knownOf(context);
  return names.map((name) => view(name, context.catalog.find(name), known, context));
}

/** All jobs by name: those with a file, and those that only runs or schedules still ask for. */
export async function jobNames({ engine, catalog, daemon }: Context): Promise<readonly string[]> {
  const known = catalog.all().map(({ name }) => name);
  // Without a daemon the definitions may not have been read, but the files tell their names.
  const filed = daemon || known.length > 0 ? known : catalog.names();
  const counts = await engine.countsByJob();
  const asked = [...counts].flatMap(([name, own]) => (isWanted(own) ? [name] : []));
  const left = (await engine.schedules()).map(({ job }) => job);
  return [...new Set([...filed, ...asked, ...left])].sort();
}

export async function jobView(name: string, context: Context): Promise<JobView | null> {
  const known = await knownOf(context);
  const entry = context.catalog.find(name);
  const asked = known.counts.has(name) || known.schedules.some(({ job }) => job === name);
  return entry || asked ? view(name, entry, known, context) : null;
}

/** What the engine knows of all jobs. */
interface Known {
  readonly counts: ReadonlyMap<string, Counts>;
  readonly pauses: Pauses;
  readonly schedules: readonly Schedule[];
  readonly byJob: ReadonlyMap<string, Schedule>;
  readonly hosts: ReadonlyMap<string, readonly string[]>;
}

async function knownOf({ engine, members }: Context): Promise<Known> {
  const schedules = await engine.schedules();
  return {
    counts: await engine.countsByJob(),
    pauses: await engine.pauses(),
    schedules,
    byJob: schedulesByJob(schedules),
    hosts: await hostsByJob(members),
  };
}

/** Of each job the schedule that its file defines, or defined while it was there; else the first that was made for it. */
export function schedulesByJob(all: readonly Schedule[]): ReadonlyMap<string, Schedule> {
  const byJob = new Map<string, Schedule>();
  for (const one of all) if (one.source === 'job' || !byJob.has(one.job)) byJob.set(one.job, one);
  return byJob;
}

const isWanted = (counts: Counts): boolean =>
  counts.scheduled + counts.waiting + counts.queued + counts.running > 0;

function view(
  name: string,
  entry: JobEntry | null,
  { counts, pauses, byJob, hosts }: Known,
  context: Context,
): JobView {
  const { dir, redact, store, host } = context.config;
  const schedule = byJob.get(name);
  const data = entry?.state === 'ok' ? entry.data : null;
  return {
    name,
    state: jobState(name, entry, pauses),
    description: data?.description ?? null,
    group: data?.group ?? null,
    file: entry && shortPath(dir, entry.file),
    error: entry?.state === 'broken' ? entry.error : null,
    schedule: schedule ? scheduleView(schedule, { redact, missing: !entry }) : null,
    params: data?.schema ?? null,
    counts: { ...NO_RUNS, ...counts.get(name) },
    hosts: store ? (hosts.get(name) ?? []) : data ? [host] : [],
  };
}

export function jobState(
  name: string,
  entry: JobEntry | null,
  { all, jobs }: Pauses,
): JobView['state'] {
  if (!entry) return 'missing';
  if (entry.state === 'broken') return 'broken';
  return all || jobs.has(name) ? 'paused' : 'ok';
}
