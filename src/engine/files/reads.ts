// The queries of the state: answered from memory, and from page files if only they know. Reads see what is applied,
// durable or not.
import { unknownRun } from '../../run/refusal.ts';
import type { Counts, Run } from '../../run/run.ts';
import type { Schedule } from '../../run/schedule.ts';
import { whyQueued, whyWaiting } from '../../run/why.ts';
import type { Pages } from '../../store/pages.ts';
import { pageOf } from '../../store/tally.ts';
import { assert } from '../../support/errors.ts';
import type * as E from '../engine.ts';
import { refuseLongList } from '../list-bytes.ts';
import type { Memory } from './memory.ts';
import { Search } from './search.ts';
import { history } from './settled-order.ts';
import type { Tables } from './tables.ts';

export class Reads {
  protected readonly memory: Memory;
  protected readonly tables: Tables;
  protected readonly pages: Pages<Run>;
  readonly #search: Search;

  constructor(tables: Tables, pages: Pages<Run>) {
    this.memory = tables.paged;
    this.tables = tables;
    this.pages = pages;
    this.#search = new Search(this.memory, pages);
  }

  async find(id: number): Promise<Run | null> {
    const known = this.memory.known(id);
    const run = known === undefined ? await this.#filed(id) : known;
    if (!run || !this.pages.isLight(run)) return run;
    const [whole] = await this.pages.whole([run]);
    const now = this.memory.known(id);
    return now === undefined || now === run ? (whole ?? null) : now;
  }

  /** The same, maybe without its large values. */
  protected async seek(id: number): Promise<Run | null> {
    const known = this.memory.known(id);
    return known === undefined ? this.#filed(id) : known;
  }

  async #filed(id: number): Promise<Run | null> {
    if (!this.memory.tally.hasPage(pageOf(id))) return null;
    const filed = (await this.pages.filedIn(pageOf(id))).get(id) ?? null;
    // While the page was read, the run may have changed or gone.
    const now = this.memory.known(id);
    return now === undefined ? filed : now;
  }

  async list(query: E.Query): Promise<E.Found> {
    let last: E.Found | null = null;
    for await (const found of this.search(query)) last = found;
    assert(last, 'a search ends with what it has found');
    return last;
  }

  /** Pages are searched without large values; only what is found is read whole. */
  async *search(query: E.Query): AsyncIterable<E.Found> {
    const whole = new Map<number, Run>();
    const isLight = (run: Run): boolean => this.pages.isLight(run);
    for await (const found of this.#search.run(query)) {
      if (query.light) {
        yield found;
        continue;
      }
      refuseLongList(found.runs.filter(isLight).map((run) => this.pages.sizeOf(run)));
      const more = found.runs.filter((run) => isLight(run) && !whole.has(run.id));
      for (const run of more.length > 0 ? await this.pages.whole(more) : []) whole.set(run.id, run);
      const runs = found.runs.map((run) => (isLight(run) ? (whole.get(run.id) ?? run) : run));
      yield whole.size > 0 ? { ...found, runs } : found;
    }
  }

  history(period: E.Period = {}): AsyncIterable<E.History> {
    return history(this.memory.tally, this.pages, period);
  }

  async counts(): Promise<Counts> {
    return this.memory.tally.counts();
  }

  async countsByJob(): Promise<ReadonlyMap<string, Counts>> {
    return this.memory.tally.byGroup();
  }

  async schedules(): Promise<readonly Schedule[]> {
    return this.tables.schedules.values();
  }

  async unsettledOf(schedule: string): Promise<readonly Run[]> {
    return this.unsettledRuns(schedule);
  }

  protected unsettledRuns(schedule: string): readonly Run[] {
    const ids = this.memory.bySchedule.get(schedule) ?? [];
    return [...ids].flatMap((id) => this.memory.live.get(id) ?? []);
  }

  async pauses(): Promise<E.Pauses> {
    return this.tables.paused.pauses;
  }

  async why(runs: readonly Run[], now: number): Promise<readonly (string | null)[]> {
    return runs.map((run) => this.reasonOf(run, now));
  }

  protected reasonOf(run: Run, now: number): string | null {
    if (run.state.name === 'queued')
      return whyQueued(run, this.memory.picker.standingOf(run), this.memory.steady(now));
    if (run.state.name !== 'waiting') return null;
    return whyWaiting(run, this.memory.pendingOf(run));
  }

  protected async get(id: number): Promise<Run> {
    const run = await this.find(id);
    if (run) return run;
    throw unknownRun(id);
  }

  /** The same, maybe without its large values. */
  protected async getLight(id: number): Promise<Run> {
    const run = await this.seek(id);
    if (run) return run;
    throw unknownRun(id);
  }

  /** The run as it is at this moment: it may have changed, or gone, since it was found. */
  protected current(found: Run): Run {
    const run = this.memory.known(found.id);
    if (run === null) throw unknownRun(found.id);
    // A removal that was taken back left it without its values.
    return run && !this.pages.isLight(run) ? run : found;
  }
}
