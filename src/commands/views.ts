// Runs as handlers tell them: the view of run/view with what only the running system knows, which is why a run waits
// and what a running attempt last said of its progress.
import { blockOf } from '../catalog/catalog.ts';
import type { Accepted } from '../engine/engine.ts';
import { lastAliveAt } from '../run/attempts.ts';
import { type Run, withProgress } from '../run/run.ts';
import { type RunView, viewOf } from '../run/view.ts';
import { isoOf } from '../support/clock.ts';
import type { Tools } from './command.ts';
import type { TextNote } from './text-params.ts';

/** Params that the config names are hidden, whoever asks: what is shown is copied, piped and photographed. */
export const viewsOf = (runs: readonly Run[], tools: Tools): Promise<readonly RunView[]> =>
  viewsOfChanged(
    runs.map((run) => asSaid(run, tools)),
    tools,
  );

/** The same for runs as a change made them: what their attempts have said since is not in it. */
export async function viewsOfChanged(
  runs: readonly Run[],
  tools: Tools,
): Promise<readonly RunView[]> {
  const view = viewerWith(tools);
  const reasons = await tools.engine.why(runs, tools.clock.now());
  const withoutDaemon = (run: Run): string | null =>
    tools.daemon === null && run.state.name === 'queued' ? NO_DAEMON : null;
  return runs.map((run, i) => view(run, reasons[i] ?? withoutDaemon(run)));
}

/** The same for runs that were accepted: each as it was then, which is as durable as its acceptance. */
export function viewerOfAccepted(tools: Tools): (accepted: Accepted) => AcceptedView {
  const view = viewerWith(tools);
  return ({ run, reason, existing }) => {
    const seen = view(asSaid(run, tools), reason);
    return existing ? { ...seen, existing } : seen;
  };
}

export type AcceptedView = RunView & TextNote & { readonly existing?: true };

function viewerWith(tools: Tools): (run: Run, why: string | null) => RunView {
  const { redact } = tools.config;
  let names: ReadonlySet<string> | null = null;
  const blocked = ({ job, state }: Run): string | null => {
    // No daemon has told the engine which jobs there are.
    if (tools.daemon !== null || state.name !== 'queued') return null;
    names ??= new Set(tools.catalog.names());
    const entry = tools.catalog.find(job);
    return entry || !names.has(job) ? blockOf(job, entry, true) : null;
  };
  return (run, why) => viewOf(run, blocked(run) ?? why, redact);
}

/** The same for the dashboard, which is told of a run whose daemon was cut off when that was last known to be alive. */
export async function boardViews(runs: readonly Run[], tools: Tools): Promise<readonly RunView[]> {
  const { daemon, engine, clock } = tools;
  const views = await viewsOf(runs, tools);
  if (daemon !== null) return views;
  return runs.map((run, i) => {
    const view = views[i] as RunView;
    if (run.state.name !== 'running') return view;
    const aliveAt = lastAliveAt(run, engine.lastBeat(), clock.now());
    return { ...view, reason: `last known alive ${isoOf(aliveAt)}: ${NO_DAEMON}` };
  });
}

const NO_DAEMON = 'no daemon is running';

export async function viewRun(run: Run, tools: Tools): Promise<RunView> {
  const [view] = await viewsOf([run], tools);
  return view as RunView;
}

function asSaid(run: Run, tools: Tools): Run {
  if (run.state.name !== 'running') return run;
  return withProgress(run, tools.daemon?.progress(run.id) ?? null);
}
