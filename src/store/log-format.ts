// The format of one record's log, wherever it is kept: entries, each a line of JSON with its checksum, and the parts
// that they go to. Three kinds of entries: lines, the rows of a table, and the begin of each attempt at it with the
// number of rows it goes on from.
//
// The head keeps the begin of a long log. Later lines go by turns into two tails, the older of which is emptied when
// the newer is full. So the end of a flood is there too, and the count of what is missing between them. Rows always go
// to the
// head: none is dropped.
import { sumOf } from '../support/files.ts';
import { type Json, parseJson } from '../support/json.ts';
import { MAX_LOG_BYTES, MAX_RESULT_BYTES, MAX_RESULT_ROWS } from '../support/limits.ts';
import { fits, isFields, json, object, type Schema, whole } from '../support/schema.ts';
import { myTurn } from '../support/turn-taking.ts';

export const HEAD_BYTES = MAX_LOG_BYTES / 2;
export const TAIL_BYTES = MAX_LOG_BYTES / 4;
/** Lines and rows fit in this, with what is around each row; a larger head holds rows of attempts that were in vain. */
export const MOST_HEAD_BYTES = HEAD_BYTES + 2 * MAX_RESULT_BYTES;

export interface TextLine {
  readonly text: string;
}

/** The kinds of lines in a log. */
export interface LogKind<L extends TextLine> {
  readonly schema: Schema;
  /** Makes a line of the log's own, in the place of the next one or after the last one. */
  remark(text: string, beside?: L): L;
}

export type Entry<L extends TextLine> =
  | L
  | { readonly row: number; readonly value: Json }
  | { readonly begin: number; readonly rows: number }
  /** First in a tail, and in a head whose file was removed: how many lines came before it, kept or not. */
  | { readonly skipped: number };

export const isLine = <L extends TextLine>(entry: Entry<L>): entry is L => 'text' in entry;

/** As in the JSON files of the state: the last field is the checksum of all before it. */
export function textOf(entry: object): string {
  const body = JSON.stringify(entry).slice(0, -1);
  return `${body},"sum":"${sumOf(body)}"}\n`;
}

const SUM = /,"sum":"([0-9a-f]{8})"\}$/;

/** The entry of a line of text; null where it is damaged, or makes no sense. */
export function readEntry<L extends TextLine>(kind: LogKind<L>, line: string): Entry<L> | null {
  const sum = SUM.exec(line);
  const body = line.slice(0, sum?.index);
  if (sum?.[1] !== sumOf(body)) return null;
  const entry = parseJson(`${body}}`);
  if (!isFields(entry)) return null;
  const schema =
    'text' in entry ? kind.schema : 'row' in entry ? ROW : 'begin' in entry ? BEGIN : SKIPPED;
  // A schema does not say which type it stands for.
  return fits(schema, entry) ? (entry as unknown as Entry<L>) : null;
}

const ROW = object({ row: whole(0, MAX_RESULT_ROWS - 1), value: json });
const BEGIN = object({ begin: whole(0), rows: whole(0, MAX_RESULT_ROWS) });
const SKIPPED = object({ skipped: whole(0) });

/** The entries of a text; what is damaged is said in its place. */
export function readEntries<L extends TextLine>(kind: LogKind<L>, text: string): Entry<L>[] {
  return [...inParts(kind, text)].flat();
}

/** The same; a long text lets others be served in between. */
export async function readEntriesInTurns<L extends TextLine>(
  kind: LogKind<L>,
  text: string,
): Promise<Entry<L>[]> {
  const entries: Entry<L>[] = [];
  for (const part of inParts(kind, text)) {
    entries.push(...part);
    await myTurn();
  }
  return entries;
}

/** Some tenths of a millisecond. */
const PART = 50;

function* inParts<L extends TextLine>(kind: LogKind<L>, text: string): Generator<Entry<L>[]> {
  const lines = text.split('\n');
  for (let from = 0; from < lines.length; from += PART) {
    yield lines.slice(from, from + PART).flatMap((line, i) => {
      const entry = readEntry(kind, line);
      if (entry) return [entry];
      // A last line that was cut off by a crash holds nothing that was promised.
      const isCut = from + i === lines.length - 1 || line === '';
      return isCut ? [] : [kind.remark('… a damaged line is left out …')];
    });
  }
}

export interface LogContent<L extends TextLine> {
  /** The lines with their numbers. */
  readonly lines: readonly { readonly n: number; readonly line: L }[];
  readonly rows: readonly Json[];
  /** How many lines were ever written. */
  readonly count: number;
}

/** Puts a log together from its entries, in the order in which they were written. */
export class LogAssembler<L extends TextLine> implements LogContent<L> {
  readonly lines: { readonly n: number; readonly line: L }[] = [];
  readonly rows: Json[] = [];
  count: number;
  readonly #kind: LogKind<L>;

