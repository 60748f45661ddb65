// Tables of records, and the transaction that changes them. A table is one kind of durable record, declared in one
// place: its field in a document, its lines in an export, how a record is read and checked, and what the operations of
// the journal do to it.
//
// A record is in one of these states:
//
//   applied   a transaction has changed it in memory. The next caller sees it; no process outside is told of it.
//   durable   the line of the journal with the operation is on the disk. Now it may be told.
//   folded    a document holds it too, and says up to which line. A start takes in the document and replays later
//             lines.
//
// Order of effects of a change: apply it in memory, write the operation, tell of it. If the disk refuses the line, the
// transaction is undone, its last change first, and the record is what the disk holds.
//
// The table reads the contents of a file, and a record that makes no sense is left out and noted. So a document, a line
// of the journal, an import and a repair have one reader.

import { anything, type Fields, faultOf, list, type Schema, text } from '../support/schema.ts';
import type { Note, Op } from './folder.ts';

/** The parts that a transaction can change. */
export interface Rows<K, V> {
  /** Puts `after` in the place of `before`; null stands for no record. */
  swap(key: K, before: V | null, after: V | null): void;
}

/** The parts that a transaction can put a record into, or delete one from. */
export interface Writable<K, V> extends Rows<K, V> {
  readonly is: {
    readonly put?: string;
    readonly drop?: string;
    readonly key: (value: V) => K;
  };
  get(key: K): V | undefined;
}

/** A line of the journal at a start. */
export interface Replay {
  /** Returns a record that has pages of its own, as its page or an earlier line has it. */
  readonly find: (id: number) => unknown;
  readonly note: Note;
  /** The page may include the line already: a repair does not always know. */
  readonly again?: boolean;
}

/** A kind of record that lies in a field of a document. */
export interface Table {
  readonly field: string;
  /** The name of its lines in an export; null if another state could not use them. */
  readonly line: string | null;
  /** The name of their number in the last line of an export, if they are counted there. */
  readonly counted?: string | undefined;
  /** Returns what the document holds. */
  dump(): unknown;
  /** Returns what an export has of it, if that is something else. */
  exported?(): unknown;
  /** Takes in what a document, or a list with the record of one line, holds. */
  load(raw: unknown, note: Note): void;
  /** For each of its own operations: reads one as it is to be done; a text says what is wrong with it. */
  readonly reads: Reads;
  /** Does what an operation says, if it concerns this table. */
  replay(op: Op, to: Replay): void;
  /** Returns what to tell of its records that were set aside, if it has any. */
  asides?(): readonly Aside[];
}

/** A record that makes no sense and was set aside under its name, as a person is told of it. */
export interface Aside {
  readonly message: string;
  readonly hint: string;
}

export type Reads = Readonly<Record<string, (op: Op, note: Note) => Op | string>>;

/** Makes a reader of a schema. */
export const fitting =
  <V>(schema: Schema) =>
  (raw: unknown): V | string =>
    faultOf(schema, raw) ?? (raw as V);

export interface Declared<K, V> {
  readonly field: string;
  readonly line: string | null;
  readonly counted?: string;
  /** The word for a record in messages. */
  readonly what: string;
  readonly key: (value: V) => K;
  readonly read: (raw: unknown, note: Note) => V | string;
  /** Null for a record that makes sense; without it none is ever set aside. */
  readonly aside?: (value: V) => Aside | null;
  /** The operation that puts a record. */
  readonly put?: string;
  /** The operation that deletes one by its key, which fits `keyIs`. */
  readonly drop?: string;
  readonly keyIs?: Schema;
}

/** The holder of the records: a Map, or a store that forgets old ones. */
interface Keep<K, V> {
  get(key: K): V | undefined;
  set(key: K, value: V): unknown;
  delete(key: K): unknown;
  values(): Iterable<V>;
}

/** A table of records with a key, each written as it is. */
export class KeyedTable<K, V> implements Table, Writable<K, V> {
  readonly reads: Reads;
  readonly is: Declared<K, V>;
  readonly #rows: Keep<K, V>;
  #values: readonly V[] | null = null;

  constructor(is: Declared<K, V>, rows: Keep<K, V> = new Map<K, V>()) {
    this.is = is;
    this.#rows = rows;
    this.reads = {
      ...(is.put && { [is.put]: ([kind, raw], note) => readAs(kind, is.read(raw, note)) }),
      ...(is.drop && { [is.drop]: operands(is.keyIs ?? text) }),
    };
  }

