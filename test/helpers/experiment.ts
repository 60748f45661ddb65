// What an experiment on reliability is: it does something to real or simulated daemons many times and counts what was
// lost. The same code gives the figures of docs/reliability.md (`full`) and a test that is short enough for every
// change (`quick`).
export type Size = 'quick' | 'full';

export interface Row {
  /** What was done. */
  readonly what: string;
  readonly times: number;
  /** How often a promise was broken by it; null where it is only counted here, and judged in another row. */
  readonly lost: number | null;
  /** Other figures worth knowing. */
  readonly detail?: string;
}

export interface Experiment {
  readonly title: string;
  /** With `minutes`, one that lasts by the clock takes so long, whatever its size. */
  run(size: Size, log: (text: string) => void, minutes?: number): Promise<readonly Row[]>;
}
