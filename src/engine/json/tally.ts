// How many runs there are of each job in each state, page by page: counts for everybody, and for lists the means to
// skip a page without reading it. Kept up to date by every change, so counts add up at every moment.

import {
  type Counts,
  isSettledName,
  type Run,
  STATE_NAMES,
  type StateName,
} from '../../run/run.ts';
import { PAGE_SIZE } from '../../support/limits.ts';

export const pageOf = (id: number): number => Math.floor(id / PAGE_SIZE);

export type JobCounts = Readonly<Record<string, Partial<Counts>>>;

type Cells = number[];
const COLUMN = Object.fromEntries(STATE_NAMES.map((name, i) => [name, i])) as Record<
  StateName,
  number
>;

export class Tally {
  readonly #pages = new Map<number, Map<string, Cells>>();
  readonly #jobs = new Map<string, Cells>();

  add(run: Run, by: 1 | -1): void {
    this.#add(pageOf(run.id), run.job, run.state.name, by);
  }

  /** Takes in the counts of a page that stays on the disk. */
  load(page: number, counts: JobCounts): void {
    for (const [job, states] of Object.entries(counts)) {
      for (const [name, n] of Object.entries(states)) this.#add(page, job, name as StateName, n);
    }
  }

  counts(): Counts {
    const sum = newCells();
    for (const cells of this.#jobs.values())
      for (const i of sum.keys()) sum[i] = (sum[i] ?? 0) + (cells[i] ?? 0);
    return countsOf(sum);
  }

  byJob(): Map<string, Counts> {
    return new Map([...this.#jobs].map(([job, cells]) => [job, countsOf(cells)]));
  }

  /** Pages that hold any run, newest first. */
  pages(): number[] {
    return [...this.#pages.keys()].sort((a, b) => b - a);
  }

  hasPage(page: number): boolean {
    return this.#pages.has(page);
  }

  /** Runs of a page in any of these states and jobs; null stands for all. */
  matching(
    page: number | null,
    states: readonly StateName[] | null,
    jobs: readonly string[] | null,
  ): number {
    const from = page === null ? this.#jobs : (this.#pages.get(page) ?? new Map<string, Cells>());
    let sum = 0;
    const add = (cells: Cells | undefined): void => {
      for (const name of states ?? STATE_NAMES) sum += cells?.[COLUMN[name]] ?? 0;
    };
    if (jobs) for (const job of jobs) add(from.get(job));
    else for (const cells of from.values()) add(cells);
    return sum;
  }

  /** What the manifest keeps of a page. */
  ofPage(page: number): JobCounts {
    const entries = [...(this.#pages.get(page) ?? [])].map(([job, cells]) => {
      const nonZero = STATE_NAMES.flatMap((name, i) => (cells[i] ? [[name, cells[i]]] : []));
      return [job, Object.fromEntries(nonZero)];
    });
    return Object.fromEntries(entries);
  }

  #add(page: number, job: string, name: StateName, by: number): void {
    const jobs = this.#pages.get(page) ?? new Map<string, Cells>();
    this.#pages.set(page, jobs);
    bump(jobs, job, name, by);
    bump(this.#jobs, job, name, by);
    if (by < 0 && jobs.size === 0) this.#pages.delete(page);
  }
}

function bump(cellsOf: Map<string, Cells>, job: string, name: StateName, by: number): void {
  const cells = cellsOf.get(job) ?? newCells();
  cellsOf.set(job, cells);
  const column = COLUMN[name];
  cells[column] = (cells[column] ?? 0) + by;
  if (by < 0 && cells[column] === 0 && cells.every((n) => n === 0)) cellsOf.delete(job);
}

const newCells = (): Cells => STATE_NAMES.map(() => 0);

function countsOf(cells: Cells): Counts {
  return Object.fromEntries(
    STATE_NAMES.map((name, i) => [name, cells[i] ?? 0]),
  ) as unknown as Counts;
}

/** True where every run of these counts is settled: such a page need not be read at a start. */
export function allSettled(counts: JobCounts): boolean {
  const states = Object.values(counts).flatMap((of) => Object.keys(of) as StateName[]);
  return states.every(isSettledName);
}
