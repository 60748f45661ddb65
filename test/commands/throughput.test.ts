// Runs per minute, for who looks the first time after many have ended.
import { expect, test } from 'vitest';
import type { Context } from '../../src/commands/shared/command.ts';
import { throughputOf } from '../../src/commands/shared/throughput.ts';
import { abortIdle } from '../../src/run/transitions.ts';
import { daemonHere } from '../helpers/daemon-here.ts';
import { Project } from '../helpers/project.ts';
import { draft } from '../helpers/runs.ts';

const sum = (values: readonly (number | null)[]): number =>
  values.reduce((all: number, value) => all + (value ?? 0), 0);

/** Runs of a job that is not there, aborted at once. */
async function ended(count: number, { engine, clock }: Context): Promise<void> {
  const now = clock.now();
  for (let left = count; left > 0; left -= 1000) {
    const drafts = Array.from({ length: Math.min(left, 1000) }, () => draft());
    const made = await engine.accept(drafts, now);
    await Promise.all(
      made.map(({ run }) => engine.change(run.id, (one) => abortIdle(one, 'moved', clock.now()))),
    );
  }
}

test('the first look counts all runs of the last minutes, not the newest thousand, and what ends later too', async () => {
  const { context } = await daemonHere(new Project());
  await ended(2500, context);
  const looking = throughputOf(context);
  await ended(10, context);
  expect(sum((await looking).ended)).toBeGreaterThanOrEqual(2500);
  expect(sum((await throughputOf(context)).ended)).toBe(2510);
}, 60_000);

test('minutes of which not all is known say so, and show no number that is too small', async () => {
  const { context } = await daemonHere(new Project());
  await ended(11_000, context);
  const { ended: counts } = await throughputOf(context);
  expect(counts).toContain(null);
  expect(counts).not.toContain(10_000);
}, 60_000);
