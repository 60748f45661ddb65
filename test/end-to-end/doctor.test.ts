// A state that is looked at, damaged, repaired, carried away and brought back, as somebody does it at a terminal.
import { execFileSync } from 'node:child_process';
import { chmodSync, cpSync, lstatSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { type Doc, Project } from '../helpers/project.ts';
import { shared } from '../helpers/shared.ts';

const JOBS = {
  'jobs/hello.js': `export default { retries: 1, rateLimit: { limit: 9, per: '1h' }, run: async (params, ctx) => {
    ctx.log.info('hello');
    ctx.result({ row: 1 });
    await ctx.save({ half: true });
    if (params.fail) throw new Error('no luck');
    return params;
  } };`,
};

/** Settled, failed and scheduled runs, one that waits, a key, a schedule, a pause. */
const original = shared(async () => {
  const project = new Project(JOBS);
  await project.json('schedule', 'hello', '-p', 'name=Ada');
  await project.json('schedule', 'hello', '-p', 'fail:=true', '--retries', '0');
  await project.cli(['daemon', '--until-idle']);
  await project.json('schedule', 'hello', '--in', '1h', '--key', 'k');
  await project.json('schedule', 'hello', '--after', '3');
  await project.json('schedule', 'hello', '--every', '10m', '--name', 'ten', '--in', '1h');
  await project.json('pause', 'hello');
  return project;
});

/** A project of its own with that state. */
function lived(): Project {
  const project = new Project(JOBS);
  cpSync(original().state, project.state, { recursive: true, preserveTimestamps: true });
  return project;
}

/** Every file of the state, with its time and its bytes. */
function stateOf(project: Project): Record<string, string> {
  const names = readdirSync(project.state, { recursive: true }).map(String).sort();
  return Object.fromEntries(
    names.map((name) => {
      const path = join(project.state, name);
      const stat = lstatSync(path);
      const text = stat.isFile() ? readFileSync(path, 'base64') : '';
      return [name, `${stat.mtimeMs} ${stat.ino} ${text}`];
    }),
  );
}

const doctor = async (
  project: Project,
  ...args: string[]
): Promise<{ code: number | null; doc: Doc }> => {
  const { code, stdout } = await project.cli(['doctor', '--json', ...args]);
  return { code, doc: JSON.parse(stdout) };
};

const READING = [
  ['list'],
  ['show', '1'],
  ['logs', '1'],
  ['jobs'],
  ['schedules'],
  ['status'],
  ['doctor'],
  ['export'],
];

test('commands that only read change no file of the state, nor make one where there is none', async () => {
  const project = lived();
  const before = stateOf(project);
  for (const args of READING) await project.cli(args);
  expect(stateOf(project)).toEqual(before);
  const empty = new Project(JOBS);
  for (const args of [['list'], ['status'], ['doctor'], ['export']]) await empty.cli(args);
  expect(readdirSync(empty.dir)).not.toContain('state');
}, 120_000);

test('a rotten page: what can be read is shown with 8, a daemon refuses, doctor repairs', async () => {
  const project = lived();
  expect((await doctor(project)).code).toBe(0);
  const page = join(project.state, 'runs/000000.json');
  const sound = readFileSync(page, 'utf8');
  // All of the line of run 1 but its number.
  const rotten = sound.replace(/\{"id":1,.*/, (line) => `{"id":1,${'#'.repeat(line.length - 8)}`);
  writeFileSync(page, rotten);
  const listed = await project.cli(['list']);
  expect(listed.code).toBe(8);
  expect(listed.stderr).toContain('000000.json');
  for (const args of [
    ['show', '1'],
    ['logs', '1'],
  ]) {
    const { code, stderr } = await project.cli(args);
    expect([args, code, stderr], 'it is not said that there is none').toEqual([
      args,
      8,
      expect.stringContaining('000000.json'),
    ]);
  }
  const refused = await project.cli(['daemon', '--until-idle']);
  expect([refused.code, refused.stderr.includes('jobrun doctor')]).toEqual([8, true]);
  const { code, doc } = await doctor(project);
  expect([code, doc.sound]).toEqual([8, false]);
  expect(doc.checks.find((check: Doc) => check.name === 'files').findings[0].file).toBe(page);
  const repaired = await doctor(project, '--repair');
  expect([repaired.code, repaired.doc.sound]).toEqual([0, true]);
  expect(repaired.doc.repaired.lost).toMatchObject([{ ids: [1], more: 0 }]);
  expect(
    repaired.doc.repaired.aside.some((file: string) => readFileSync(file, 'utf8') === rotten),
  ).toBe(true);
  const { runs } = await project.json('list');
  expect(runs.map(({ id, state }: Doc) => [id, state])).toEqual([
    ['4', 'waiting'],
    ['3', 'scheduled'],
    ['2', 'failed'],
  ]);
  expect((await project.cli(['daemon', '--until-idle'])).code).toBe(0);
}, 120_000);

test('a page edited by hand is taken as it is', async () => {
  const project = lived();
  const page = join(project.state, 'runs/000000.json');
  writeFileSync(page, readFileSync(page, 'utf8').replace('"name":"Ada"', '"name":"Grace"'));
  const before = await doctor(project);
  expect(JSON.stringify(before.doc)).toContain('edited by hand');
  const edited = await doctor(project, '--repair');
  expect([edited.code, edited.doc.repaired.edited]).toEqual([0, [page]]);
  expect((await project.show('1')).params).toEqual({ name: 'Grace' });
}, 120_000);

test('beside a live daemon all is sound, and a repair is refused', async () => {
  const project = lived();
  const daemon = await project.daemon();
  const { code, doc } = await doctor(project);
  expect([code, doc.sound]).toEqual([0, true]);
  expect(doc.checks.find((check: Doc) => check.name === 'lock').summary).toContain(`${daemon.pid}`);
  // One that is removed the daemon writes anew before anybody can look.
  writeFileSync(join(project.state, 'schedules.json'), 'rotten');
  expect((await project.cli(['doctor', '--repair'])).code).toBe(5);
}, 120_000);

test('what was exported and imported is the same in every word, keys and requests too', async () => {
  const project = lived();
  const out = await project.cli(['export']);
  expect(out.code).toBe(0);
  const lines = out.stdout.trimEnd().split('\n');
  expect(JSON.parse(lines.at(-1) ?? '')).toMatchObject({
    end: true,
    runs: 4,
    schedules: 1,
    logs: 2,
  });
  const copy = new Project(JOBS);
  expect((await copy.cli(['import'], out.stdout)).code).toBe(0);
  const again = (await copy.cli(['export'])).stdout.trimEnd().split('\n');
  expect(again.slice(1, -1)).toEqual(lines.slice(1, -1));
  for (const id of ['1', '2', '3', '4'])
    expect(await copy.show(id)).toEqual(await project.show(id));
  expect((await copy.json('schedule', 'hello', '--key', 'k')).existing).toBe(true);
  expect((await copy.json('schedule', 'hello')).id).toBe('5');
  expect((await doctor(copy)).code).toBe(0);
  expect((await copy.cli(['import'], out.stdout)).code, 'it is not empty').toBe(5);
}, 120_000);

test('a stream that was cut, changed or lengthened is refused whole', async () => {
  const project = lived();
  const { stdout } = await project.cli(['export']);
  const cut = stdout.slice(0, stdout.lastIndexOf('{"end"'));
  const changed = stdout.replace('"name":"Ada"', '"name":"Eve"');
  const copy = new Project(JOBS);
  for (const text of [cut, stdout.slice(0, -40), changed, `${stdout}{}\n`, '', 'nonsense\n']) {
    expect((await copy.cli(['import'], text)).code).toBe(8);
    expect(readdirSync(join(copy.state, 'logs'))).toEqual([]);
  }
  expect((await copy.json('list')).total).toBe(0);
  expect((await copy.cli(['import'], stdout)).code).toBe(0);
}, 120_000);

test('whoever stops reading an export ends it without a word', async () => {
  const project = lived();
  const bin = join(import.meta.dirname, '../../bin/jobrun.js');
  const script = `"${process.execPath}" "${bin}" export | head -n 1`;
  const first = execFileSync('sh', ['-c', script], { cwd: project.dir, env: project.env });
  expect(JSON.parse(String(first))).toMatchObject({ jobrun: 'export', format: 2 });
}, 60_000);

test('a script without its run bit, and a rule for a job without a file, are warnings', async () => {
  const project = new Project(JOBS);
  const script = project.write('jobs/deploy.sh', '#!/bin/sh\n');
  chmodSync(script, 0o644);
  const notify = [
    { on: ['failed'], job: 'hello', command: 'true' },
    { on: ['failed'], job: 'helo', command: 'true' },
  ];
  project.write('jobrun.config.json', JSON.stringify({ notify }));
  const { code, doc } = await doctor(project);
  const jobs = doc.checks.find((one: Doc) => one.name === 'jobs');
  expect([code, jobs.status]).toEqual([0, 'warning']);
  expect(jobs.findings.map(({ message, hint }: Doc) => [message, hint])).toEqual([
    [`${script} is no job`, `It lacks its run bit: chmod +x ${script}`],
    ['notify[1] is for the job "helo", which has no file', 'Did you mean "hello"?'],
  ]);
});

test('what the next daemon would refuse in the config is a problem, and a jobs folder that is not there is told', async () => {
  const project = new Project(JOBS);
  const wrong = {
    http: '127.0.0.1:99999',
    keep: { faild: '90d' },
    notify: [{ on: ['failed'], comand: 'x' }],
    defaults: { retires: 1 },
  };
  const says = ['"127.0.0.1:99999" is no address', '"faild"', '"comand"', '"retires"'];
  for (const [name, value] of Object.entries(wrong)) {
    project.write('jobrun.config.json', JSON.stringify({ [name]: value }));
    const refused = await project.cli(['daemon', '--until-idle']);
    expect([name, refused.code, refused.stderr]).toEqual([
      name,
      2,
      expect.stringMatching(/jobrun\.config\.json: /),
    ]);
  }
  project.write('jobrun.config.json', JSON.stringify(wrong));
  const { code, doc } = await doctor(project);
  const config = doc.checks.find((one: Doc) => one.name === 'config');
  expect([code, doc.sound, config.status]).toEqual([8, false, 'problem']);
  expect(config.findings.map(({ message }: Doc) => message)).toEqual(
    says.map((part) => expect.stringContaining(part)),
  );
  project.write('jobrun.config.json', JSON.stringify({ jobs: '../elsewhere' }));
  const missing = 'elsewhere is not there';
  expect((await project.cli(['daemon', '--until-idle'])).stderr).toContain(missing);
  const without = await doctor(project);
  expect([without.code, JSON.stringify(without.doc)]).toEqual([
    0,
    expect.stringContaining(missing),
  ]);
  project.write('jobrun.config.json', JSON.stringify({ state: 'deep/state' }));
  expect((await project.cli(['daemon', '--until-idle'])).code).toBe(8);
  const nowhere = await doctor(project);
  expect([nowhere.code, JSON.stringify(nowhere.doc)]).toEqual([
    8,
    expect.stringContaining('deep, where the state is to be, is not there'),
  ]);
}, 120_000);
