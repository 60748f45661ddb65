// The file of one run's log: `logs/<id>.jsonl`, a JSON text a line. Three kinds of lines: what the run said, the rows
// of its result table, and the begin of each attempt with the number of rows it goes on from.
//
// The file keeps the head of a long log. What follows goes by turns into two tail files, the older of which is
// emptied when the newer is full: so the end of a flood is there too, and the count of what is missing between them.
import { join } from 'node:path';

import type { LogLine } from '../../run/view.ts';
import { isInstant } from '../../support/clock.ts';
import { errnoOf } from '../../support/errors.ts';
import { realDisk, sumOf } from '../../support/files.ts';
import { type Json, parseJson } from '../../support/json.ts';
import { MAX_LOG_BYTES, MAX_RESULT_BYTES, MAX_RESULT_ROWS } from '../../support/limits.ts';
import { be, fits, isFields, json, object, oneOf, text, whole } from '../../support/schema.ts';

export const HEAD_BYTES = MAX_LOG_BYTES / 2;
export const TAIL_BYTES = MAX_LOG_BYTES / 4;
/** Lines and rows fit in this, with what is around each row; a larger head holds rows of attempts that were in vain. */
export const MOST_HEAD_BYTES = HEAD_BYTES + 2 * MAX_RESULT_BYTES;

export type Entry =
  | LogLine
  | { readonly row: number; readonly value: Json }
  | { readonly begin: number; readonly rows: number }
  /** First in a tail file: how many lines came before it, kept or not. */
  | { readonly skipped: number };

export interface LogPaths {
  readonly head: string;
  readonly tails: readonly [string, string];
}

export function logPaths(folder: string, run: number): LogPaths {
  const tail = (n: number): string => join(folder, `${run}.tail-${n}.jsonl`);
  return { head: join(folder, `${run}.jsonl`), tails: [tail(1), tail(2)] };
}

export interface LogContent {
  /** What the run said, with the number of each line. */
  readonly lines: readonly { readonly n: number; readonly line: LogLine }[];
  readonly rows: readonly Json[];
  /** How many lines were ever written. */
  readonly count: number;
}

export async function readLog(folder: string, run: number): Promise<LogContent> {
  const { head, tails } = logPaths(folder, run);
  const parts = await Promise.all([head, ...tails].map(readPart));
  const [first = null, ...rest] = parts;
  const ordered = rest.filter((part) => part !== null).sort((a, b) => a.skipped - b.skipped);
  return [...(first ? [first] : []), ...ordered].reduce<LogContent>(join2, {
    lines: [],
    rows: [],
    count: 0,
  });
}

/** The text of a head file without the rows that later attempts have made void. */
export async function withoutVoidRows(path: string): Promise<string> {
  const { entries = [] } = (await readPart(path)) ?? {};
  const rows: Entry[] = [];
  for (const entry of entries) {
    if ('begin' in entry) rows.length = Math.min(rows.length, entry.rows);
    else if ('row' in entry) rows[entry.row] = entry;
  }
  const valid = new Set(rows);
  return entries
    .filter((entry) => !('row' in entry) || valid.has(entry))
    .map(textOf)
    .join('');
}

/** As in the JSON files of the state: the last field is the checksum of all before it. */
export function textOf(entry: Entry): string {
  const body = JSON.stringify(entry).slice(0, -1);
  return `${body},"sum":"${sumOf(body)}"}\n`;
}

const SUM = /,"sum":"([0-9a-f]{8})"\}$/;

/** The entry of a line; null where it is damaged. */
export function readEntry(line: string): Entry | null {
  const sum = SUM.exec(line);
  const body = line.slice(0, sum?.index);
  if (sum?.[1] !== sumOf(body)) return null;
  const entry = parseJson(`${body}}`);
  return makesSense(entry) ? entry : null;
}

const LINE = object({
  at: be('an instant', (at) => typeof at === 'string' && isInstant(Date.parse(at))),
  level: oneOf(['debug', 'info', 'warn', 'error']),
  stream: oneOf(['log', 'stdout', 'stderr']),
  attempt: whole(0),
  text,
  fields: json,
});
const ROW = object({ row: whole(0, MAX_RESULT_ROWS - 1), value: json });
const BEGIN = object({ begin: whole(0), rows: whole(0, MAX_RESULT_ROWS) });
const SKIPPED = object({ skipped: whole(0) });

/** What makes no sense is as damaged as what does not fit its checksum. */
function makesSense(entry: unknown): entry is Entry {
  if (!isFields(entry)) return false;
  if ('text' in entry) return fits(LINE, entry);
  if ('row' in entry) return fits(ROW, entry);
  return fits('begin' in entry ? BEGIN : SKIPPED, entry);
}

interface Part {
  readonly skipped: number;
  readonly entries: readonly Entry[];
}

async function readPart(path: string): Promise<Part | null> {
  let bytes: Buffer | null;
  try {
    bytes = await realDisk.read(path);
  } catch (error) {
    // A folder or a pipe in its place, a bad sector: the run itself can be shown all the same.
    return { skipped: 0, entries: [said(`${path} could not be read: ${errnoOf(error)}`)] };
  }
  if (bytes === null) return null;
  const entries = entriesOf(bytes.toString('utf8').split('\n'));
  const skipped = entries[0] && 'skipped' in entries[0] ? entries[0].skipped : 0;
  return { skipped, entries };
}

function entriesOf(lines: readonly string[]): readonly Entry[] {
  return lines.flatMap((line, i) => {
    const entry = readEntry(line);
    if (entry) return entry;
    // A last line that was cut off by a crash says nothing that anybody was promised.
    return i === lines.length - 1 || line === '' ? [] : said('a damaged line is left out');
  });
}

const said = (what: string): LogLine => {
  const at = new Date(0).toISOString();
  return { at, level: 'warn', stream: 'log', attempt: 1, text: `… ${what} …`, fields: null };
};

function join2(content: LogContent, part: Part): LogContent {
  const lines = [...content.lines];
  const rows = [...content.rows];
  let count = content.count;
  if (part.skipped > count) {
    lines.push({ n: part.skipped, line: gap(part.skipped - count, lines.at(-1)?.line) });
    count = part.skipped;
  }
  for (const entry of part.entries) {
    if ('text' in entry) lines.push({ n: ++count, line: entry });
    // An attempt that was lost may have added rows after its last checkpoint: its successor adds them again.
    else if ('begin' in entry) rows.length = Math.min(rows.length, entry.rows);
    else if ('row' in entry) rows[entry.row] = entry.value;
  }
  return { lines, rows, count };
}

function gap(missing: number, last: LogLine | undefined): LogLine {
  const text = `… ${missing} lines left out: the log of a run is kept up to 10 MB, its begin and its end …`;
  const at = last?.at ?? new Date(0).toISOString();
  return { at, level: 'warn', stream: 'log', attempt: last?.attempt ?? 1, text, fields: null };
}
