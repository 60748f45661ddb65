// A run as a row: its JSON, and the columns that are asked for, which follow from it.
import { isSettled, type Run, runsAlone } from '../../run/run.ts';
import { lengthOf } from '../../run/waits.ts';
import type { Token } from '../members.ts';

/** The holder of a running run. */
export interface Held {
  readonly token: Token;
  readonly mark: string;
  readonly member: number;
}

/** Each column with its type, but for the JSON. */
export const COLUMNS = {
  id: 'bigint',
  job: 'text',
  state: 'text',
  priority: 'double precision',
  due_at: 'double precision',
  created_at: 'double precision',
  settled_at: 'double precision',
  wait_from: 'double precision',
  alone: 'boolean',
  parked: 'boolean',
  key: 'text',
  lock: 'text',
  schedule: 'text',
  token_turn: 'bigint',
  token_n: 'integer',
  member: 'bigint',
  mark: 'text',
  changed: 'bigint',
  bytes: 'integer',
} as const;

export type RunRow = Readonly<Record<keyof typeof COLUMNS, unknown>> & {
  readonly doc: string;
  readonly bytes: number;
};

/** `text` is the JSON of the run, `changed` the number of its latest change. */
export function rowOf(run: Run, held: Held | null, text: string, changed: number): RunRow {
  const { state, origin } = run;
  const length = lengthOf(run);
  const isRunning = state.name === 'running';
  return {
    id: run.id,
    job: columnOf(run.job),
    state: state.name,
    priority: run.priority,
    due_at: state.dueAt,
    created_at: run.createdAt,
    settled_at: 'settledAt' in state ? state.settledAt : null,
    wait_from: length === null ? null : state.dueAt - length,
    alone: runsAlone(run),
    // Which of those with one lock goes first is found out when all of them are written.
    parked: state.name === 'queued' && origin?.lock !== undefined,
    key: columnOf(origin?.key),
    lock: columnOf(origin?.lock),
    schedule: columnOf(origin?.schedule),
    token_turn: isRunning ? (held?.token[0] ?? null) : null,
    token_n: isRunning ? (held?.token[1] ?? null) : null,
    member: isRunning ? (held?.member ?? null) : null,
    mark: isRunning ? (held?.mark ?? null) : null,
    changed,
    bytes: Buffer.byteLength(text),
    doc: text,
  };
}

/** Waits until other runs are over. */
export const awaitsRuns = (run: Run | null): run is Run =>
  run?.state.name === 'waiting' && run.state.for === 'runs';

export const isOver = (run: Run | null | undefined): boolean => run != null && isSettled(run);

/** Characters that no column can have, and what stands in their place: different texts stay different. */
const ODD = /[\0\\]|\p{Cs}/u;

/** A text as a column has it: PostgreSQL takes no NUL, and no half of a surrogate pair. */
export function columnOf(text: string): string;
export function columnOf(text: string | undefined): string | null;
export function columnOf(text: string | undefined): string | null {
  if (text === undefined) return null;
  return ODD.test(text) ? JSON.stringify(text).slice(1, -1) : text;
}

/**
 * JSON to look into. PostgreSQL looks into none that has a NUL anywhere, which our own JSON may have: the statement
 * fails, and with it what it says of all other rows. So it sees another control character there.
 */
export const lookedInto = (json: string): string =>
  `replace(${json}::text, E'\\\\u0000', E'\\\\u0001')::json`;

/** True where a run was set aside. Few are, and the others are not parsed for it. */
export const isAside = (json: string): string =>
  `case when position('"aside"' in ${json}::text) > 0
    then ${lookedInto(json)}->'state'->'aside' is not null else false end`;

/** The text that a column stands for. */
export const textIn = (column: string): string =>
  column.includes('\\') ? (JSON.parse(`"${column}"`) as string) : column;
