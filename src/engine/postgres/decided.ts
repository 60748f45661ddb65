// The beginning of a turn, and its decisions, as data.
import type { News } from '../../run/intake.ts';
import type { Run } from '../../run/run.ts';
import type { Pauses } from '../engine.ts';
import type { Held } from './run-row.ts';

/** The row of `meta`, as it is under its lock. */
export interface Meta {
  readonly turn: number;
  readonly next_id: number;
  readonly changes: number;
  readonly schedules: number;
  readonly pauses: { readonly all: boolean; readonly jobs: readonly string[] };
  readonly untold: readonly News[];
  readonly clock_mark: unknown;
}

export const pausesOf = ({ all, jobs }: Meta['pauses']): Pauses => ({ all, jobs: new Set(jobs) });

/** A run as it is now. */
export interface Known {
  /** Null where there is none. */
  readonly run: Run | null;
  readonly held: Held | null;
  /** Its JSON, where it is known; else empty. */
  readonly text: string;
}

export interface Made {
  readonly prev: Run | null;
  readonly run: Run;
  readonly text: string;
}

export interface Asked {
  readonly id: string;
  readonly ids: readonly number[];
  readonly at: number;
}

/** An attempt has begun; the starts of its job before `since` do not matter any more. */
export interface Started {
  readonly job: string;
  readonly at: number;
  readonly since: number;
}
