// What this version writes, every later one has to read: a state folder that is kept for ever, and what was shown of it.
import { chmodSync, cpSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { crc32 } from 'node:zlib';
import { expect, test } from 'vitest';
import { type Doc, Project, ROOT } from '../helpers/project.ts';

const GOLDEN = join(ROOT, 'test/golden/format-1');

function golden(): Project {
  const project = new Project();
  for (const name of ['state', 'jobs'])
    cpSync(join(GOLDEN, name), join(project.dir, name), { recursive: true });
  chmodSync(project.state, 0o700);
  return project;
}

const withoutNext = ({ next: _, ...schedule }: Doc): Doc => schedule;

test('a state of format 1 shows what it showed, before and after a daemon has worked on it', async () => {
  const project = golden();
  const shown: Doc = JSON.parse(readFileSync(join(GOLDEN, 'shown.json'), 'utf8'));
  const look = async (): Promise<Doc> => ({
    list: await project.json('list'),
    runs: await Promise.all(shown.runs.map(({ id }: Doc) => project.show(id))),
    schedules: (await project.json('schedules')).schedules.map(withoutNext),
  });
  expect(await look()).toEqual(shown);
  expect((await project.cli(['daemon', '--until-idle'])).code).toBe(0);
  expect(await look()).toEqual(shown);
  expect((await project.cli(['doctor'])).code).toBe(0);
}, 120_000);

const COMMANDS = [
  ['list'],
  ['schedule', 'hello'],
  ['daemon', '--until-idle'],
  ['export'],
  ['doctor', '--repair'],
];

test.each([
  ['newer', 2],
  ['too old a', 0],
])(
  'a state of a %s format is refused by every command, and no byte of it changes',
  async (_, format) => {
    const project = golden();
    const manifest = join(project.state, 'manifest.json');
    const text = readFileSync(manifest, 'utf8').replace('"format":1', `"format":${format}`);
    const body = text.slice(0, text.lastIndexOf(',"sum":'));
    writeFileSync(manifest, `${body},"sum":"${crc32(body).toString(16).padStart(8, '0')}"}\n`);
    const files = (): string[] =>
      readdirSync(project.state, { recursive: true, encoding: 'utf8' })
        .filter((name) => /\.jsonl?$|witness$/.test(name))
        .map((name) => `${name} ${readFileSync(join(project.state, name), 'base64')}`)
        .sort();
    const before = files();
    for (const args of COMMANDS) {
      const { code, stderr } = await project.cli(args);
      expect([args, code, stderr.includes(`format ${format}`)]).toEqual([args, 8, true]);
    }
    expect(files()).toEqual(before);
  },
  120_000,
);
