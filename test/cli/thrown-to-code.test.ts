// The errors of the library as a program gets them.
import { expect, test } from 'vitest';
import { hintInCode } from '../../src/cli/thrown-to-code.ts';
import { connect } from '../../src/index.ts';
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
  for (const line of ['Set it right: jobrun doctor --repair', 'See which there are: jobrun list'])
    expect(hintInCode(line)).toBe(line);
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
