// The log of a run behind the lines that a client has seen, for clients that can follow no stream: where there is
// nothing new, the reply waits for it. No command of its own: `logs` prints a log for people, and follows it.
import type { NumberedLine } from '../engine/logs.ts';
import { isSettled } from '../run/run.ts';
import type { LogLine } from '../run/view.ts';
import { onAbort } from '../support/aborts.ts';
import { MAX_LOG_WAIT_MS } from '../support/limits.ts';
import { type Command, type Context, hearsOfChanges } from './shared/command.ts';
import { logOf } from './shared/follow.ts';
import { count, duration, run } from './shared/kinds.ts';
import { getRun } from './shared/named.ts';
import { argument, type Checked, field } from './shared/options.ts';
import { lastOf } from './shared/window.ts';

export interface Log {
  /** Lines that the run has said, also those that are no longer kept. */
  readonly total: number;
  readonly lines: readonly LogLine[];
  /** The numbers of the first and last lines of a part, from 1; null if it has none. Left out for a whole log. */
  readonly first?: number | null;
  readonly last?: number | null;
}

/** A part of a log. */
export type LogPart = Required<Log>;

const options = {
  id: argument('<id>', run(), 'the run'),
  after: field(count(0), 'lines already seen'),
  before: field(count(1), 'only lines before the one with this number'),
  limit: field(count(0), 'at most so many of the first of these lines'),
  last: field(count(0), 'at most so many of the last of these lines'),
  wait: field(duration, 'how long to wait for a line where there is none, at most 30s'),
};

export const log: Command<typeof options, Log, Log> = {
  name: 'log',
  reads: true,
  about: 'The log of a run.',
  examples: [],
  options,

  handle: (request, context) => linesOf(request, context),

  /** Its one item is the log as soon as there is something new, or the wait is over. */
  async *stream(request, context, signal, first) {
    if (first.lines.length > 0 || !request.wait || !hearsOfChanges(context)) return yield first;
    await newLine(request, context, signal);
    yield await linesOf(request, context);
  },

  show: () => undefined,
};

const OVER = AbortSignal.abort();

type Asked = Checked<typeof options>;

async function linesOf(asked: Asked, context: Context): Promise<Log> {
  const { id, after = 0, before = Infinity, limit = Infinity, last } = asked;
  await getRun(id, context);
  const all: NumberedLine[] = [];
  for await (const line of context.logs.follow(id, { after }, OVER)) all.push(line);
  // A line that came between the two looks is not in this reply, so it does not count yet.
  const total = all.at(-1)?.n ?? Math.min(after, (await lastLine(id, context))?.n ?? 0);
  const lines = lastOf(all.filter(({ n }) => n < before).slice(0, limit), last);
  const told = { total, lines: lines.map(({ line }) => line) };
  const isPart = before !== Infinity || limit !== Infinity || last !== undefined;
  return isPart ? { ...told, first: lines[0]?.n ?? null, last: lines.at(-1)?.n ?? null } : told;
}

async function lastLine(id: number, { logs }: Context): Promise<NumberedLine | null> {
  for await (const line of logs.follow(id, { last: 1 }, OVER)) return line;
  return null;
}

/** Resolves with the next line, the end of the run, or the end of the wait. */
async function newLine(
  { id, after = 0, wait = 0 }: Asked,
  context: Context,
  signal: AbortSignal,
): Promise<void> {
  if (signal.aborted || isSettled(await getRun(id, context))) return;
  const over = new AbortController();
  const end = (): void => over.abort();
  const unlisten = onAbort(signal, end);
  const undo = context.clock.after(Math.min(wait, MAX_LOG_WAIT_MS), end, { idle: true });
  try {
    for await (const _line of logOf(id, { after }, context, over.signal)) return;
  } finally {
    unlisten();
    undo();
    end();
  }
}
