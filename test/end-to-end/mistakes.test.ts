// The mistakes that people make, one by one: each is told with what is wrong, and with what to type instead; a script
// gets its code and its exit code.
import { expect, test } from 'vitest';
import { Project, type Result } from '../helpers/project.ts';

const FILES = {
  'jobs/hello.mjs': 'export default ({ n = 1 }) => n;',
  'jobs/broken.mjs': 'export default { run() {}, retires: 3 };',
  'not.json': '{ "n": ',
};

type Mistake = readonly [typed: string, exit: number, code: string, says: string, hint: string];

const MISTAKES: readonly Mistake[] = [
  ['shedule hello', 2, 'bad-option', "'shedule'", 'schedule'],
  ['--foo', 2, 'bad-option', "'--foo'", 'jobrun --help'],
  ['--dir', 2, 'bad-option', 'missing', 'jobrun --help'],
  ['schedule hello --wiat', 2, 'bad-option', "'--wiat'", '--wait'],
  ['schedule hello extra', 2, 'bad-option', 'too many', '-p name=text'],
  ['schedule', 2, 'bad-option', 'no job', 'jobrun jobs'],
  ['schedule hello --at 18:00 --in 5m', 2, 'bad-option', 'two times', '--at and --in'],
  ['schedule hello --name early', 2, 'bad-option', '--name', 'Leave it out'],
  ['schedule hello --cron @daily --key k', 2, 'bad-option', '--key', 'Leave it out'],
  ['schedule hello --cron @daily --catch-up al', 2, 'bad-option', '--catch-up', '"all"'],
  ['schedule hello --batch -', 2, 'bad-option', '"hello"', 'Each line'],
  ['schedule --batch - --dry-run', 2, 'bad-option', '--dry-run', 'Leave it out'],
  ['schedule hello --after=', 2, 'bad-option', '""', 'jobrun list'],
  ['schedule hello --after 1,,2', 2, 'bad-option', '""', 'jobrun list'],
  ['schedule hello --retries many', 2, 'bad-option', '"many"', 'infinite'],
  ['schedule hello --priority 1.5', 2, 'bad-option', '"1.5"', 'whole number'],
  ['list --state faild', 2, 'bad-option', '"faild"', '"failed"'],
  ['list --state success', 2, 'bad-option', '"success"', '"done"'],
  ['schedule hello --timeout 5;minutes', 2, 'bad-time', '"5 minutes"', 'Write it as "5m"'],
  ['logs', 2, 'bad-option', "'id'", 'jobrun list'],
  ['unschedule', 2, 'bad-option', "'name'", 'jobrun schedules'],
  ['abort 1 --all', 2, 'bad-option', 'one of', 'jobrun abort 12'],
  ['retry', 2, 'bad-option', 'either', 'jobrun retry 12'],
  ['show one', 2, 'bad-option', '"one"', 'jobrun list'],
  ['daemon --workers 0', 2, 'bad-option', '"0"', '1 to 1000'],
  ['service --workers 0', 2, 'bad-option', '"0"', '1 to 1000'],
  ['service --http here', 2, 'bad-option', '"here"', '127.0.0.1:9464'],
  ['daemon --http here', 2, 'bad-option', '"here"', '127.0.0.1:9464'],
  ['daemon --detach --log nowhere/d.log', 2, 'bad-option', 'cannot be written', '--log'],
  ['completion tcsh', 2, 'bad-option', '"tcsh"', 'one for each of bash, zsh, fish'],
  ['prune', 2, 'bad-option', 'which runs', '--older-than'],
  ['prune --older-than 1d', 2, 'bad-option', 'runs? There is no terminal', '-y'],
  ['schedule hello --in 5', 2, 'bad-time', '"5"', '"5s", "5m" or "5h"'],
  ['schedule hello --at tomorow', 2, 'bad-time', '"tomorow"', 'tomorrow 9:00'],
  ['schedule hello --at 18:00 --tz Europe/Berlim', 2, 'bad-time', 'Berlim', 'Europe/Berlin'],
  ['schedule hello --tz Mars/Phobos', 2, 'bad-time', 'Mars', 'Europe/Berlin'],
  ['schedule hello --timeout 0s', 2, 'bad-time', '--timeout', 'no limit'],
  ['schedule hello --every 0s', 2, 'bad-time', 'zero', '1s'],
  ['update 1 --now --at 9:00', 2, 'bad-option', 'two times', '--at and --now'],
  ['schedule hello --cron daily', 2, 'bad-time', 'has 1 field, not', 'minute'],
  ['schedule hello --cron @dayly', 2, 'bad-time', '@dayly', '@daily'],
  ['next 0;9;*;*;monday', 2, 'bad-time', 'weekday "monday"', 'sun-sat'],
  ['next 0;24;*;*;*', 2, 'bad-time', 'hour "24"', '0-23'],
  ['schedule hello -p n', 2, 'bad-option', '-p n', '-p name=text'],
  ['schedule hello -p n=1 -p n=2', 2, 'bad-option', '-p n', 'Give it once'],
  ['schedule hello -p n:=one', 2, 'bad-option', 'no JSON', '-p n=text'],
  ['schedule hello --params {n:1}', 2, 'bad-option', 'no JSON', 'Quote it'],
  ['schedule hello --params @not.json', 2, 'bad-option', 'not.json', 'Fix it there'],
  ['schedule hello --params @none.json', 2, 'bad-option', 'none.json', 'path'],
  ['schedule hello --params [1] -p n=1', 2, 'bad-params', 'an object', '--params'],
  ['schedule hello --params {"__proto__":1}', 2, 'bad-params', '__proto__', 'another name'],
  ['schedule helo', 3, 'unknown-job', '"helo"', '"hello"'],
  ['schedule jobs/hello.mjs', 3, 'unknown-job', 'jobs/hello.mjs', 'jobrun schedule hello'],
  ['schedule ../hello', 2, 'bad-option', '../hello', 'jobrun jobs'],
  ['schedule broken', 5, 'broken-job', '"retries"', '--force'],
  ['unschedule nihgtly', 3, 'unknown-schedule', '"nihgtly"', '"nightly"'],
  ['pause --schedule nihgtly', 3, 'unknown-schedule', '"nihgtly"', '"nightly"'],
  ['schedule hello --cron @daily --name a;b', 2, 'bad-option', 'schedule', 'jobrun schedules'],
  ['schedule hello --cron @daily --name nightly', 5, 'refused', 'nightly', '--replace'],
  ['next nihgtly', 3, 'unknown-schedule', '"nihgtly"', '"nightly"'],
  ['new hello', 5, 'refused', 'hello.mjs', 'another name'],
  ['show 99', 3, 'unknown-run', 'run 99', 'jobrun list'],
  ['retry 1', 5, 'refused', 'queued', 'jobrun show 1'],
  ['complete 1', 5, 'refused', 'queued', 'jobrun show 1'],
  ['remove 1', 5, 'refused', 'queued', 'jobrun abort 1'],
  ['update 1', 2, 'bad-option', 'nothing', '--at'],
  ['run hello', 4, 'no-daemon', 'needs one', 'jobrun daemon'],
  ['stop', 4, 'no-daemon', 'needs one', 'nothing to stop'],
  ['import not.json', 5, 'refused', 'not empty', '--state-dir'],
  ['import none.json', 2, 'bad-option', 'none.json', 'name'],
  ['--dir nowhere list', 2, 'bad-option', 'nowhere', '--dir'],
];

