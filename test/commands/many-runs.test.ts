// Commands over very many runs, which settle, go and come back while they are listed: each that was there all the time
// is met once, and what has moved meanwhile is nobody's failure.
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { abort } from '../../src/commands/abort.ts';
import { handle } from '../../src/commands/dispatch.ts';
import { prune } from '../../src/commands/prune.ts';
import { retry } from '../../src/commands/retry.ts';
import type { Command, Context } from '../../src/commands/shared/command.ts';
import { isRefused } from '../../src/commands/shared/several.ts';
import type { FileEngine } from '../../src/engine/files/file-engine.ts';
import { isSettled, type Run } from '../../src/run/run.ts';
import { abortIdle, retry as retried } from '../../src/run/transitions.ts';
import { daemonHere } from '../helpers/daemon-here.ts';
import { Project } from '../helpers/project.ts';
import { draft, policy } from '../helpers/runs.ts';

const MANY = 2500;
const ids = (from: number, to: number): number[] =>
  Array.from({ length: to - from + 1 }, (_, i) => from + i);

interface Reply {
  readonly results: readonly ({ readonly id: string } & object)[];
  readonly removed: number;
  readonly ids: readonly string[];
}

/** Runs of a job that is not there: they wait until something is done with them. */
async function waiting(): Promise<Context> {
  const { context } = await daemonHere(new Project());
  const drafts = Array.from({ length: MANY / 5 }, () => draft());
  for (let i = 0; i < 5; i++) await context.engine.accept(drafts, context.clock.now());
  return context;
}

const settle = (id: number, { engine, clock }: Context): Promise<Run> =>
  engine.change(id, (run) => (isSettled(run) ? run : abortIdle(run, 'moved', clock.now())));

/** Moves some more runs at each turn of the loop, for as long as the command takes. */
async function beside(
  move: (turn: number) => readonly Promise<unknown>[],
  command: Command,
  request: object,
  context: Context,
): Promise<Reply> {
  const moved: Promise<unknown>[] = [];
  let over = false;
  onTestFinished(() => {
    over = true;
  });
  const moving = (async () => {
    for (let turn = 0; !over; turn++) {
      await new Promise((resolve) => setImmediate(resolve));
      moved.push(...move(turn));
    }
  })();
  const reply = (await handle(command, request, context)) as Reply;
  over = true;
  await moving;
  await Promise.all(moved);
  return reply;
}

test('abort of all reaches every run, also while the newest settle by themselves', async () => {
  const context = await waiting();
  const settling = (turn: number): Promise<unknown>[] =>
    turn < 20 ? ids(MANY - turn * 50 - 49, MANY - turn * 50).map((id) => settle(id, context)) : [];
  const { results } = await beside(settling, abort, { all: true }, context);
  expect(results.filter(isRefused)).toEqual([]);
  const { scheduled, waiting: held, queued, running, aborted } = await context.engine.counts();
  expect([scheduled + held + queued + running, aborted]).toEqual([0, MANY]);
}, 60_000);

test('retry of a job takes each run once, also while others settle', async () => {
  const context = await waiting();
  await Promise.all(ids(1, 1500).map((id) => settle(id, context)));
  const settling = (turn: number): Promise<unknown>[] =>
    turn < 20 ? ids(1501 + turn * 50, 1550 + turn * 50).map((id) => settle(id, context)) : [];
  const { results } = await beside(settling, retry, { job: 'mail' }, context);
  expect(results.filter(isRefused)).toEqual([]);
  const met = new Set(results.map(({ id }) => Number(id)));
  expect(met.size).toBe(results.length);
  expect(ids(1, 1500).filter((id) => !met.has(id))).toEqual([]);
}, 60_000);

test('prune removes what is settled, also while some of it is removed or goes on: that is not touched', async () => {
  const context = await waiting();
  const { engine, clock } = context;
  await Promise.all(ids(1, MANY).map((id) => settle(id, context)));
  const again = (run: Run): Run => retried(run, policy(), clock.now(), false);
  const [gone, going]: [number[], number[]] = [[], []];
  const move = (turn: number): Promise<unknown>[] => {
    if (turn >= 40) return [];
    const quiet = (): undefined => undefined;
    // Some go and some go on, unless the command was there first.
    const [remove, retry] = [900 - turn * 20, 1 + turn * 20];
    return [
      engine.remove([remove]).then(() => gone.push(remove), quiet),
      engine.change(retry, again).then(() => going.push(retry), quiet),
    ];
  };
  const reply = await beside(move, prune, { states: ['aborted'], dryRun: false }, context);
  const removed = reply.ids.map(Number);
  expect(reply.removed).toBe(removed.length);
  expect([gone.length > 5, going.length > 5]).toEqual([true, true]);
  expect([...removed, ...gone, ...going].sort((a, b) => a - b)).toEqual(ids(1, MANY));
  expect(await engine.counts()).toMatchObject({ aborted: 0, queued: going.length });
}, 60_000);

test('a page that has rotted keeps no run from being aborted; what needs it says so, and has done nothing', async () => {
  const context = await waiting();
  const { engine, config } = context;
  await Promise.all(ids(1, 1500).map((id) => settle(id, context)));
  await (engine as FileEngine).fold();
  writeFileSync(join(config.state, 'runs/000001.json'), 'rotten');
  await expect(
    (async () => handle(retry, { job: 'mail' }, context))(),
    'half of its runs are in there',
  ).rejects.toMatchObject({ code: 'state-damaged' });
  expect(await engine.counts()).toMatchObject({ queued: 1000, aborted: 1500 });
  const reply = (await beside(() => [], abort, { all: true }, context)) as Reply;
  expect([reply.results.length, reply.results.filter(isRefused)]).toEqual([1000, []]);
  expect((await engine.counts()).aborted).toBe(MANY);
}, 60_000);
