// What the dashboard asks for: one window of one list, with all that stands around it. The daemon gives windows, never
// the list, so that a million runs are as light as ten. No command of its own: it is not in the help.
//
// A look is a stream too: where runs have to be searched through, what is found comes in parts, and the next key ends
// the search. With `watch` the stream tells only that something has changed, at most five times a second; what is on
// the screen by then, the dashboard asks for itself. So a slow terminal costs the daemon nothing, and drops pictures,
// never truth.

import type { Counts } from '../run/run.ts';
import { onAbort } from '../support/aborts.ts';
import { delay } from '../support/clock.ts';
import type { Json } from '../support/json.ts';
import { SECOND } from '../support/limits.ts';
import { type BoardDetail, detailIn } from './board-detail.ts';
import { BOARD, type BoardList, type BoardRequest, listsOf } from './board-list.ts';
import { type Pulse, pulseOf } from './pulse.ts';
import type { Command, Tools } from './shared/command.ts';
import { jobNames } from './shared/views.ts';
import { noDaemon } from './shared/waiting.ts';
import { version } from './version.ts';

export interface Board {
  readonly now: number;
  readonly dir: string;
  readonly version: string;
  readonly daemon: { readonly pid: number; readonly since: number } | null;
  readonly workers: { readonly busy: number; readonly total: number };
  readonly counts: Counts;
  readonly jobs: number;
  readonly schedules: number;
  readonly broken: readonly string[];
  readonly paused: { readonly all: boolean; readonly jobs: readonly string[] };
  readonly pulse: Pulse;
  readonly list: BoardList;
  readonly detail: BoardDetail | null;
}

type Surroundings = Omit<Board, 'list'>;
/** Without a list where only what stands around it was asked for. */
export type BoardReply = Surroundings & { readonly list: BoardList | null };

const AT_MOST_EVERY_MS = 200;
/** A search that is over by then shows nothing halfway. */
const FIRST_PART_MS = 30;
/** Also where nothing was found meanwhile: who asked knows that the search goes on. */
const PART_MS = SECOND;

export const board: Command<typeof BOARD, BoardReply | null> = {
  name: 'board',
  reads: true,
  about: '',
  examples: [],
  options: BOARD,

  follows: ({ watch, parts }) => watch === true || parts === true,

  async handle(request, tools) {
    let last: BoardReply | null = null;
    if (board.follows?.(request)) return last;
    for await (const part of looks(request, tools)) last = part;
    return last;
  },

  async *stream(request, tools, signal) {
    if (!tools.daemon) throw noDaemon('watching');
    if (request.watch) return yield* changes(tools, signal);
    for await (const part of looks(request, tools, signal)) {
      // What the disk takes back is right again at the next look.
      await tools.engine.durable().catch(() => undefined);
      yield part as unknown as Json;
    }
  },

  show: () => undefined,
};

/** What there is, with as much of the list as is found so far; the last one with all of it. */
async function* looks(
  request: BoardRequest,
  tools: Tools,
  signal?: AbortSignal,
): AsyncGenerator<BoardReply> {
  const { clock } = tools;
  const around = await surroundings(request, tools);
  let next = clock.monotonic() + FIRST_PART_MS;
  let told = { what: '', at: clock.monotonic() };
  let list: (() => Promise<BoardList | null>) | null = null;
  for await (list of listsOf(request, tools)) {
    if (signal?.aborted) return;
    const now = clock.monotonic();
    const part = now < next ? null : await list();
    if (!part || part.complete) continue;
    next = now + AT_MOST_EVERY_MS;
    const what = `${part.total} ${part.runs.length}`;
    if (what === told.what && now - told.at < PART_MS) continue;
    told = { what, at: now };
    yield { ...around, list: part };
  }
  yield { ...around, list: (await list?.()) ?? null };
}

async function surroundings(request: BoardRequest, tools: Tools): Promise<Surroundings> {
  const { engine, catalog, daemon, clock, config } = tools;
  const { all, jobs } = await engine.pauses();
  return {
    now: clock.now(),
    dir: config.dir,
    version: version(),
    daemon: daemon && { pid: daemon.pid, since: daemon.since },
    workers: daemon?.workers() ?? { busy: 0, total: 0 },
    counts: await engine.counts(),
    jobs: (await jobNames(tools)).length,
    schedules: (await engine.schedules()).length,
    broken: catalog.all().flatMap((job) => (job.state === 'broken' ? [job.name] : [])),
    paused: { all, jobs: [...jobs] },
    pulse: await pulseOf(tools),
    detail: await detailIn(request, tools),
  };
}

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
  onAbort(signal, touch);
  let seen = await setupOf(tools);
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
    const setup = await setupOf(tools);
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
async function setupOf({ engine, catalog, daemon }: Tools): Promise<readonly unknown[]> {
  const { all, jobs } = await engine.pauses();
  return [await engine.schedules(), catalog.all(), daemon?.workers().busy, all, [...jobs].join()];
}

const isSame = (a: readonly unknown[], b: readonly unknown[]): boolean =>
  a.every((one, i) => one === b[i]);
