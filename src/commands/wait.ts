// `jobrun wait`: until runs are settled, with the worst of their results as the exit code.

import type { RunView } from '../run/view.ts';
import { onAbort } from '../support/aborts.ts';
import { parseDuration, showDuration } from '../support/durations.ts';
import { JobrunError } from '../support/errors.ts';
import type { Json } from '../support/json.ts';
import type { Command, Tools } from './command.ts';
import { fieldsOf, optionalInteger, runIds } from './fields.ts';
import { examples } from './help.ts';
import { type Output, paintState } from './output.ts';
import { exitCodeOfRuns, untilSettled } from './settled.ts';
import { viewsOf } from './views.ts';

interface Request {
  readonly ids: readonly string[];
  readonly any: boolean;
  readonly timeoutMs?: number;
}

interface Reply {
  readonly runs: readonly RunView[];
}

export const wait: Command<Request, null> = {
  name: 'wait',
  reads: true,

  define(program) {
    program.argument('<id...>', 'runs to wait for');
    program.description('Wait until runs are settled; exit 6 if one failed, 7 if one was aborted.');
    program
      .option('--any', 'until one of them is settled')
      .option('--timeout <duration>', 'give up after this long, with exit code 124');
    examples(program, 'wait 12', 'wait 12 13 --any --timeout 5m');
  },

  ask({ args, options }) {
    const { any, timeout } = options;
    const timeoutMs =
      timeout === undefined ? {} : { timeoutMs: parseDuration(String(timeout), '--timeout') };
    return { ids: args, any: any === true, ...timeoutMs };
  },

  handle: async () => null,

  follows: () => true,

  async *stream(request, tools, signal) {
    const over = new AbortController();
    const end = (): void => over.abort();
    const unlisten = onAbort(signal, end);
    const { timeoutMs, undo } = deadline(request, tools, end);
    try {
      const runs = await untilSettled(
        runIds(request.ids),
        request.any === true,
        tools,
        over.signal,
      );
      if (runs) yield { runs: await viewsOf(runs, tools) } as unknown as Json;
      else if (!signal.aborted) throw late(request.ids, timeoutMs);
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

  showItem: (item, out, request) => showWaited(item as unknown as Reply, out, request.any),

  show: () => undefined,
};

function deadline(
  request: Request,
  tools: Tools,
  end: () => void,
): { readonly timeoutMs: number; readonly undo: () => void } {
  const timeoutMs = optionalInteger(fieldsOf(request), 'timeoutMs', 0, Number.MAX_SAFE_INTEGER);
  if (timeoutMs === undefined) return { timeoutMs: 0, undo: () => undefined };
  return { timeoutMs, undo: tools.clock.after(timeoutMs, end, { idle: true }) };
}

function late(ids: readonly string[], timeoutMs: number): JobrunError {
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
