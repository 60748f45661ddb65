// The logs of runs in a store: in pieces of text, each appended once to one part of a log; store/log-format.ts says
// which part. The pieces of a run are numbered, so what comes after a piece is found without reading it.
import type { LogLine } from '../../run/view.ts';
import { EMPTY, LogAssembler, type Place, readEntries } from '../../store/log-format.ts';
import { RUN_LOG } from '../log-lines.ts';
import type { Token } from '../members.ts';
import type { Statement } from './session.ts';

/** The head and the two tails have the parts 0, 1 and 2. Rows belong to the head, and are read without its lines. */
export const ROWS = 3;

export const partOf = (tail: Place['tail']): number => (tail === null ? 0 : tail + 1);

export interface Piece {
  readonly run: number;
  /** From 1; those of parts that were emptied are gone. */
  readonly n: number;
  readonly part: number;
  /** Lines there were before it. */
  readonly first: number;
  readonly lines: number;
  readonly bytes: number;
  readonly body: string;
}

/** Pieces of a part that is emptied: those before piece `below`. */
export interface Cut {
  readonly run: number;
  readonly part: number;
  readonly below: number;
}

/** The writer of a run's log; without a token only if no attempt is under way. */
export interface Claimant {
  readonly run: number;
  readonly token: Token | null;
}

/**
 * Makes each of them the writer of its log, but for those whose run another one holds, or whose log has a later writer.
 * The row of a writer is locked while it writes: so what an earlier one has begun to write is there once this is
 * answered.
 */
export const takeOf = (all: readonly Claimant[]): Statement => ({
  name: 'jobrun_log_take',
  text: `insert into log_writer as w (run, token_turn, token_n)
    select a.run, coalesce(a.turn, 0), coalesce(a.n, 0)
      from json_to_recordset($1::json) as a (run bigint, turn bigint, n integer) join run r on r.id = a.run
      where r.state <> 'running' or (r.token_turn = a.turn and r.token_n = a.n) order by a.run
    on conflict (run) do update set
      token_turn = greatest(w.token_turn, excluded.token_turn),
      token_n = case when excluded.token_turn = 0 then w.token_n else excluded.token_n end
      where excluded.token_turn = 0 or (w.token_turn, w.token_n) <= (excluded.token_turn, excluded.token_n)
    returning run::float8, array[token_turn, token_n] as token`,
  values: [JSON.stringify(all.map(({ run, token }) => ({ run, turn: token?.[0], n: token?.[1] })))],
});

export interface Taken {
  readonly run: number;
  readonly token: Token;
}

/** How far the logs of these runs have come, part by part. */
export const lookOf = (runs: readonly number[]): Statement => ({
  name: 'jobrun_log_look',
  text: `select run::float8, part, sum(bytes)::float8 as bytes, max(n)::float8 as n, max(first + lines)::float8 as count
    from log where run = any($1::bigint[]) group by run, part`,
  values: [runs],
});

export interface Extent {
  readonly run: number;
  readonly part: number;
  readonly bytes: number;
  readonly n: number;
  readonly count: number;
}

/** The place where a log is to go on: after its newest piece. `head` counts the bytes of its head. */
export interface Reached {
  readonly n: number;
  readonly place: Place;
  readonly head: number;
}

export function reachedOf(extents: readonly Extent[]): Reached {
  const head = extents.reduce(
    (sum, { part, bytes }) => (part === 0 || part === ROWS ? sum + bytes : sum),
    0,
  );
  const n = Math.max(0, ...extents.map((one) => one.n));
  const count = Math.max(0, ...extents.map((one) => one.count));
  const [newest] = extents.filter(({ part }) => part === 1 || part === 2).sort((a, b) => b.n - a.n);
  if (!newest) return { n, place: { ...EMPTY, count, size: head }, head };
  return { n, place: { count, size: newest.bytes, tail: newest.part === 1 ? 0 : 1 }, head };
}

