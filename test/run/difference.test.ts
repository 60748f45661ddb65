// What the journal keeps of a change: as little as there is new, and enough to make the run again.
import { expect, it } from 'vitest';
import { applyDifference, type Difference, differenceOf } from '../../src/run/difference.ts';
import type { Outcome } from '../../src/run/outcome.ts';
import type { Run } from '../../src/run/run.ts';
import { readRun } from '../../src/run/stored-run.ts';
import { claim, retry, save, settle, update } from '../../src/run/transitions.ts';
import { randomFrom } from '../helpers/random.ts';
import { NOW, policy, queuedRun, retries, threw } from '../helpers/runs.ts';

const p = policy({ retries: retries(100) });
const written = (difference: Difference | null): string => JSON.stringify(difference ?? {});
/** As a start reads it. */
const read = (run: Run): Run => readRun(JSON.parse(JSON.stringify(run))) as Run;
const LONG = 'x'.repeat(1_000_000);

it('names the changed fields alone, and is null where nothing changed', () => {
  const run = queuedRun(1);
  expect(differenceOf(run, { ...run })).toBe(null);
  expect(differenceOf(run, { ...run, priority: 9 })).toEqual({ priority: 9 });
});

it('is small whatever the run has saved before: a step, a checkpoint, a start and an end', () => {
  let run = claim(queuedRun(1), p, 42, NOW);
  for (const name of ['a', 'b']) run = save(run, { step: { name, value: LONG } });
  run = save(run, { checkpoint: LONG });
  const changes: ((run: Run) => Run)[] = [
    (now) => save(now, { step: { name: 'c', value: 1 } }),
    (now) => save(now, { rows: 3 }),
    (now) => settle(now, { kind: 'callback', dueAt: NOW, output: LONG }, p, NOW, 0.5),
    (now) => claim(now, p, 43, NOW),
    (now) => settle(now, threw(), p, NOW, 0.5),
    (now) => claim(now, p, 44, NOW),
    (now) => save(now, { step: { name: 'd', value: 1 } }),
    (now) => settle(now, threw('x', { fatal: true }), p, NOW, 0.5),
    (now) => retry(now, p, NOW, false),
  ];
  const sizes = changes.map((change) => {
    const prev = run;
    run = change(prev);
    return written(differenceOf(prev, run)).length;
  });
  // The call-back alone brings something large of its own.
  expect(sizes.map((size) => size > 10_000)).toEqual(sizes.map((_, i) => i === 2));
  expect(Object.keys(run.life?.steps?.toJSON() ?? {})).toEqual(['a', 'b', 'c', 'd']);
});

it('is small however often the run was tried before, and whatever those attempts died of', () => {
  let run = queuedRun(1);
  let copy = read(run);
  const endless = policy({ retries: retries(1000) });
  const sizes: number[] = [];
  const to = (next: Run): void => {
    const difference = JSON.parse(written(differenceOf(run, next))) as Difference;
    sizes.push(written(difference).length);
    const before = copy;
    copy = read(applyDifference(copy, difference));
    expect(JSON.stringify(copy)).toBe(JSON.stringify(next));
    expect(JSON.stringify(applyDifference(copy, difference))).toBe(JSON.stringify(copy));
    // A repair does not know which of the last changes a page includes.
    if (sizes.length > 1) {
      const replayed = read(applyDifference(read(applyDifference(copy, last)), difference));
      expect(JSON.stringify(replayed)).toBe(JSON.stringify(copy));
    }
    expect(JSON.stringify(before)).toBe(JSON.stringify(run));
    [run, last] = [next, difference];
  };
  let last: Difference = {};
  for (let i = 0; i < 120; i++) {
    to(claim(run, endless, i, NOW + i));
    to(save(run, { step: { name: `step ${i}`, value: i } }));
    to(settle(run, threw(`${i} ${LONG.slice(0, 3000)}`), endless, NOW + i, 0));
  }
  expect(run.life?.attempts.length).toBe(100);
  // The error of the attempt before, and what every change has.
  expect(Math.max(...sizes)).toBeLessThan(20_000);
  expect(JSON.stringify(run).length).toBeGreaterThan(100_000);
});

it('keeps no attempt of a run that was cut off from what it is a change of', () => {
  let run = queuedRun(1);
  const endless = policy({ retries: retries(1000) });
  for (let i = 0; i < 20; i++) {
    run = claim(run, endless, i, NOW + i);
    run = settle(run, threw(LONG.slice(0, 3000)), endless, NOW + i, 0);
  }
  const difference = differenceOf(run, claim(run, endless, 20, NOW)) as Difference;
  // A hole in the journal: the attempts that the page does not have are missing, and the number of them is right.
  const early = claim(queuedRun(1), endless, 0, NOW);
  const found = read(applyDifference(early, difference));
  expect(found.life?.attempts.map(({ pid }) => pid)).toEqual([0, 19, 20]);
  expect(found.life?.dropped).toBe(18);
});

it('makes the run again, once and twice, whatever happens to it', () => {
  const random = randomFrom(7);
  const outcomes: Outcome[] = [
    threw(),
    { kind: 'lost' },
    { kind: 'stopped' },
    { kind: 'callback', dueAt: NOW, output: { a: 1 } },
    { kind: 'aborted', reason: 'r' },
    { kind: 'returned', output: 1 },
  ];
  const steps = ['__proto__', 'constructor', '1', 'a', 'b'];
  for (let round = 0; round < 200; round++) {
    let run = queuedRun(1);
    let copy = read(run);
    const to = (next: Run): void => {
      const difference = JSON.parse(written(differenceOf(run, next))) as Difference;
      copy = read(applyDifference(copy, difference));
      run = next;
      expect(JSON.stringify(copy)).toEqual(JSON.stringify(run));
      const again = applyDifference(copy, difference);
      expect(JSON.stringify(again)).toEqual(JSON.stringify(copy));
    };
    for (let i = 0; i < 15 && run.state.name !== 'done'; i++) {
      if (run.state.name === 'running' && random.chance(0.6)) {
        const name = random.of(steps);
        if (random.chance(0.5)) to(save(run, { step: { name, value: [i] } }));
        else to(save(run, { checkpoint: { i }, rows: i }));
      } else if (run.state.name === 'running') to(settle(run, random.of(outcomes), p, NOW + i, 0));
      else if (run.state.name === 'failed' || run.state.name === 'aborted')
        to(retry(run, p, NOW, random.chance(0.5)));
      else if (random.chance(0.2)) to(update(run, { params: { i } }, NOW));
      else to(claim(run, p, 42, NOW));
    }
  }
});
