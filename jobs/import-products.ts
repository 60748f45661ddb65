// Imports a product list: reads a large and rather dirty CSV file, checks each row, and writes a catalogue as JSON,
// one product a line. Kill it at any moment, the process, the daemon or the machine: it goes on where it was, and
// neither loses a row nor writes one twice.
//
// How: every 500 rows it makes what it has written safe (`datasync`), and only then saves how far it has come in both
// files (`ctx.save`). The next attempt cuts the output back to that place and reads on from there. The catalogue gets
// its name when it is complete, so that no reader ever sees half of one.
//
//   jobrun schedule import-products -p limit=5000 -p pauseMs=0 --follow
import { open, readFile, rename, stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { defineJob, FatalError } from 'jobrun';
import { type CsvRecord, readCsv } from './_csv.ts';
import { options } from './_options.ts';

/** How far the import has come, in the file that it reads and in the one that it writes. */
interface Checkpoint {
  readonly file: string;
  readonly size: number;
  readonly read: number;
  readonly written: number;
  readonly row: number;
  readonly imported: number;
  readonly bad: number;
  readonly doubled: number;
}

const BATCH = 500;

export default defineJob({
  description: 'Imports a product list (CSV) into a catalogue, and survives any interruption',
  group: 'examples',
  // `pauseMs` is for the eye: without it the whole import takes less than a second.
  params: options({ file: 'jobs/data/products.csv', limit: null, pauseMs: 300 }),
  autostart: true,
  concurrency: 1,
  // An attempt that is lost, because the daemon was killed under it, counts as well.
  retries: 20,

  async run({ file, limit, pauseMs }, ctx) {
    const size = await sizeOf(file);
    const part = join(dirname(file), `catalogue.json.${ctx.id}`);
    let at = await resumable(ctx.checkpoint, file, size, part);
    if (at.row > 0) ctx.log.info(`going on after row ${at.row}`);
    const output = await open(part, at.row > 0 ? 'r+' : 'w');
    try {
      await output.truncate(at.written);
      const seen = await idsIn(part);
      const records = readCsv(file, at.read, ctx.signal);
      for await (const some of batches(records, at.row, limit ?? Infinity)) {
        const batch = checked(some, at, seen, (problem) => ctx.result(problem));
        await output.write(batch.lines, at.written);
        await output.datasync();
        at = batch.at;
        await ctx.save(at);
        const { imported, bad, doubled } = at;
        ctx.progress(
          (100 * at.read) / size,
          `${imported} imported, ${bad} bad, ${doubled} doubled`,
        );
        await ctx.sleep(pauseMs);
      }
      await output.write(at.imported > 0 ? '\n]\n' : '[]\n', at.written);
      await output.datasync();
    } finally {
      await output.close();
    }
    await publish(part, join(dirname(file), 'catalogue.json'));
    return { imported: at.imported, bad: at.bad, doubled: at.doubled };
  },
});

async function sizeOf(file: string): Promise<number> {
  try {
    return (await stat(file)).size;
  } catch (error) {
    // Trying again would not bring the file back.
    throw new FatalError(`cannot read ${file}: ${(error as Error).message}`);
  }
}

/** The saved place, if both files are still what they were; else the beginning. */
async function resumable(
  saved: Checkpoint | undefined,
  file: string,
  size: number,
  part: string,
): Promise<Checkpoint> {
  const start = { file, size, read: 0, written: 0, row: 0, imported: 0, bad: 0, doubled: 0 };
  if (!saved || saved.file !== file || saved.size !== size) return start;
  const there = await stat(part).catch(() => null);
  return there !== null && there.size >= saved.written ? saved : start;
}

/** Which ids the catalogue has already: a doubled one is found also after an interruption. */
async function idsIn(part: string): Promise<Set<string>> {
  const text = await readFile(part, 'utf8');
  const products = JSON.parse(text === '' ? '[]' : `${text}]`) as { id: string }[];
  return new Set(products.map((product) => product.id));
}

/** Gives the finished catalogue its name, safely: a name is on the disk when its folder is. */
async function publish(part: string, name: string): Promise<void> {
  await rename(part, name);
  const folder = await open(dirname(name));
  await folder.sync().finally(() => folder.close());
}

async function* batches(
  records: AsyncIterable<CsvRecord>,
  row: number,
  limit: number,
): AsyncGenerator<CsvRecord[]> {
  let batch: CsvRecord[] = [];
  for await (const record of records) {
    if (row >= limit) break;
    batch.push(record);
    row += 1;
    if (batch.length < BATCH) continue;
    yield batch;
    batch = [];
  }
  if (batch.length > 0) yield batch;
}

/** The lines to write for these records, and the place after them. Faulty rows go into the run's results. */
function checked(
  records: readonly CsvRecord[],
  from: Checkpoint,
  seen: Set<string>,
  report: (row: { row: number; error: string }) => void,
): { lines: string; at: Checkpoint } {
  let { row, imported, bad, doubled } = from;
  let lines = '';
  for (const { fields } of records) {
    row += 1;
    if (row === 1 || fields.every((field) => field.trim() === '')) continue;
    const product = productOf(fields);
    if (typeof product === 'string') {
      bad += 1;
      report({ row, error: product });
    } else if (seen.has(product.id)) {
      doubled += 1;
    } else {
      seen.add(product.id);
      lines += `${imported === 0 ? '[' : ','}\n${JSON.stringify(product)}`;
      imported += 1;
    }
  }
  const read = records.at(-1)?.end ?? from.read;
  const written = from.written + Buffer.byteLength(lines);
  return { lines, at: { ...from, read, written, row, imported, bad, doubled } };
}

/** A product, or what is wrong with it. */
function productOf(fields: readonly string[]) {
  const [id = '', name = '', category = '', price = '', stock = '', note = ''] = fields.map(tidy);
  if (fields.length !== 6) return `${fields.length} fields instead of 6`;
  if (!/^P\d{6}$/.test(id)) return `"${id}" is not an id`;
  if (name === '') return 'no name';
  if (!/^\d+(\.\d{1,2})?$/.test(price))
    return price === '' ? 'no price' : `"${price}" is not a price`;
  if (!/^\d+$/.test(stock)) return `"${stock}" is not a number of pieces`;
  return { id, name, category, price: Number(price), stock: Number(stock), note };
}

/** Removes invisible characters: control characters, zero-width spaces, blanks at the ends. */
const tidy = (field: string): string => field.replace(/[\p{Cc}\u200b]+/gu, ' ').trim();
