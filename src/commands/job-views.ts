// Jobs as the world sees them: what the catalog knows, with the counts of their runs and whether they are paused.
import { isAbsolute, relative } from 'node:path';
import type { JobEntry } from '../catalog/catalog.ts';
import type { Counts } from '../run/run.ts';
import { type Schedule, type ScheduleView, scheduleView } from '../run/schedule.ts';
import type { Json } from '../support/json.ts';
import type { Tools } from './command.ts';

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

export function jobViews(tools: Tools): readonly JobView[] {
  const counts = tools.engine.countsByJob();
  const own = ownSchedules(tools);
  return jobNames(tools).map((name) =>
    view(name, tools.catalog.find(name), tools, counts, own.get(name)),
  );
}

/** All jobs by name: those with a file, and those that only runs or schedules still ask for. */
export function jobNames({ engine, catalog, daemon }: Tools): readonly string[] {
  const known = catalog.all().map(({ name }) => name);
  // Without a daemon the definitions may not have been read, but the files tell their names.
  const filed = daemon || known.length > 0 ? known : catalog.names();
  const asked = [...engine.countsByJob()].flatMap(([name, own]) => (isWanted(own) ? [name] : []));
  const left = engine.schedules().map(({ job }) => job);
  return [...new Set([...filed, ...asked, ...left])].sort();
}

export function jobView(name: string, tools: Tools): JobView | null {
  const counts = tools.engine.countsByJob();
  const entry = tools.catalog.find(name);
  const own = ownSchedules(tools).get(name);
  const asked = counts.has(name) || tools.engine.schedules().some(({ job }) => job === name);
  return entry || asked ? view(name, entry, tools, counts, own) : null;
}

/** By job, those that its file defines, or defined while it was there. */
const ownSchedules = ({ engine }: Tools): ReadonlyMap<string, Schedule> =>
  new Map(
    engine.schedules().flatMap((one) => (one.source === 'job' ? [[one.job, one] as const] : [])),
  );

const isWanted = (counts: Counts): boolean =>
  counts.scheduled + counts.waiting + counts.queued + counts.running > 0;

function view(
  name: string,
  entry: JobEntry | null,
  tools: Tools,
  counts: ReadonlyMap<string, Counts>,
  schedule: Schedule | undefined,
): JobView {
  const { dir, redact } = tools.config;
  const data = entry?.state === 'ok' ? entry.data : null;
  return {
    name,
    state: jobState(name, entry, tools),
    description: data?.description ?? null,
    group: data?.group ?? null,
    file: entry && shortPath(dir, entry.file),
    error: entry?.state === 'broken' ? entry.error : null,
    schedule: schedule ? scheduleView(schedule, { redact, missing: !entry }) : null,
    params: data?.schema ?? null,
    counts: { ...NO_RUNS, ...counts.get(name) },
  };
}

export function jobState(
  name: string,
  entry: JobEntry | null,
  { engine }: Pick<Tools, 'engine'>,
): JobView['state'] {
  if (!entry) return 'missing';
  if (entry.state === 'broken') return 'broken';
  const { all, jobs } = engine.pauses();
  return all || jobs.has(name) ? 'paused' : 'ok';
}

/** From the project folder, where the file lies in it. */
function shortPath(dir: string, file: string): string {
  const path = relative(dir, file);
  return path.startsWith('..') || isAbsolute(path) ? file : path;
}
