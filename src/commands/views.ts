// Runs as handlers tell them: the view of run/view with what only the running system knows, which is why a run waits
// and what a running attempt last said of its progress.
import type { Run } from '../run/run.ts';
import { type RunView, viewOf } from '../run/view.ts';
import type { Tools } from './command.ts';

/** Params that the config names are hidden, whoever asks: what is shown is copied, piped and photographed. */
export function viewer(tools: Tools): (run: Run) => RunView {
  const now = tools.clock.now();
  const { redact } = tools.config;
  let names: ReadonlySet<string> | null = null;
  const reasonOf = (run: Run): string | null => {
    if (tools.daemon === null && run.state.name === 'queued') {
      // No daemon has told the engine which jobs there are.
      names ??= new Set(tools.catalog.names());
      if (!names.has(run.job)) return `no job named ${run.job}`;
    }
    return tools.engine.why(run, now);
  };
  return (run) => viewOf(withProgress(run, tools), reasonOf(run), redact);
}

export const viewRun = (run: Run, tools: Tools): RunView => viewer(tools)(run);

function withProgress(run: Run, tools: Tools): Run {
  if (run.state.name !== 'running' || !run.life) return run;
  const progress = tools.daemon?.progress(run.id) ?? null;
  return progress === null ? run : { ...run, life: { ...run.life, progress } };
}
