// What people type first who know another program: some of it simply works, and the rest is refused with the line that does
// it, which is read by the same parser here.
import { expect, test, vi } from 'vitest';
import { parse } from '../../src/cli/program.ts';
import { Project } from '../helpers/project.ts';

const JOB = { 'jobs/hello.mjs': 'export default ({ name }) => name;' };

test.each([
  ['ps', 'list'],
  ['rm 5', 'remove'],
  ['kill 5', 'abort'],
  ['status', 'status'],
])('%s is %s', async (typed, name) => {
  expect((await parse(typed.split(' ')))?.command.name).toBe(name);
});

test('version is --version, and of a project too', async () => {
  const write = vi.spyOn(process.stdout, 'write').mockReturnValue(true);
  expect(await parse(['version'])).toBeNull();
  expect(await parse(['--dir', '/p', 'version'])).toBeNull();
  const said = write.mock.calls.map(([text]) => String(text));
  vi.restoreAllMocks();
  expect(said).toEqual([expect.stringMatching(/^\d+\.\d+\.\d+/), said[0]]);
});

test('other guesses are refused and name the line that does it, which is one', async () => {
  const project = new Project(JOB);
  const answers: readonly (readonly [string[], string])[] = [
    [['start'], 'jobrun daemon'],
    [['cancel', '5'], 'jobrun abort 5'],
    [['stop', '5'], 'jobrun abort 5'],
    [['delete', '5', '6'], 'jobrun remove 5 6'],
    [['add', 'hello'], 'jobrun schedule hello'],
    [['submit', 'hello', '-p', 'name=Ada L'], "jobrun schedule hello -p 'name=Ada L'"],
    [['enqueue', 'hello'], 'jobrun schedule hello'],
    [['at', '18:00', 'hello'], 'jobrun schedule hello --at 18:00'],
    [['batch', 'runs.jsonl'], 'jobrun schedule --batch runs.jsonl'],
    [['cron'], "jobrun schedule <job> --cron '0 3 * * *'"],
    [['tail', '5'], 'jobrun logs -f 5'],
    [['watch'], 'jobrun list --watch'],
    [['run', './jobs/hello.ts'], 'jobrun run hello'],
    [['logs', 'hello'], 'jobrun list --job hello --limit 1'],
    [['list', 'failed'], 'jobrun list --state failed'],
    [['list', 'hello'], 'jobrun list --job hello'],
    [['list', '-n', '3'], 'jobrun list --limit 3'],
  ];
  for (const [words, line] of answers) {
    const { code, stderr } = await project.cli(words);
    expect([words, code, stderr], words.join(' ')).toEqual([
      words,
      2,
      expect.stringContaining(`Try: ${line}\n`),
    ]);
    const typed = line.replace('<job>', 'hello').replace(/^jobrun /, '');
    const read = (typed.match(/'[^']*'|\S+/g) ?? []).map((word) => word.replaceAll("'", ''));
    await expect(parse(read), line).resolves.not.toBeNull();
  }
}, 60_000);

test('params that were typed as options or as a file are answered by how to give them', async () => {
  const project = new Project(JOB);
  const hint = async (...words: string[]): Promise<string> => (await project.cli(words)).stderr;
  expect(await hint('run', 'hello', '--name=Ada')).toContain('-p name=Ada');
  expect(await hint('schedule', 'hello', '--greeting', 'Ada')).toContain('-p ');
  expect(await hint('run', 'hello', '--params', 'params.json')).toContain('--params @params.json');
  // A misspelt option is still called by its name, and what is wrong in another way keeps its hint.
  expect(await hint('schedule', 'hello', '--prioritty', '5')).toContain('--priority');
  expect(await hint('list', '--nothing')).not.toContain('-p ');
  expect(await hint('frobnicate')).not.toContain('Try:');
  // A path may be the name of a job, so that this one is only unknown.
  const { code, stderr } = await project.cli(['schedule', 'jobs/mail/send.mjs', '--in', '5m']);
  expect([code, stderr]).toEqual([3, expect.stringContaining('jobrun schedule mail/send --in 5m')]);
}, 60_000);
