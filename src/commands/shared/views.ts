// Runs as handlers tell them: with what only the running system knows, which is why a run waits and what a running
// attempt last said of its progress.

import { blockOf } from '../../catalog/catalog.ts';
import type { Accepted } from '../../engine/engine.ts';
import { type Progress, type Run, withProgress } from '../../run/run.ts';
import { type RunView, viewOf } from '../../run/view.ts';
import { NO_WORKER } from '../../run/why.ts';
import { isStoreAway } from '../../support/errors.ts';
import { firstOf } from '../../support/text.ts';
import type { Context } from './command.ts';
import { hostsElsewhere, onlyOn, seenWorkers } from './hosts.ts';
import type { AcceptedView } from './replies.ts';

/** Params that the config names are hidden from all readers: shown values are copied, piped and photographed. */
export async function viewsOf(runs: readonly Run[], context: Context): Promise<readonly RunView[]> {
  const others = await saidElsewhere(runs, context);
  return viewsOfChanged(
    runs.map((run) => withProgress(asSaid(run, context), others.get(run.id) ?? null)),
    context,
  );
}

/** Returns the latest progress of running attempts on other hosts, by run; none if the store cannot be read. */
async function saidElsewhere(
  runs: readonly Run[],
  { config, members, daemon }: Context,
): Promise<ReadonlyMap<number, Progress>> {
  const isElsewhere = ({ id, state }: Run): boolean =>
    state.name === 'running' && !daemon?.progress(id);
  if (!config.store || !runs.some(isElsewhere)) return new Map();
  const said = await members.progressed().catch((error) => {
    if (!isStoreAway(error)) throw error;
    return [];
  });
  return new Map(said.map(([id, percent, text]) => [id, { percent, text }]));
}

/** The same for runs as a change made them: what their attempts have said since is not in it. */
export async function viewsOfChanged(
  runs: readonly Run[],
  context: Context,
): Promise<readonly RunView[]> {
  const queued = runs.flatMap(({ job, state }) => (state.name === 'queued' ? job : []));
  const hosts = await elsewhere(queued, context);
  const view = viewerWith(hosts, context);
  const reasons = await askedElsewhere(
    runs,
    await context.engine.why(runs, context.clock.now()),
    context,
  );
  const withoutDaemon = ({ job, state }: Run): string | null =>
    context.daemon === null && state.name === 'queued' && !hosts.has(job) ? NO_DAEMON : null;
  return runs.map((run, i) => view(run, reasons[i] ?? withoutDaemon(run)));
}

/** A worker outside may have asked a daemon on another host. */
async function askedElsewhere(
  runs: readonly Run[],
  reasons: readonly (string | null)[],
  context: Context,
): Promise<readonly (string | null)[]> {
  if (!context.config.store || !reasons.includes(NO_WORKER)) return reasons;
  const seen = await seenWorkers(context);
  const isAsked = (run: Run | undefined): boolean =>
    seen.some(({ jobs }) => run !== undefined && jobs.includes(run.job));
  return reasons.map((reason, i) => (reason === NO_WORKER && isAsked(runs[i]) ? null : reason));
}

/** The same for runs that were accepted: each as it was then, which is as durable as its acceptance. */
export async function viewerOfAccepted(
  jobs: readonly string[],
  context: Context,
): Promise<(accepted: Accepted) => AcceptedView> {
  const view = viewerWith(await elsewhere(jobs, context), context);
  return ({ run, reason, existing }) => {
    const seen = view(asSaid(run, context), reason);
    return existing ? { ...seen, existing } : seen;
  };
}

/** `hosts`: those of the jobs, as `elsewhere` returns them. */
function viewerWith(
  hosts: ReadonlyMap<string, readonly string[]>,
  { catalog, daemon, config }: Context,
): (run: Run, why: string | null) => RunView {
  let names: ReadonlySet<string> | null = null;
  const isNamed = (job: string): boolean => {
    names ??= new Set(catalog.names());
    return names.has(job);
  };
  const blocked = ({ job, state }: Run): string | null => {
    if (state.name !== 'queued') return null;
    const entry = catalog.find(job);
    const others = hosts.get(job);
    if (others && !entry) return daemon === null && isNamed(job) ? null : onlyOn(others);
    // No daemon has told the engine which jobs there are.
    if (daemon !== null || others) return null;
    if (hosts.size > 0) return blockOf(job, null, true);
    return entry || !isNamed(job) ? blockOf(job, entry, true) : null;
  };
  return (run, why) => viewOf(run, blocked(run) ?? why, config);
}

/**
 * The hosts by their jobs, where it matters: any of these is not here, or no daemon is. Without one, jobs are here by
 * their names alone.
 */
async function elsewhere(
  jobs: readonly string[],
  context: Context,
): Promise<ReadonlyMap<string, readonly string[]>> {
  const { catalog, daemon } = context;
  const matters = daemon === null ? jobs.length > 0 : jobs.some((job) => !catalog.find(job));
  return matters ? hostsElsewhere(context) : new Map();
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

/** On one line. Control characters stay: a terminal removes them, the web page shows their code points. */
const short = (text: string): string =>
  firstOf(text, LONGEST)
    .replace(/\s*[\n\t]\s*/g, ' ')
    .trim();

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
