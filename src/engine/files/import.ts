// Takes a stream into an empty state, all of it or nothing. Pages and logs are written first: as long as no manifest
// and no line of the journal names a page, it is not part of the state. Then one line of the journal names them all,
// with the schedules and the rest: that line is the moment of the import.
import { join } from 'node:path';
import type { Run } from '../../run/run.ts';
import { isHeldUp } from '../../run/stored-run.ts';
import { type Op, Segment } from '../../store/journal.ts';
import { JobrunError } from '../../support/errors.ts';
import type { Disk, DiskFile } from '../../support/files.ts';
import { journalFolder } from './fold.ts';
import type { Imported } from './manifest.ts';
import { Pages } from './pages.ts';
import { readState } from './reader.ts';
import type { Recovered } from './recovered.ts';
import { type OpenOptions, openFileEngine } from './recovery.ts';
import type { Answered, SchedulesFile } from './registry.ts';
import { LOG_NAME } from './repair/inspect.ts';
import type { Note } from './stored.ts';
import { broken, type Header, type Item, readLines } from './stream.ts';
import { pageOf, Tally } from './tally.ts';

export interface Import {
  readonly runs: number;
  /** What makes no sense, and was set aside or left out. */
  readonly oddities: readonly string[];
}

/** The caller holds the lock. Throws `refused` where the state is not empty. */
export async function importState(
  options: OpenOptions,
  lines: AsyncIterable<string>,
): Promise<Import> {
  const { disk, dir, clock } = options;
  // Recovered first, as for any change: what is left of a kill is made durable.
  const opened = await openFileEngine(options);
  await opened.engine.close();
  const state = await readState(disk, dir);
  if (opened.damage[0]) throw opened.damage[0];
  refuseUnlessEmpty(state);
  await removeLogs(disk, join(dir, 'logs'));
  const taking = new Taking(disk, dir);
  try {
    for await (const item of readLines(lines, (n) => taking.noteIn(n))) await taking.take(item);
    const imported = await taking.end(state);
    const folder = journalFolder(dir);
    const segment = await Segment.create(disk, folder, state.lastSegment + 1, state.end);
    const op: Op = ['import', imported];
    await segment.append(state.end.seq + 1, clock.now(), [JSON.stringify(op)]);
    await segment.close();
  } catch (error) {
    await taking.undo();
    throw error;
  }
  const { engine } = await openFileEngine(options);
  await engine.close();
  const { runs, oddities } = taking;
  return { runs, oddities };
}

function refuseUnlessEmpty({ memory, registry }: Recovered): void {
  const runs = Object.values(memory.tally.counts()).reduce((sum, n) => sum + n, 0);
  // Schedules that stand in job files come by themselves, wherever a daemon once ran.
  const made = [...registry.schedules.values()].some(({ source }) => source === 'made');
  if (runs === 0 && !made) return;
  const hint = 'Import into a new folder: jobrun import --state-dir <folder> <file>';
  const what = runs > 0 ? `${runs} runs` : 'schedules';
  throw new JobrunError('refused', `the state is not empty: it has ${what}`, hint);
}

/** What an import left that was killed: nobody may take it for the log of a run of this one. */
async function removeLogs(disk: Disk, folder: string): Promise<void> {
  for (const name of await disk.list(folder))
    if (LOG_NAME.test(name)) await disk.remove(join(folder, name));
}

class Taking {
  runs = 0;
  readonly oddities: string[] = [];
  readonly #aside: number[] = [];
  readonly #disk: Disk;
  readonly #dir: string;
  readonly #pages: Pages;
  readonly #tally = new Tally();
  readonly #written = new Set<string>();
  readonly #rest = {
    schedules: [] as SchedulesFile['schedules'][number][],
    paused: { all: false, jobs: [] as readonly string[] },
    requests: [] as Answered[],
    starts: [] as (readonly [job: string, at: readonly number[]])[],
  };
  #header: Header | null = null;
  #page: Run[] = [];
  #log: { readonly name: string; readonly file: DiskFile; size: number } | null = null;

  constructor(disk: Disk, dir: string) {
    this.#disk = disk;
    this.#dir = dir;
    this.#pages = new Pages(disk, dir);
  }

  noteIn(line: number): Note {
    return (what, setAside = false) =>
      this.oddities.push(
        `line ${line}: ${what}${setAside ? '; it is set aside' : '; it is left out'}`,
      );
  }

  async take(item: Header | Item): Promise<void> {
    if ('nextId' in item) this.#header = item;
    else if ('run' in item) await this.#run(item.run);
    else if ('log' in item) await this.#logText(...item.log);
    else if ('schedule' in item) this.#rest.schedules.push(item.schedule);
    else if ('paused' in item) this.#rest.paused = item.paused;
    else if ('request' in item) this.#rest.requests.push(item.request);
    else this.#rest.starts.push(item.starts);
  }

  async end(state: Recovered): Promise<Imported> {
    await this.#writePage();
    await this.#closeLog();
    await this.#disk.syncFolder(join(this.#dir, 'logs'));
    const tally = this.#tally;
    const pages = tally.pages().map((page) => [page, tally.ofPage(page)] as const);
    const { nextId = 1, changes = 0 } = this.#header ?? {};
    return {
      nextId: Math.max(nextId, state.nextId),
      changes: Math.max(changes, state.changes),
      pages,
      settled: tally.spans(tally.pages()),
      aside: this.#aside,
      ...this.#rest,
    };
  }

  async undo(): Promise<void> {
    await this.#closeLog().catch(() => undefined);
    for (const path of this.#written) await this.#disk.remove(path).catch(() => undefined);
  }

  async #run(run: Run): Promise<void> {
    const last = this.#page.at(-1);
    if (last && run.id <= last.id) throw broken(`has run ${run.id} after run ${last.id}`);
    if (run.id >= (this.#header?.nextId ?? 0))
      throw broken(`has a run ${run.id} beyond its own end`);
    if (last && pageOf(last.id) !== pageOf(run.id)) await this.#writePage();
    this.#page.push(run);
    if (isHeldUp(run)) this.#aside.push(run.id);
    this.#tally.add(run, 1);
    this.runs++;
  }

  async #writePage(): Promise<void> {
    const [first] = this.#page;
    if (!first) return;
    const page = pageOf(first.id);
    this.#written.add(this.#pages.path(page));
    await this.#pages.write(page, 0, this.#page);
    this.#page = [];
  }

  async #logText(name: string, text: string): Promise<void> {
    if (this.#log?.name !== name) {
      await this.#closeLog();
      const path = join(this.#dir, 'logs', name);
      if (this.#written.has(path)) throw broken(`has the log ${name} in two places`);
      // What lies there belongs to no run: the state is empty.
      await this.#disk.remove(path);
      this.#log = { name, file: await this.#disk.create(path), size: 0 };
      this.#written.add(path);
    }
    const bytes = Buffer.from(text);
    await this.#log.file.write(bytes, this.#log.size);
    this.#log.size += bytes.length;
  }

  async #closeLog(): Promise<void> {
    const log = this.#log;
    this.#log = null;
    await log?.file.sync();
    await log?.file.close();
  }
}
