// What this version writes, every later one has to read: state folders that are kept for ever, and what was shown of
// them.
import { chmodSync, cpSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { crc32 } from 'node:zlib';
import { expect, test } from 'vitest';
import { type Doc, Project, ROOT } from '../helpers/project.ts';

const GOLDEN = join(ROOT, 'test/golden');

function golden(name: string): Project {
  const project = new Project();
  for (const folder of ['state', 'jobs'])
    cpSync(join(GOLDEN, name, folder), join(project.dir, folder), { recursive: true });
  chmodSync(project.state, 0o700);
  return project;
}

const withoutNext = ({ next: _, ...schedule }: Doc): Doc => schedule;

/** Fields that views have got since: what was shown before is shown still. */
const ADDED = ['host', 'inFile', 'trace'];

async function look(project: Project, ids: readonly string[]): Promise<Doc> {
  const shown = {
    list: await project.json('list'),
    runs: await Promise.all(ids.map((id) => project.show(id))),
    schedules: (await project.json('schedules')).schedules.map(withoutNext),
  };
  return JSON.parse(
    JSON.stringify(shown, (key, value) => (ADDED.includes(key) ? undefined : value)),
  );
}

const shownOf = (name: string): Doc =>
  JSON.parse(readFileSync(join(GOLDEN, name, 'shown.json'), 'utf8'));
const idsOf = ({ runs }: Doc): string[] => runs.map(({ id }: Doc) => id);

test.each(['format-1', 'format-2'])(
  'a state of %s shows what it showed, before and after a daemon has worked on it',
  async (name) => {
    const project = golden(name);
    const shown = shownOf(name);
    expect(await look(project, idsOf(shown))).toEqual(shown);
    expect((await project.cli(['daemon', '--until-idle'])).code).toBe(0);
    expect(await look(project, idsOf(shown))).toEqual(shown);
    expect((await project.cli(['doctor'])).code).toBe(0);
  },
  120_000,
);

test.each([
  ['format-1-killed', { from: 1 }],
  ['format-2-killed', { before: { from: 1 }, third: 'three' }],
])(
  'a state of %s, as a kill left it, shows what it showed, and a daemon goes on with what was under way',
  async (name, output) => {
    const project = golden(name);
    const shown = shownOf(name);
    expect(await look(project, idsOf(shown))).toEqual(shown);
    expect((await project.cli(['daemon', '--until-idle'])).code).toBe(0);
    const after = await look(project, idsOf(shown));
    const wasUnderWay = (run: Doc): boolean => run.id === '2';
    const others = (of: Doc): Doc[] => of.runs.filter((run: Doc) => !wasUnderWay(run));
    expect(others(after)).toEqual(others(shown));
    expect(after.schedules).toEqual(shown.schedules);
    const before = { state: 'running', checkpoint: { from: 1 } };
    expect(shown.runs.find(wasUnderWay)).toMatchObject(before);
    const again = after.runs.find(wasUnderWay);
    expect(again).toMatchObject({ state: 'done', output });
    expect(again.attempts.map(({ outcome }: Doc) => outcome)).toEqual(['lost', 'returned']);
    expect((await project.cli(['doctor'])).code).toBe(0);
  },
  120_000,
);

const COMMANDS = [
  ['list'],
  ['schedule', 'hello'],
  ['daemon', '--until-idle'],
  ['export'],
  ['doctor', '--repair'],
];

test.each([
  ['newer', 3],
  ['too old a', 0],
])(
  'a state of a %s format is refused by every command, and no byte of it changes',
  async (_, format) => {
    const project = golden('format-1');
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
    for (const [i, { code, stderr }] of (await project.calls(COMMANDS)).entries()) {
      const args = COMMANDS[i];
      expect([args, code, stderr.includes(`format ${format}`)]).toEqual([args, 8, true]);
    }
    expect(files()).toEqual(before);
  },
  120_000,
);