/** A `;` stands for a space within a word. */
const wordsOf = (typed: string): string[] =>
  typed.split(' ').map((word) => word.replaceAll(';', ' '));

test('each mistake says what is wrong, and what to do', async () => {
  const project = new Project(FILES);
  await project.json('schedule', 'hello');
  await project.json('schedule', 'hello', '--cron', '@daily', '--name', 'nightly');
  const before = await project.json('list');
  const results = await project.calls(MISTAKES.map(([typed]) => ['--json', ...wordsOf(typed)]));
  for (const [i, [typed, exit, code, says, hint]] of MISTAKES.entries()) {
    const { code: exited, stdout, stderr } = results[i] as Result;
    expect([typed, exited, stdout]).toEqual([typed, exit, '']);
    expect([typed, JSON.parse(stderr)]).toEqual([
      typed,
      {
        error: {
          code,
          message: expect.stringContaining(says),
          hint: expect.stringContaining(hint),
        },
      },
    ]);
  }
  expect(await project.json('list'), 'nothing was done').toEqual(before);
  expect((await project.json('schedules')).schedules).toHaveLength(1);
}, 120_000);

test('a mistake in the config is told of the config, not of each job that it would break', async () => {
  const project = new Project(FILES);
  for (const [config, says] of [
    ['{ "defaults": { "retires": 1 } }', 'defaults has no field "retires"'],
    ['{ "defaults": { "retries": "x" } }', 'defaults: retries must be a number'],
    ['{ "defaults": { "onDone": 1 } }', 'defaults has no field "onDone": it stands in the file'],
    ['{ "keep": { "done": "x" } }', 'keep.done must be a duration'],
  ] as const) {
    project.write('jobrun.config.json', config);
    const commands = [['jobs'], ['schedule', 'hello'], ['daemon'], ['daemon', '--detach']];
    const told = await project.calls([...commands, ['doctor']].map((args) => [...args, '--json']));
    // What else is wrong is found all the same.
    const { code, stdout } = told.pop() as Result;
    for (const [i, { code, stderr }] of told.entries()) {
      const { error } = JSON.parse(stderr.trim().split('\n').at(-1) ?? '');
      expect([commands[i], code, error.code]).toEqual([commands[i], 2, 'bad-config']);
      expect(error.message).toContain(`jobrun.config.json: ${says}`);
    }
    const { checks } = JSON.parse(stdout);
    expect([code, checks.length, checks.at(-2)]).toEqual([
      8,
      9,
      expect.objectContaining({ name: 'config', status: 'problem' }),
    ]);
    expect(checks.at(-2).findings[0].message).toContain(says);
  }
  project.write('jobrun.config.json', '{ "defaults": { "retries": 2 }, "keep": { "done": "1d" } }');
  expect((await project.cli(['schedule', 'hello'])).code).toBe(0);
}, 60_000);
