// The job that the product is for, on the list that is shipped: the daemon is killed five times under it, and in the
// end it has done what one undisturbed pass over the file would have done, and tells what happened.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { type Doc, eventually, isAlive, Project, processesIn, ROOT } from '../helpers/project.ts';

const KILLS = 5;
const CSV = 'jobs/data/products.csv';

/** Each attempt writes who it is, where it begins, and which of the processes before it still live. */
const LEDGER = `const { appendFileSync, existsSync, readFileSync } = await import('node:fs');
  const told = existsSync('ledger.jsonl') ? readFileSync('ledger.jsonl', 'utf8').trim().split('\\n') : [];
  const alive = told.map((line) => JSON.parse(line).pid).filter((pid) => {
    try { return !/^[ZX]/.test(readFileSync('/proc/' + pid + '/stat', 'latin1').split(') ')[1] ?? ''); } catch { return false; }
  });
  appendFileSync('ledger.jsonl', JSON.stringify({ pid: process.pid, start, alive }) + '\\n');
`;

function shop(): Project {
  const project = new Project();
  for (const name of ['jobs/import-products.ts', 'jobs/_csv.ts', 'jobs/_options.ts', CSV])
    project.copy(name);
  edit(project, 'jobs/import-products.ts', 'pauseMs: 300', 'pauseMs: 130');
  project.link('node_modules/csv-parse', join(ROOT, 'node_modules/csv-parse'));
  edit(project, 'jobs/_csv.ts', '  let at = start;', `  ${LEDGER}  let at = start;`);
  return project;
}

/** The daemon makes the run by itself, when it has read the jobs. */
const started = async (project: Project): Promise<Doc> =>
  (await project.ask('list')).runs[0] ?? null;

function edit(project: Project, name: string, from: string, to: string): void {
  const text = readFileSync(join(project.dir, name), 'utf8');
  if (!text.includes(from)) throw new Error(`${name} has no ${from}`);
  project.write(name, text.replace(from, to));
}

test('an import whose daemon is killed five times goes on each time, and neither loses nor doubles a row', async () => {
  const project = shop();
  const wanted = straight(readFileSync(join(project.dir, CSV), 'utf8'));
  const rows: number[] = [];
  for (let kill = 0; kill < KILLS; kill++) {
    const daemon = await project.daemon();
    const before = rows.at(-1) ?? 0;
    await eventually(() => started(project), 20_000);
    await eventually(async () => {
      const { state, checkpoint, attempt } = await project.ask('show', { id: '1' });
      expect(state, 'it must not be over before it was killed').not.toBe('done');
      return attempt === kill + 1 && (checkpoint?.row ?? 0) >= before + 3000;
    }, 30_000);
    expect(await daemon.kill('SIGKILL')).toEqual({ code: null, signal: 'SIGKILL' });
    rows.push((await project.show('1')).checkpoint.row);
  }
  await project.daemon();
  const run = await project.until('1', undefined, 60_000);

  expect(run).toMatchObject({ state: 'done', attempt: KILLS + 1, output: wanted.counts });
  expect(run.attempts.map((one: Doc) => one.outcome)).toEqual([
    ...Array(KILLS).fill('lost'),
    'returned',
  ]);
  expect(run.attempts.map((one: Doc) => one.number)).toEqual([1, 2, 3, 4, 5, 6]);
  for (const { startedAt, endedAt } of run.attempts) expect(endedAt >= startedAt).toBe(true);
  expect(new Set(run.attempts.map((one: Doc) => one.pid)).size).toBe(KILLS + 1);
  expect([...rows].sort((a, b) => a - b)).toEqual(rows);

  // Each attempt went on from what was saved when the one before was killed.
  const resumed = run.log.flatMap((line: Doc) => /after row (\d+)/.exec(line.text)?.[1] ?? []);
  expect(resumed.map(Number)).toEqual(rows);
  const ledger = project.ledger();
  expect(ledger).toHaveLength(KILLS + 1);
  expect(ledger.map((one) => one.alive)).toEqual(Array(KILLS + 1).fill([]));
  expect(ledger.map((one) => one.pid)).toEqual(run.attempts.map((one: Doc) => one.pid));
  expect(ledger[0].start).toBe(0);

  const catalogue = JSON.parse(readFileSync(join(project.dir, 'jobs/data/catalogue.json'), 'utf8'));
  expect(catalogue.length).toBeGreaterThan(20_000);
  expect(catalogue).toEqual(wanted.products);
  expect(run.results).toEqual(wanted.bad);
  expect((await project.json('list')).total, 'autostart made one run over all starts').toBe(1);
  expect((await project.json('status')).counts).toMatchObject({ done: 1, running: 0, failed: 0 });
}, 180_000);

test('what a killed daemon leaves of its worker is gone at once, not only when the next one starts', async () => {
  const project = shop();
  const daemon = await project.daemon();
  const { pid } = await eventually(async () => (await started(project))?.worker ?? null, 20_000);
  expect(isAlive(pid)).toBe(true);
  await daemon.kill('SIGKILL');
  await eventually(() => !isAlive(pid), 5000);
  await eventually(() => processesIn(project.dir).length === 0, 5000);
}, 60_000);

interface Straight {
  readonly products: readonly object[];
  readonly bad: readonly object[];
  readonly counts: { readonly imported: number; readonly bad: number; readonly doubled: number };
}

/** The same list, read in one go by the simplest means: letter by letter, all of it in memory. */
function straight(text: string): Straight {
  const products = new Map<string, object>();
  const bad: object[] = [];
  let doubled = 0;
  for (const [i, raw] of recordsOf(text.replace(/^\uFEFF/, '')).entries()) {
    const fields = raw.map((field) => field.replace(/[\p{Cc}\u200b]+/gu, ' ').trim());
    if (i === 0 || fields.join('') === '') continue;
    const [id = '', name, category, price = '', stock = '', note] = fields;
    const error = problemOf(fields);
    if (error !== null) bad.push({ row: i + 1, error });
    else if (products.has(id)) doubled += 1;
    else products.set(id, { id, name, category, price: +price, stock: +stock, note });
  }
  const counts = { imported: products.size, bad: bad.length, doubled };
  return { products: [...products.values()], bad, counts };
}

function problemOf(fields: readonly string[]): string | null {
  const [id = '', name = '', , price = '', stock = ''] = fields;
  if (fields.length !== 6) return `${fields.length} fields instead of 6`;
  if (!/^P\d{6}$/.test(id)) return `"${id}" is not an id`;
  if (name === '') return 'no name';
  if (price === '') return 'no price';
  if (!/^\d+(\.\d\d?)?$/.test(price)) return `"${price}" is not a price`;
  return /^\d+$/.test(stock) ? null : `"${stock}" is not a number of pieces`;
}

function recordsOf(text: string): string[][] {
  const records: string[][] = [];
  let [record, field, quoted] = [[] as string[], '', false];
  const end = (): void => {
    records.push([...record, field]);
    [record, field] = [[], ''];
  };
  for (let i = 0; i < text.length; i++) {
    const letter = text[i];
    if (quoted && letter === '"' && text[i + 1] === '"') field += text[++i];
    else if (letter === '"' && (quoted || field === '')) quoted = !quoted;
    else if (letter === ',' && !quoted) {
      record.push(field);
      field = '';
    } else if (letter === '\n' && !quoted) end();
    else field += letter;
  }
  if (field !== '' || record.length > 0) end();
  return records;
}
