// `jobrun wait`: until runs are settled, with the worst of their results as the exit code.

import type { RunView } from '../run/view.ts';
import { onAbort } from '../support/aborts.ts';
import { showDuration } from '../support/durations.ts';
import { JobrunError } from '../support/errors.ts';
import type { Command, Context } from './shared/command.ts';
import { duration, runs } from './shared/kinds.ts';
import { argument, flag, option } from './shared/options.ts';
import { type Output, paintState } from './shared/output.ts';
import { viewsOf } from './shared/views.ts';
import { exitCodeOfRuns, untilSettled } from './shared/waiting.ts';

interface Reply {
  readonly runs: readonly RunView[];
}

const options = {
  ids: argument('<id...>', runs(), 'runs to wait for'),
  any: flag('--any', 'stop waiting when one of them has settled'),
  timeoutMs: option(
    '--timeout <duration>',
    duration,
    'give up after this long, with exit code 124',
  ),
};

export const wait: Command<typeof options, null, Reply> = {
  name: 'wait',
  reads: true,
  about: 'Wait until runs have settled. Exits with 6 if one failed, with 7 if one was aborted.',
  examples: ['wait 12', 'wait 12 13 --any --timeout 5m'],
  options,

  handle: async () => null,

  follows: () => true,

  async *stream({ ids, any = false, timeoutMs: given }, context, signal) {
    const over = new AbortController();
    const end = (): void => over.abort();
    const unlisten = onAbort(signal, end);
    const { timeoutMs, undo } = deadline(given, context, end);
    try {
      const runs = await untilSettled(ids, any, context, over.signal);
      if (runs) yield { runs: await viewsOf(runs, context) };
      else if (!signal.aborted) throw late(ids, timeoutMs);
    } finally {
      undo();
      unlisten();
    }
  },

  again: (request, _last, elapsedMs) =>
    request.timeoutMs === undefined
      ? request
      : { ...request, timeoutMs: Math.max(0, Math.ceil(request.timeoutMs - elapsedMs)) },

  patienceMs: ({ timeoutMs }) => timeoutMs,

  showItem: (waited, out, { any }) => showWaited(waited, out, any === true),

  show: () => undefined,
};

function deadline(
  timeoutMs: number | undefined,
  context: Context,
  end: () => void,
): { readonly timeoutMs: number; readonly undo: () => void } {
  if (timeoutMs === undefined) return { timeoutMs: 0, undo: () => undefined };
  return { timeoutMs, undo: context.clock.after(timeoutMs, end, { idle: true }) };
}

function late(ids: readonly number[], timeoutMs: number): JobrunError {
  const message = `not settled after ${showDuration(timeoutMs)}: ${ids.join(', ')}`;
  return new JobrunError('timed-out', message, `See how far: jobrun show ${ids[0] ?? ''}`);
}

function showWaited({ runs }: Reply, out: Output, any: boolean): number | undefined {
  const ids = runs.map(({ id }) => id);
  if (!out.done({ runs }, ids)) {
    for (const run of runs) out.line`${run.id} ${run.job} ${paintState(run.state)}`;
  }
  const settled = any ? runs.filter((run) => run.settledAt !== null) : runs;
  return exitCodeOfRuns(settled);
}
