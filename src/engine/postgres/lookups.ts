// Answers of the database to what a turn asks beside single runs: who has a key or a lock, which runs a schedule or a
// job has. They are of the beginning of the turn; what the turn itself has changed since is not in them.
import { columnOf } from './run-row.ts';
import { type Found, keyOf, type RunFound, type Wanted } from './wanted.ts';

export class Lookups {
  readonly #keys = new Map<string, number | null>();
  readonly #slots = new Map<string, readonly number[]>();
  readonly #counts = new Map<string, number>();
  readonly #running = new Map<string, readonly number[]>();
  readonly #holders = new Map<string, number | null>();
  readonly #starts = new Map<string, readonly number[]>();

  /** The run that has this key; null also where it is asked for first. */
  withKey(job: string, key: string, missing: Wanted): number | null {
    const at = keyOf(job, key);
    if (!this.#keys.has(at)) missing.keys.set(at, [job, key]);
    return this.#keys.get(at) ?? null;
  }

  /** The runs of a schedule that was read. */
  slotsOf(schedule: string): readonly number[] {
    return this.#slots.get(schedule) ?? [];
  }

  hasRun(job: string, missing: Wanted): boolean {
    const count = this.#counts.get(job);
    if (count === undefined) missing.jobs.add(job);
    return (count ?? 0) > 0;
  }

  runningOf(job: string, missing: Wanted): readonly number[] {
    const ids = this.#running.get(job);
    if (!ids) missing.running.add(job);
    return ids ?? [];
  }

  holderOf(lock: string, missing: Wanted): number | null {
    const id = this.#holders.get(lock);
    if (id === undefined) missing.locks.add(lock);
    return id ?? null;
  }

  startsOf(job: string, since: number, missing: Wanted): readonly number[] {
    const starts = this.#starts.get(job);
    if (!starts) missing.starts.set(job, since);
    return starts ?? [];
  }

  /** Takes in the complete answer: a thing that no row speaks of is not there. */
  take(wanted: Wanted, rows: readonly Found[]): void {
    for (const at of wanted.keys.keys()) this.#keys.set(at, null);
    for (const name of wanted.schedules) this.#slots.set(name, []);
    for (const job of wanted.jobs) this.#counts.set(job, 0);
    for (const job of wanted.running) this.#running.set(job, []);
    for (const lock of wanted.locks) this.#holders.set(lock, null);
    for (const job of wanted.starts.keys()) this.#starts.set(job, []);
    for (const row of rows) this.#takeRow(row, wanted);
  }

  #takeRow(row: Found, wanted: Wanted): void {
    const { kind, id, doc } = row;
    switch (kind) {
      case 'key':
      case 'slot':
        this.#takeRun(row as RunFound);
        break;
      case 'job':
        this.#counts.set(askedName(row, wanted.jobs), id);
        break;
      case 'running':
        this.#running.set(askedName(row, wanted.running), doc as number[]);
        break;
      case 'holder':
        this.#holders.set(askedName(row, wanted.locks), id);
        break;
      case 'starts':
        this.#starts.set(askedName(row, wanted.starts.keys()), doc as number[]);
    }
  }

  #takeRun({ kind, id, doc }: RunFound): void {
    const { key, schedule } = doc.origin ?? {};
    if (kind === 'key' && key !== undefined) this.#keys.set(keyOf(doc.job, key), id);
    if (kind === 'slot' && schedule !== undefined)
      this.#slots.set(schedule, [...(this.#slots.get(schedule) ?? []), id]);
  }
}

/** A column has some texts in other words: they are found by those that were asked for. */
export const askedName = ({ name }: Found, names: Iterable<string>): string =>
  [...names].find((one) => columnOf(one) === name) ?? name;
