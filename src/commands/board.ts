// What the dashboard asks for: one window of one list, with all that stands around it. The daemon gives windows, never
// the list, so that a million runs are as light as ten. No command of its own: it is not in the help.
//
// As a stream it tells only that something has changed, at most five times a second; what is on the screen by then, the
// dashboard asks for itself. So a slow terminal costs the daemon nothing, and drops pictures, never truth.
import type { Counts } from '../run/run.ts';
import { delay } from '../support/clock.ts';
import type { Json } from '../support/json.ts';
import { type BoardDetail, detailOf } from './board-detail.ts';
import { type BoardList, type BoardRequest, kindOf, listOf } from './board-list.ts';
import { jobTotal } from './board-rows.ts';
import type { Command, Tools } from './command.ts';
import { fieldsOf, optionalText } from './fields.ts';
import { type Pulse, pulseOf } from './pulse.ts';
import { noDaemon } from './settled.ts';
import { version } from './version.ts';

export interface Board {
  readonly now: number;
  readonly timezone: string;
  readonly dir: string;
  readonly version: string;
  readonly daemon: { readonly pid: number; readonly since: number } | null;
  readonly workers: { readonly busy: number; readonly total: number };
  readonly counts: Counts;
  readonly jobs: number;
  readonly broken: readonly string[];
  readonly paused: { readonly all: boolean; readonly jobs: readonly string[] };
  readonly pulse: Pulse;
  readonly list: BoardList;
  readonly detail: BoardDetail | null;
}

const AT_MOST_EVERY_MS = 200;

export const board: Command<BoardRequest, Board | null> = {
  name: 'board',
  define: () => undefined,
  ask: () => ({}),

  async handle(request, tools) {
    if (request.watch) return null;
    const fields = fieldsOf(request);
    const { engine, catalog, daemon, clock, config } = tools;
    const { all, jobs } = engine.pauses();
    const what = optionalText(fields, 'detail', 200) ?? null;
    const list = await listOf(request, tools);
    return {
      now: clock.now(),
      timezone: config.timezone,
      dir: config.dir,
      version: version(),
      daemon: daemon && { pid: daemon.pid, since: daemon.since },
      workers: daemon?.workers() ?? { busy: 0, total: 0 },
      counts: engine.counts(),
      jobs: jobTotal(tools),
      broken: catalog.all().flatMap((job) => (job.state === 'broken' ? [job.name] : [])),
      paused: { all, jobs: [...jobs] },
      pulse: await pulseOf(tools),
      list,
      detail: await detailOf(kindOf(fields), what, request.rows === true, tools),
    };
  },

  follows: (request) => request.watch === true,

  async *stream(_request, tools, signal) {
    if (!tools.daemon) throw noDaemon('to watch');
    yield* changes(tools, signal);
  },

  show: () => undefined,
};

/** One item for each change, or for all the changes of a fifth of a second. */
async function* changes(tools: Tools, signal: AbortSignal): AsyncGenerator<Json> {
  const { clock } = tools;
  let changed = false;
  let wake = (): void => undefined;
  const touch = (): void => {
    changed = true;
    wake();
  };
  hear(tools, signal, touch);
  signal.addEventListener('abort', touch);
  let seen = setupOf(tools);
  while (!signal.aborted) {
    if (!changed) {
      await new Promise<void>((resolve) => {
        const undo = clock.after(AT_MOST_EVERY_MS, resolve, { idle: true });
        wake = () => {
          undo();
          resolve();
        };
      });
    }
    const setup = setupOf(tools);
    if (signal.aborted || (!changed && isSame(setup, seen))) continue;
    [changed, seen] = [false, setup];
    yield { changed: true };
    await delay(clock, AT_MOST_EVERY_MS, signal);
  }
}

function hear(tools: Tools, signal: AbortSignal, touch: () => void): void {
  const reading = async (): Promise<void> => {
    for await (const _ of tools.daemon?.feed.read(null, signal) ?? []) touch();
  };
  reading().catch(touch);
}

/** What may change without a run: looked at, for nobody tells of it. */
function setupOf({ engine, catalog, daemon }: Tools): readonly unknown[] {
  const { all, jobs } = engine.pauses();
  return [engine.schedules(), catalog.all(), daemon?.workers().busy, all, [...jobs].join()];
}

const isSame = (a: readonly unknown[], b: readonly unknown[]): boolean =>
  a.every((one, i) => one === b[i]);
