// The example that is to survive any interruption, interrupted at every place there is.
import {
  copyFileSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { readCsv } from '../../jobs/_csv.ts';
import importProducts from '../../jobs/import-products.ts';
import { randomFrom } from '../helpers/random.ts';
import { ROOT } from '../helpers/source.ts';

vi.mock('jobrun', () => import('../../src/catalog/job.ts'));

let dir: string;
let file: string;
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'jobrun-import-'));
  file = join(dir, 'products.csv');
});
afterEach(() => {
  rmSync(dir, { recursive: true });
});

/** The life of one run over its attempts: what was saved stays, what was not is gone, as after a crash. */
class Life {
  saved: unknown;
  results: unknown[] = [];
  #kept = 0;
  /** Calls of the context after which the process dies; null: never. */
  dieAfter: number | null = null;

  attempt(options: object): Promise<unknown> {
    this.results = this.results.slice(0, this.#kept);
    const signal = new AbortController().signal;
    const step = (): void => {
      if (this.dieAfter !== null && this.dieAfter-- <= 0) throw new Error('died');
    };
    const ctx = {
      id: '7',
      signal,
      checkpoint: this.saved,
      log: { info() {} },
      result: (row: unknown) => this.results.push(row),
      progress: step,
      sleep: async () => step(),
      save: async (value: unknown) => {
        step();
        this.saved = JSON.parse(JSON.stringify(value));
        this.#kept = this.results.length;
        step();
      },
    };
    const params = { file, limit: null, pauseMs: 0, ...options };
    return Promise.resolve(importProducts.run(params as never, ctx as never));
  }
}

const catalogue = (): { id: string; name: string }[] =>
  JSON.parse(readFileSync(join(dir, 'catalogue.json'), 'utf8'));

describe('the import of the list that is shipped', () => {
  beforeEach(() => copyFileSync(join(ROOT, 'jobs/data/products.csv'), file));

  it('takes what is good, reports what is bad, and counts what is doubled', async () => {
    const life = new Life();
    const output = (await life.attempt({})) as { imported: number; bad: number; doubled: number };
    expect(output.imported).toBeGreaterThan(20_000);
    expect([output.imported, output.bad]).toEqual([catalogue().length, life.results.length]);
    expect(new Set(catalogue().map((product) => product.id)).size).toBe(output.imported);
    expect(output.bad).toBeGreaterThan(100);
    expect(output.doubled).toBeGreaterThan(50);
    expect(catalogue().every((product) => product.name.trim() !== '')).toBe(true);
    expect(readdirSync(dir).sort()).toEqual(['catalogue.json', 'products.csv']);
  });

  it('comes to the same however often and wherever it is killed', async () => {
    const whole = new Life();
    const wanted = await whole.attempt({});
    const bytes = readFileSync(join(dir, 'catalogue.json'));
    const random = randomFrom(3);
    for (let round = 0; round < 5; round++) {
      const life = new Life();
      let output: unknown;
      for (let attempt = 0; output === undefined; attempt++) {
        life.dieAfter = random.whole(0, 60);
        output = await life.attempt({}).catch(() => undefined);
        expect(attempt).toBeLessThan(200);
      }
      expect(output).toEqual(wanted);
      expect(life.results).toEqual(whole.results);
      expect(readFileSync(join(dir, 'catalogue.json')).equals(bytes)).toBe(true);
    }
  }, 60_000);

  it('begins again, and loses nothing, where its own file is gone or the list has changed', async () => {
    const life = new Life();
    life.dieAfter = 20;
    await life.attempt({}).catch(() => undefined);
    life.dieAfter = null;
    rmSync(join(dir, 'catalogue.json.7'));
    expect(await life.attempt({ limit: 3000 })).toMatchObject({ imported: expect.any(Number) });
    const before = catalogue().length;
    writeFileSync(file, 'id,name,category,price,stock,note\nP000001,Kettle,Kitchen,9.50,3,\n');
    await life.attempt({});
    expect([before > 2000, catalogue()]).toEqual([
      true,
      [expect.objectContaining({ name: 'Kettle', price: 9.5 })],
    ]);
  });
});

describe('small lists', () => {
  it.each([
    ['empty', '', { imported: 0, bad: 0, doubled: 0 }],
    ['a header alone', 'id,name,category,price,stock,note\n', { imported: 0, bad: 0, doubled: 0 }],
    ['no line break at the end', 'h\nP000001,a,b,1,2,c', { imported: 1, bad: 0, doubled: 0 }],
    [
      'a quote that is never closed',
      'h\nP000001,"a,b,1,2,c\nP000002,a,b,1,2,c\n',
      { imported: 1, bad: 1, doubled: 0 },
    ],
    [
      'the same id twice',
      'h\nP000001,a,b,1,2,c\nP000001,a,b,1,2,c\n',
      { imported: 1, bad: 0, doubled: 1 },
    ],
  ])('%s', async (_what, content, output) => {
    writeFileSync(file, content);
    expect(await new Life().attempt({})).toEqual(output);
    expect(catalogue()).toHaveLength(output.imported);
  });

  it('a quote that is never closed costs the records near it, not the rest of a large file', async () => {
    const rows = Array.from({ length: 9000 }, (_, i) => `P${String(100_000 + i)},a,b,1,2,c`);
    writeFileSync(file, `h\n"P000001,a,b,1,2,c\n${rows.join('\n')}\n`);
    expect(await new Life().attempt({})).toMatchObject({ imported: 9000, bad: 1 });
  });

  it('a file that is not there fails at once', async () => {
    await expect(new Life().attempt({ file: join(dir, 'none.csv') })).rejects.toMatchObject({
      retryable: false,
    });
  });
});

describe('a CSV file', () => {
  const read = async (content: string, start = 0): Promise<[string[], number][]> => {
    writeFileSync(file, content);
    const records: [string[], number][] = [];
    for await (const { fields, end } of readCsv(file, start, new AbortController().signal))
      records.push([[...fields], end]);
    return records;
  };

  it('keeps commas, quotes and line breaks inside quoted fields', async () => {
    expect(await read('a,"b, ""c""\nd",e\r\n27",f"g,\n')).toEqual([
      [['a', 'b, "c"\nd', 'e'], 18],
      [['27"', 'f"g', ''], 27],
    ]);
  });

  it('every record tells where the next one begins: read from there, the rest is the same', async () => {
    const content = '\uFEFFid,é\n"x\n""y",2\n\n,,\n緑,"a"b\nlast';
    const all = await read(content);
    expect(all.map(([fields]) => fields)).toEqual([
      ['id', 'é'],
      ['x\n"y', '2'],
      [''],
      ['', '', ''],
      ['緑,"a"b'],
      ['last'],
    ]);
    for (const [i, [, end]] of all.entries())
      expect(await read(content, end)).toEqual(all.slice(i + 1));
  });
});
