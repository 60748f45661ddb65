// The time that a command prints for a run: a duration that was typed is shown as it was typed.
import { expect, test } from 'vitest';
import { handle } from '../../src/commands/dispatch.ts';
import { schedule } from '../../src/commands/schedule.ts';
import type { Command } from '../../src/commands/shared/command.ts';
import { showFollowed } from '../../src/commands/shared/follow.ts';
import { Output } from '../../src/commands/shared/output.ts';
import { update } from '../../src/commands/update.ts';
import { daemonHere } from '../helpers/daemon-here.ts';
import { Project } from '../helpers/project.ts';

/** Prints what `show` prints where the reply came three seconds after the request. */
async function printed(show: (out: Output) => unknown): Promise<string> {
  let text = '';
  const stream = { write: (more: string) => (text += more) };
  await show(
    new Output({
      ...{ stdout: stream, stderr: stream, json: false, quiet: false, verbose: false },
      ...{ color: 'never', env: {}, timezone: () => 'UTC', now: () => Date.now() + 3000 },
    }),
  );
  return text;
}

test.each([
  [300_000, 'in 5m'],
  [1_200_000, 'in 20m'],
  [172_800_000, 'in 2d'],
])('a duration of %s ms is shown as %s, also if the reply took its time', async (inMs, shown) => {
  const { context } = await daemonHere(
    new Project({ 'jobs/hello.mjs': 'export default () => 1;' }),
  );
  await context.catalog.ready();
  const both = async (command: Command, request: object): Promise<[{ run: never }, string]> => {
    const reply = (await handle(command, request, context)) as { run: never };
    return [reply, await printed((out) => command.show(reply, out, request))];
  };
  const [{ run }, scheduled] = await both(schedule as never, { job: 'hello', inMs, key: 'k' });
  expect(scheduled).toMatch(new RegExp(`UTC, ${shown}\n`));
  expect(await printed((out) => showFollowed({ accepted: run }, out, {}))).toContain(`${shown}\n`);
  const { id } = run as { id: string };
  const [, updated] = await both(update as never, { id, inMs });
  expect(updated).toMatch(new RegExp(`UTC, ${shown}\n`));
  // A run that was there before is seen from now: three seconds of its wait are over.
  const [, again] = await both(schedule as never, { job: 'hello', inMs, key: 'k' });
  expect(again).toContain('has this key');
  expect(again).not.toContain(`${shown}\n`);
});
