// What the files hold beside runs and schedules, read with the question whether it makes sense. A checksum says that it is
// what was written; a hand may have made the checksum right again. What makes no sense is left out and noted: it stops
// neither a start nor a list, the file it came from is copied aside before it is written anew, and doctor names it.
//
// Only what all else hangs on is damage where it makes no sense: the numbers of the manifest, and a file that is no list.
import * as v from 'valibot';
import type { Run } from '../../run/run.ts';
import { type Schedule, whyAside } from '../../run/schedule.ts';
import { asideOf, RUN_ID, readRun } from '../../run/stored-run.ts';
import { readSchedule } from '../../run/stored-schedule.ts';
import { MAX_BATCH, MAX_JOB_NAME } from '../../support/limits.ts';
import {
  be,
  faultOf,
  fits,
  flag,
  instant,
  isFields,
  list,
  object,
  type Schema,
  text,
  textUpTo,
  tuple,
  whole,
} from '../../support/schema.ts';
import type { Lease, Worker } from '../engine.ts';
import type { Answered, SchedulesFile } from './registry.ts';

/** Told what was left out, or set aside, and why. */
export type Note = (what: string, setAside?: boolean) => void;

/** A record that makes no sense: left out, or, where it has a name, set aside under that. */
export interface Oddity {
  readonly path: string;
  readonly what: string;
  readonly setAside: boolean;
}

/** The run, or what stands in its place; what is wrong, where it has no number. */
export function runOf(raw: unknown, note: Note): Run | string {
  const run = readRun(raw);
  if (typeof run !== 'string' && run !== raw)
    note(`run ${run.id} makes no sense: ${asideOf(run)}`, true);
  return run;
}

export function scheduleOf(raw: unknown, note: Note): Schedule | string {
  const schedule = readSchedule(raw);
  if (typeof schedule !== 'string' && schedule !== raw)
    note(`schedule ${schedule.name} makes no sense: ${whyAside(schedule)}`, true);
  return schedule;
}

const NAME = textUpTo(MAX_JOB_NAME);
/** Never empty: processes are found, and ended, by it. */
const MARK = textUpTo(1000);

const TOKEN = tuple(whole(0), whole(0));
export const HELD = object({ token: TOKEN, mark: MARK });
const LEASE = object({ run: RUN_ID, token: TOKEN, mark: MARK });
/** The group of process 1 is everything. */
const PID = be(
  'the number of a process other than 1',
  (value) => value !== 1 && fits(whole(0), value),
);
export const WORKER = object({ mark: MARK, pid: PID, startTime: text, boot: text });
const STARTS = tuple(NAME, list(instant));

/** As many as a batch may have: each number stands for a run that is looked for. */
const SEVERAL = tuple(RUN_ID, whole(1, MAX_BATCH));
const IDS = v.lazy((value) => (Array.isArray(value) ? SEVERAL : RUN_ID));
export const REQUEST = tuple(text, list(IDS), instant);

const ALL = object({ all: flag });
const ONE = object({ job: NAME });
export const TARGET = v.lazy((value) => (isFields(value) && value.all === true ? ALL : ONE));

/** Those of a list that make sense; the others are noted by what they are. */
export function sensible<T>(
  values: unknown,
  schema: Schema,
  what: string,
  note: Note,
): readonly T[] {
  if (!Array.isArray(values)) {
    note(`the list of ${what}s ${faultOf(list(schema), values)}`);
    return [];
  }
  return values.filter((one) => {
    const wrong = faultOf(schema, one);
    if (wrong !== null) note(`a ${what} makes no sense: ${wrong}`);
    return wrong === null;
  });
}

export type Starts = readonly (readonly [job: string, at: readonly number[]])[];

export const requestsOf = (list: unknown, note: Note): readonly Answered[] =>
  sensible(list, REQUEST, 'request', note);
export const leasesOf = (list: unknown, note: Note): readonly Lease[] =>
  sensible(list, LEASE, 'lease', note);
export const workersOf = (list: unknown, note: Note): readonly Worker[] =>
  sensible(list, WORKER, 'worker', note);
/** Missing where an earlier version wrote the file. */
export const startsOf = (list: unknown, note: Note): Starts =>
  sensible(list ?? [], STARTS, 'list of starts', note);

export function pausesOf(paused: unknown, note: Note): SchedulesFile['paused'] {
  const { all, jobs } = isFields(paused) ? paused : {};
  const wrong = faultOf(flag, all);
  if (wrong !== null) note(`what is paused makes no sense: all ${wrong}`);
  return { all: all === true, jobs: sensible(jobs, NAME, 'paused job', note) };
}

export function schedulesOf(list: readonly unknown[], note: Note): SchedulesFile['schedules'] {
  return list.flatMap((raw) => {
    const schedule = scheduleOf(raw, note);
    if (typeof schedule !== 'string') return [schedule];
    note(`a schedule makes no sense: ${schedule}`);
    return [];
  });
}