/**
 * Appends pieces to the logs of their writers; those that are writers no longer change nothing, and are not returned.
 * Rows are for the holder of the run alone. The same pieces once more are the same pieces.
 */
export const appendOf = (
  writers: readonly Taken[],
  pieces: readonly Piece[],
  cuts: readonly Cut[],
): Statement => ({
  name: 'jobrun_log_append',
  text: `with writers as materialized (
      select * from json_to_recordset($1::json) as b (run bigint, turn bigint, n integer)),
    held as materialized (select w.run, r.state = 'running' as holds from log_writer w
      join writers b on b.run = w.run and b.turn = w.token_turn and b.n = w.token_n
      join run r on r.id = w.run
      where r.state <> 'running' or (r.token_turn = b.turn and r.token_n = b.n) for share of w),
    emptied as (delete from log l using held h,
        json_to_recordset($3::json) as c (run bigint, part smallint, below bigint)
      where h.run = c.run and l.run = c.run and l.part = c.part and l.n < c.below
        and (c.part <> ${ROWS} or h.holds)),
    put as (insert into log (run, n, part, first, lines, bytes, body)
      select p.run, p.n, p.part, p.first, p.lines, p.bytes, p.body
        from json_to_recordset($2::json) as p
          (run bigint, n bigint, part smallint, first bigint, lines integer, bytes integer, body text)
        where p.run in (select run from held where holds)
          or (p.part <> ${ROWS} and p.run in (select run from held))
      on conflict (run, n) do nothing)
    select run::float8 from held`,
  values: [
    JSON.stringify(writers.map(({ run, token }) => ({ run, turn: token[0], n: token[1] }))),
    JSON.stringify(pieces),
    JSON.stringify(cuts),
  ],
});

/** The rows of the result table of a run, with those that later attempts have made void. */
export const rowsOf = (run: number): Statement => ({
  name: 'jobrun_log_rows',
  text: `select n::float8, first::float8, body from log where run = $1::bigint and part = ${ROWS} order by n`,
  values: [run],
});

/** The lines of a run; with `last` at least so many of its end. */
export const linesOf = (run: number, last: number | null): Statement => ({
  name: 'jobrun_log_lines',
  text: `select n::float8, first::float8, body from (
      select n, first, body, sum(lines) over (order by n desc) - lines as later
        from log where run = $1::bigint and part < ${ROWS}) l
    where $2::float8 is null or later < $2::float8 order by n`,
  values: [run, last],
});

/** Pieces that are read at once. */
export const MOST_NEWS = 200;

/** Lines of runs after a piece of each, in their order. */
export const newsOf = (after: ReadonlyMap<number, number>): Statement => ({
  name: 'jobrun_log_news',
  text: `select l.run::float8, l.n::float8, l.first::float8, l.body
    from unnest($1::bigint[], $2::bigint[]) as f (run, n) join log l on l.run = f.run and l.n > f.n
    where l.part < ${ROWS} order by l.run, l.n limit ${MOST_NEWS}`,
  values: [[...after.keys()], [...after.values()]],
});

export const sizesOf = (runs: readonly number[]): Statement => ({
  name: 'jobrun_log_sizes',
  text: 'select run::float8, sum(bytes)::float8 as bytes from log where run = any($1::bigint[]) group by run',
  values: [runs],
});

export const removeOf = (runs: readonly number[]): Statement => ({
  name: 'jobrun_log_remove',
  text: `with writers as (delete from log_writer where run = any($1::bigint[]))
    delete from log where run = any($1::bigint[])`,
  values: [runs],
});

/** A piece as it is read. */
export type Read = Pick<Piece, 'n' | 'first' | 'body'>;

/** The log that these pieces are, which come after `count` lines. */
export function logOf(pieces: readonly Read[], count: number): LogAssembler<LogLine> {
  const log = new LogAssembler(RUN_LOG, count);
  for (const { first, body } of pieces) {
    log.skipTo(first);
    log.add(readEntries(RUN_LOG, body));
  }
  return log;
}