  /** `count`: lines that came before the first of its entries, where they are not asked for. */
  constructor(kind: LogKind<L>, count = 0) {
    this.#kind = kind;
    this.count = count;
  }

  /** So many lines were written before what comes next: those that are missing are told of. */
  skipTo(first: number, next?: L): void {
    if (first <= this.count) return;
    const last = this.lines.at(-1)?.line;
    const text = (last ? gap : removed)(first - this.count);
    this.lines.push({ n: first, line: this.#kind.remark(text, last ?? next) });
    this.count = first;
  }

  add(entries: readonly Entry<L>[]): void {
    for (const entry of entries) {
      if (isLine(entry)) this.lines.push({ n: ++this.count, line: entry });
      // An attempt that was lost may have added rows after its last checkpoint: its successor adds them again.
      else if ('begin' in entry) this.rows.length = Math.min(this.rows.length, entry.rows);
      else if ('row' in entry) this.rows[entry.row] = entry.value;
    }
  }
}

const gap = (missing: number): string =>
  `… ${missing} ${missing === 1 ? 'line' : 'lines'} left out: the log of a run is kept up to 10 MB, its begin and its end …`;

/** The begin of a log is always kept by jobrun itself. */
const removed = (missing: number): string =>
  missing === 1
    ? '… 1 line is missing: it was removed from the log …'
    : `… ${missing} lines are missing: they were removed from the log …`;

/** The same, with a word at its end about lines that were written and are not there any more. */
export function withMissing<L extends TextLine>(
  kind: LogKind<L>,
  read: LogContent<L>,
  written: number,
): LogContent<L> {
  if (read.count >= written) return read;
  const line = kind.remark(removed(written - read.count), read.lines.at(-1)?.line);
  return { ...read, lines: [...read.lines, { n: written, line }], count: written };
}

/** The table of a run; a row that was removed from the disk, or is damaged, is marked as an error in its place. */
export const wholeTable = (rows: readonly Json[]): Json[] =>
  Array.from(rows, (row) => (row === undefined ? { error: 'this row is lost' } : row));

/** The entries of a head without the rows that later attempts have made void. */
export function withoutVoidRows<L extends TextLine>(entries: readonly Entry<L>[]): Entry<L>[] {
  const rows: Entry<L>[] = [];
  for (const entry of entries) {
    if ('begin' in entry) rows.length = Math.min(rows.length, entry.rows);
    else if ('row' in entry) rows[entry.row] = entry;
  }
  const valid = new Set(rows);
  return entries.filter((entry) => !('row' in entry) || valid.has(entry));
}

/** Lines ever written, the bytes of the part in use, and which of the tails that is (null: the head). */
export interface Place {
  readonly count: number;
  readonly size: number;
  readonly tail: 0 | 1 | null;
}

export const EMPTY: Place = { count: 0, size: 0, tail: null };

/** Text that is appended to one part, and where the log is after that. */
export interface Step {
  readonly tail: Place['tail'];
  /** The part is emptied before. */
  readonly begins: boolean;
  readonly text: string;
  /** How many lines it has, and how many came before them. */
  readonly lines: number;
  readonly first: number;
  readonly after: Place;
}

/** The places of lines, each given as its text: the head takes what fits, and of the rest the newest stay. */
export function stepsOf(at: Place, texts: readonly string[]): Step[] {
  const steps: Step[] = [];
  const total = at.count + texts.length;
  let here = at;
  const put = (tail: Place['tail'], kept: readonly string[], first: number, header = ''): void => {
    const text = header + kept.join('');
    const size = Buffer.byteLength(text) + (header === '' ? here.size : 0);
    here = { count: first + kept.length, size, tail };
    steps.push({ tail, begins: header !== '', text, lines: kept.length, first, after: here });
  };
  const fitting = at.tail === null ? countFitting(texts, HEAD_BYTES - at.size) : 0;
  if (fitting > 0) put(null, texts.slice(0, fitting), at.count);
  const rest = texts.slice(fitting);
  if (rest.length === 0) return steps;
  const kept = rest.slice(rest.length - countFitting(rest.toReversed(), TAIL_BYTES));
  const first = total - kept.length;
  const isFull = here.tail === null || here.size + bytesOf(kept) > TAIL_BYTES;
  // A tail says how many lines came before it.
  if (isFull) put(here.tail === 0 ? 1 : 0, kept, first, textOf({ skipped: first }));
  else put(here.tail, kept, first);
  return steps;
}

/** How many texts, from the first on, fit into so many bytes. */
function countFitting(texts: readonly string[], bytes: number): number {
  let left = bytes;
  for (const [i, text] of texts.entries()) {
    left -= Buffer.byteLength(text);
    if (left < 0) return i;
  }
  return texts.length;
}

const bytesOf = (texts: readonly string[]): number =>
  texts.reduce((sum, text) => sum + Buffer.byteLength(text), 0);