  get field(): string {
    return this.is.field;
  }

  get line(): string | null {
    return this.is.line;
  }

  get counted(): string | undefined {
    return this.is.counted;
  }

  get(key: K): V | undefined {
    return this.#rows.get(key);
  }

  /** Returns the records, as the same list until one of them changes. */
  values(): readonly V[] {
    this.#values ??= [...this.#rows.values()];
    return this.#values;
  }

  swap(key: K, _before: V | null, after: V | null): void {
    this.#values = null;
    if (after === null) this.#rows.delete(key);
    else this.#rows.set(key, after);
  }

  dump(): unknown {
    return this.values();
  }

  load(raw: unknown, note: Note): void {
    const { what, read, key } = this.is;
    for (const record of sensible(raw, read, what, note)) this.swap(key(record), null, record);
  }

  asides(): readonly Aside[] {
    return this.values().flatMap((value) => this.is.aside?.(value) ?? []);
  }

  replay([kind, first]: Op, _to: Replay): void {
    if (kind === this.is.put) this.swap(this.is.key(first as V), null, first as V);
    else if (kind === this.is.drop) this.swap(first as K, null, null);
  }
}

/** Reads an operation with one record. */
export const readAs = (kind: string, record: unknown): Op | string =>
  typeof record === 'string' ? `${kind}: ${record}` : [kind, record];

/** Reads an operation whose operands fit these checks. */
export const operands =
  (...schemas: readonly Schema[]): Reads[string] =>
  (op) => {
    const wrong = schemas.map((one, i) => faultOf(one, op[i + 1])).find((one) => one !== null);
    return wrong === undefined ? op : `${op[0]}: ${wrong}`;
  };

/** Returns the records of a list that make sense, and notes the others. */
export function sensible<V>(
  values: unknown,
  read: (raw: unknown, note: Note) => V | string,
  what: string,
  note: Note,
): readonly V[] {
  if (!Array.isArray(values)) {
    note(`the list of ${what}s ${faultOf(list(anything), values)}`);
    return [];
  }
  return values.flatMap((raw) => {
    const record = read(raw, note);
    if (typeof record !== 'string') return [record];
    note(`a ${what} makes no sense: ${record}`);
    return [];
  });
}

/** Several tables that are written together. */
export interface DocumentTables {
  readonly name: string;
  /**
   * The report for a hand-made change that is believed: given by a repair if it can keep parts of it alone; else null.
   */
  readonly byHand: string | null;
  readonly tables: readonly Table[];
}

/** All tables that lie in documents, by these, in the order in which they are written. */
export class Documents {
  /** How each operation of the journal is read. */
  readonly reads: Reads;
  readonly #all: readonly DocumentTables[];
  /** True if a table holds a list of records: to ask it each time would be to dump it for each line of an import. */
  readonly #areLists = new Map<Table, boolean>();

  constructor(all: readonly DocumentTables[]) {
    this.#all = all;
    const reads = all.flatMap(({ tables }) => tables.map((table) => table.reads));
    this.reads = Object.assign({}, ...reads);
  }

  get names(): readonly string[] {
    return this.#all.map(({ name }) => name);
  }

