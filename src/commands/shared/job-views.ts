// Jobs as handlers tell them: each with the counts of its runs, its schedule and whether it is paused.
import { isBuiltIn, type JobEntry } from '../../catalog/catalog.ts';
import type { Pauses } from '../../engine/engine.ts';
import type { Counts } from '../../run/run.ts';
import { type Schedule, scheduleView } from '../../run/schedule.ts';
import { shortPath } from '../../support/read-file.ts';
import type { Context } from './command.ts';
import { hostsElsewhere } from './hosts.ts';
import type { JobView } from './replies.ts';

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

/** All jobs by name: those with a file here or on another host, and those that only runs or schedules still ask for. */
export async function jobNames(context: Context): Promise<readonly string[]> {
  const { engine, catalog, daemon } = context;
  const known = catalog.all().map(({ name }) => name);
  // Without a daemon the definitions may not have been read, but the files tell their names.
  const filed = daemon || known.length > 0 ? known : catalog.names();
  const counts = await engine.countsByJob();
  const asked = [...counts].flatMap(([name, own]) => (isWanted(own) ? [name] : []));
  const left = (await engine.schedules()).map(({ job }) => job);
  const elsewhere = (await hostsElsewhere(context)).keys();
  return [...new Set([...filed, ...elsewhere, ...asked, ...left])].sort();
}

export async function jobView(name: string, context: Context): Promise<JobView | null> {
  const known = await knownOf(context);
  const entry = context.catalog.find(name);
  const asked = known.counts.has(name) || known.schedules.some(({ job }) => job === name);
  return entry || asked || known.hosts.has(name) ? view(name, entry, known, context) : null;
}

/** The engine's records of all jobs. */
interface Known {
  readonly counts: ReadonlyMap<string, Counts>;
  readonly pauses: Pauses;
  readonly schedules: readonly Schedule[];
  readonly byJob: ReadonlyMap<string, Schedule>;
  /** The other hosts that can run it. */
  readonly hosts: ReadonlyMap<string, readonly string[]>;
}

async function knownOf(context: Context): Promise<Known> {
  const { engine } = context;
  const schedules = await engine.schedules();
  return {
    counts: await engine.countsByJob(),
    pauses: await engine.pauses(),
    schedules,
    byJob: schedulesByJob(schedules),
    hosts: await hostsElsewhere(context),
  };
}

/**
 * For each job the schedule that its file defines, or defined while it was there; else the first that was made for it.
 */
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
  const others = hosts.get(name) ?? [];
  const schedule = byJob.get(name);
  const data = entry?.state === 'ok' ? entry.data : null;
  const isMissing = !entry && others.length === 0;
  const isHere = data !== null && (!store || context.daemon !== null);
  return {
    name,
    state: isMissing ? 'missing' : jobState(name, entry, pauses),
    description: data?.description ?? null,
    group: data?.group ?? null,
    file: entry && !isBuiltIn(entry) ? shortPath(dir, entry.file) : null,
    error: entry?.state === 'broken' ? entry.error : null,
    schedule: schedule ? scheduleView(schedule, { redact, missing: isMissing }) : null,
    params: data?.schema ?? null,
    external: data?.external ?? false,
    counts: { ...NO_RUNS, ...counts.get(name) },
    hosts: [...new Set([...(isHere ? [host] : []), ...others])].sort(),
  };
}

function jobState(name: string, entry: JobEntry | null, { all, jobs }: Pauses): JobView['state'] {
  if (entry?.state === 'broken') return 'broken';
  return all || jobs.has(name) ? 'paused' : 'ok';
}
