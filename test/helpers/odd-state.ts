// Records of a state folder changed by hand, with checksums made right again: each field of a record in turn becomes
// what it cannot be.
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { crc32 } from 'node:zlib';
import { bytesOf } from '../../src/store/document-bytes.ts';
import { hex } from '../../src/support/files.ts';
import type { Doc } from './project.ts';

/** Rewrites a JSON file of the state as `change` makes it. */
export function editDocument(path: string, change: (data: Doc) => void): void {
  const { sums: _s, sum: _t, ...data } = JSON.parse(readFileSync(path, 'utf8'));
  change(data);
  writeFileSync(path, Buffer.concat([...bytesOf(data)].map((piece) => Buffer.from(piece))));
}

/** The same for the operations of the last segment of the journal, line by line. */
export function editJournal(dir: string, change: (ops: Doc[], line: Doc) => void): void {
  const folder = join(dir, 'journal');
  const path = join(folder, readdirSync(folder).sort().at(-1) ?? '');
  const [head = '', ...lines] = readFileSync(path, 'utf8').trimEnd().split('\n');
  let crc = Number.parseInt(JSON.parse(head.slice(9)).p, 16);
  const made = lines.map((text) => {
    const line = JSON.parse(text.slice(9));
    change(line.ops, line);
    const json = JSON.stringify({ ...line, p: hex(crc) });
    crc = crc32(json, crc);
    return `${hex(crc)} ${json}`;
  });
  writeFileSync(path, `${[head, ...made].join('\n')}\n`);
}

/** What JSON can hold, of every kind and beyond every bound. */
const VALUES: readonly unknown[] = [
  null,
  'odd',
  -1.5,
  9e15,
  1e308,
  [null],
  { constructor: 1, name: 'odd', kind: 'odd' },
];

export interface Mutation {
  /** `state.dueAt = null` */
  readonly what: string;
  readonly apply: (record: Doc) => void;
}

/** Each field of a record, however deep, missing and as each of the values; `whole`: the record itself too. */
export function mutationsOf(record: Doc): Mutation[] {
  return fieldsOf(record, []).flatMap((path) => {
    const name = path.join('.');
    const at = (root: Doc): [Doc, string | number] => {
      let parent = root;
      for (const key of path.slice(0, -1)) parent = parent[key];
      return [parent, path.at(-1) as string | number];
    };
    const set = VALUES.map((value) => ({
      what: `${name} = ${JSON.stringify(value)}`,
      apply: (root: Doc) => {
        const [parent, key] = at(root);
        parent[key] = value;
      },
    }));
    const missing = {
      what: `${name} is missing`,
      apply: (root: Doc) => {
        const [parent, key] = at(root);
        if (Array.isArray(parent)) parent.splice(Number(key), 1);
        else delete parent[key];
      },
    };
    return [...set, missing];
  });
}

function fieldsOf(value: Doc, path: readonly (string | number)[]): (string | number)[][] {
  if (value === null || typeof value !== 'object') return [];
  const keys = Array.isArray(value) ? [...value.keys()] : Object.keys(value);
  return keys.flatMap((key) => {
    const own = [...path, key];
    // Params, outputs and the like are the job's own: any JSON makes sense.
    const isFree = ['params', 'output', 'checkpoint', 'steps'].includes(String(key));
    return [own, ...(isFree ? [] : fieldsOf(value[key], own))];
  });
}