  of(document: string): DocumentTables {
    return (
      this.#all.find(({ name }) => name === document) ?? {
        name: document,
        byHand: null,
        tables: [],
      }
    );
  }

  /** Returns what to tell of records that were set aside, with the document that has them. */
  asides(): readonly { readonly document: string; readonly aside: Aside }[] {
    return this.#all.flatMap(({ name, tables }) =>
      tables.flatMap((table) =>
        (table.asides?.() ?? []).map((aside) => ({ document: name, aside })),
      ),
    );
  }

  /** Returns what a document holds. */
  fieldsOf(document: string): Fields {
    return Object.fromEntries(this.of(document).tables.map((table) => [table.field, table.dump()]));
  }

  load(document: string, data: object, note: Note): void {
    for (const table of this.of(document).tables) table.load((data as Fields)[table.field], note);
  }

  /** Does what an operation says, but for documents that include its line already. */
  replay(op: Op, includes: (document: string) => boolean, to: Replay): void {
    for (const { name, tables } of this.#all)
      if (!includes(name)) for (const table of tables) table.replay(op, to);
  }

  /** Returns the records that an export has, by the name of their lines. */
  lines(): readonly { readonly line: string; readonly records: readonly unknown[] }[] {
    return this.#portable().map((table) => ({
      line: table.line,
      records: [table.exported?.() ?? table.dump()].flat(),
    }));
  }

  /** Returns by what name the lines of each kind are counted in an export. */
  get counted(): readonly (readonly [line: string, name: string])[] {
    return this.#portable().flatMap(({ line, counted }) => (counted ? [[line, counted]] : []));
  }

  /** Takes in a record of an export. Returns false if no table has such lines. */
  loadLine(line: string, record: unknown, note: Note): boolean {
    const table = this.#portable().find((one) => one.line === line);
    if (!table) return false;
    const isList = this.#areLists.get(table) ?? Array.isArray(table.dump());
    this.#areLists.set(table, isList);
    table.load(isList ? [record] : record, note);
    return true;
  }

  /** Returns what the line of an import says of the tables. */
  exported(): Fields {
    return Object.fromEntries(this.#portable().map((table) => [table.field, table.dump()]));
  }

  /** Takes that in, but for documents that include it already. */
  loadImport(imported: object, includes: (document: string) => boolean, note: Note): void {
    for (const table of this.#portable((document) => !includes(document)))
      table.load((imported as Fields)[table.field], note);
  }

  #portable(isIn = (_document: string) => true): (Table & { readonly line: string })[] {
    const all = this.#all.flatMap(({ name, tables }) => (isIn(name) ? tables : []));
    return all.filter((table): table is Table & { line: string } => table.line !== null);
  }
}

/** Returns the operations of a line that make sense, and notes the others. */
export function readOps(line: unknown, reads: Reads, note: Note): readonly Op[] {
  if (!Array.isArray(line)) {
    note('the operations of a commit make no sense: they are no list');
    return [];
  }
  return line.flatMap((raw: unknown) => {
    const op = isOp(raw) ? readOp(raw, reads, note) : 'it is no list';
    if (typeof op !== 'string') return [op];
    note(`an operation makes no sense: ${op}`);
    return [];
  });
}

/** Its reader says what its operands are. */
const isOp = (raw: unknown): raw is Op => Array.isArray(raw);

function readOp(op: Op, reads: Reads, note: Note): Op | string {
  const read = Object.hasOwn(reads, op[0]) ? reads[op[0]] : undefined;
  return read?.(op, note) ?? `there is none that is called ${JSON.stringify(op[0])}`;
}

/** A change as data: hundreds of these wait for a line to be synced. */
export interface Change<K, V> {
  readonly rows: Rows<K, V>;
  readonly key: K;
  readonly before: V | null;
  readonly after: V | null;
}

/** Changes that are made together: applied as they are added, with what it takes to write and to undo them. */
export class Transaction {
  readonly ops: string[] = [];
  readonly #changes: (Change<unknown, unknown> | (() => void))[] = [];

  put<K, V>(table: Writable<K, V>, value: V): void {
    const key = table.is.key(value);
    this.write([table.is.put, value]);
    this.change(table, key, table.get(key) ?? null, value);
  }

  delete<K, V>(table: Writable<K, V>, key: K): void {
    this.write([table.is.drop, key]);
    this.change(table, key, table.get(key) ?? null, null);
  }

  /** Adds an operation to the line; what it does is added with `change`. */
  write(op: readonly unknown[]): void {
    this.ops.push(JSON.stringify(op));
  }

  change<K, V>(rows: Rows<K, V>, key: K, before: V | null, after: V | null): void {
    rows.swap(key, before, after);
    // Each change goes back to the rows that it came from, whatever their types.
    this.#changes.push({ rows, key, before, after } as unknown as Change<unknown, unknown>);
  }

  /** Returns the changes of these rows, in their order. */
  changesOf<K, V>(rows: Rows<K, V>): readonly Change<K, V>[] {
    const isOf = (change: object): boolean => 'rows' in change && change.rows === rows;
    // Those of these rows have the types of these rows.
    return this.#changes.filter(isOf) as unknown as readonly Change<K, V>[];
  }

  onUndo(undo: () => void): void {
    this.#changes.push(undo);
  }

  undo(): void {
    for (const change of this.#changes.toReversed()) {
      if (typeof change === 'function') change();
      else change.rows.swap(change.key, change.after, change.before);
    }
  }
}
