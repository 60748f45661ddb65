// The errors of the library as a program gets them.
import { expect, test } from 'vitest';
import { hintInCode } from '../../src/cli/thrown-to-code.ts';
import { connect, startDaemon } from '../../src/index.ts';
import { refusal, Site } from '../helpers/site.ts';

test('their stacks begin where the program called, whatever was asked for', async () => {
  const jobs = await connect({ dir: new Site({}).project.dir });
  const callers = [
    function unknownRun() {
      return jobs.get('999');
    },
    function badTime() {
      return jobs.schedule('work', {}, { at: 'never' });
    },
    function unknownOption() {
      return connect({ folder: '/srv/shop' } as object);
    },
    function noProject() {
      return startDaemon({ dir: '/nowhere/at/all' });
    },
    function unsaid() {
      return jobs.prune();
    },
    function noDaemon() {
      return jobs.result('999');
    },
  ];
  for (const call of callers) {
    const { stack = '', message } = await refusal(call());
    expect(stack).toContain(message);
    expect(stack.split('\n').filter((line) => /^ +at /.test(line))[0]).toContain(
      `at ${call.name} `,
    );
  }
});

test('their hints write options as code does, and leave lines for a shell as they are', async () => {
  const jobs = await connect({ dir: new Site({ work: 'export default () => 1;' }).project.dir });
  await jobs.schedule('work', {}, { cron: '@daily', name: 'n' });
  const { hint } = await refusal(jobs.schedule('work', {}, { cron: '@hourly', name: 'n' }));
  expect(hint).toBe('Put the new one in its place with replace: true, or choose another name.');
  expect(
    hintInCode('Retry both: jobrun retry 3 4. Or this one alone: jobrun retry 4 --force'),
  ).toBe("Retry both: jobrun retry 3 4. Or this one alone: retry('4', { force: true })");
  expect(hintInCode('For example: jobrun prune --older-than 30d')).toBe(
    "For example: prune({ olderThan: '30d' })",
  );
  for (const line of ['Set it right: jobrun doctor --repair', 'See which there are: jobrun list'])
    expect(hintInCode(line)).toBe(line);
});

test('an option of another library is told with the name that it has here', async () => {
  const jobs = await connect({ dir: new Site({ work: 'export default () => 1;' }).project.dir });
  const hintOf = async (call: Promise<unknown>): Promise<string> => (await refusal(call)).hint;
  const wrong = (options: object) => hintOf(jobs.schedule('work', {}, options));
  expect(await wrong({ delay: '5m' })).toBe('Did you mean "in"?');
  expect(await wrong({ attempts: 3 })).toBe('Did you mean "retries"?');
  expect(await wrong({ prioritty: 3 })).toBe('Did you mean "priority"?');
  expect(await hintOf(jobs.list({ status: 'done' } as object))).toBe('Did you mean "state"?');
  expect(await hintOf(connect({ cwd: '/srv/shop' } as object))).toBe('Did you mean "dir"?');
  expect(await hintOf(jobs.prune())).toBe("For example: prune({ olderThan: '30d' })");
});

test('the same schedule asked for again is one schedule; another of its name is refused', async () => {
  const jobs = await connect({ dir: new Site({ work: 'export default () => 1;' }).project.dir });
  const asked = (cron: string, n: number) =>
    jobs.schedule('work', { n }, { cron, name: 'nightly' });
  const first = await asked('0 3 * * *', 1);
  expect(await asked('0 3 * * *', 1)).toEqual(first);
  expect((await refusal(asked('0 4 * * *', 1))).code).toBe('refused');
  expect((await refusal(asked('0 3 * * *', 2))).code).toBe('refused');
  expect(await jobs.schedules()).toHaveLength(1);
});
