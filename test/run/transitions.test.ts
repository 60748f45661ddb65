// What can happen to a run, and what may not.
import { describe, expect, it } from 'vitest';
import type { Outcome } from '../../src/run/outcome.ts';
import type { Policy } from '../../src/run/policy.ts';
import { maxAttempts } from '../../src/run/retries.ts';
import { newRun, type Run, runsAlone, STATE_NAMES } from '../../src/run/run.ts';
import {
  abortIdle,
  claim,
  complete,
  failPending,
  promote,
  release,
  requestAbort,
  retry,
  save,
  settle,
  update,
} from '../../src/run/transitions.ts';
import { DAY, HOUR } from '../../src/support/limits.ts';
import { randomFrom } from '../helpers/random.ts';
import { draft, NOW, policy, queuedRun, retries, threw } from '../helpers/runs.ts';

const NONE = policy();
const error = { name: 'Error', message: 'no', stack: '' };
const running = (p: Policy = NONE, run: Run = queuedRun(1)): Run => claim(run, p, 42, NOW);
const end = (run: Run, outcome: Outcome, p: Policy = NONE, now = NOW + 10): Run =>
  settle(run, outcome, p, now, 0.5);
const code = (fn: () => unknown): string => {
  try {
    fn();
  } catch (thrown) {
    return (thrown as { code: string }).code;
  }
  return 'none';
};

describe('a new run', () => {
  it('is queued when due, scheduled when due later, waiting when it waits for others', () => {
    expect(newRun(1, draft(), NOW, false).state).toEqual({ name: 'queued', dueAt: NOW });
    expect(newRun(1, draft({ dueAt: NOW + 1 }), NOW, false).state.name).toBe('scheduled');
    expect(newRun(1, draft({ dueAt: NOW - 1 }), NOW, false).state).toEqual({
      name: 'queued',
      dueAt: NOW - 1,
    });
    expect(newRun(1, draft(), NOW, true).state).toEqual({
      name: 'waiting',
      dueAt: NOW,
      for: 'runs',
    });
  });

  it('keeps its due time when it is promoted, and is not queued early when it is released', () => {
    const later = newRun(1, draft({ dueAt: NOW + 5 }), NOW, false);
    expect(promote(later).state).toEqual({ name: 'queued', dueAt: NOW + 5 });
    const waits = newRun(1, draft({ dueAt: NOW + 5 }), NOW, true);
    expect(release(waits, NOW).state.name).toBe('scheduled');
    expect(release(waits, NOW + 5).state.name).toBe('queued');
  });
});

describe('an attempt', () => {
  it('begins with the next number and its pid', () => {
    const first = running();
    expect(first.life).toMatchObject({ attempt: 1, maxAttempts: 1, startedAt: NOW });
    const again = claim(end(first, { kind: 'lost' }), NONE, 43, NOW + 20);
    expect(again.life?.attempts.map((a) => [a.number, a.pid, a.outcome])).toEqual([
      [1, 42, 'lost'],
      [2, 43, undefined],
    ]);
  });

  it('that returned is done with its output, and carries no error', () => {
    expect(end(running(), { kind: 'returned', output: { a: 1 } }).state).toEqual({
      name: 'done',
      dueAt: NOW,
      settledAt: NOW + 10,
      output: { a: 1 },
    });
  });

  it('history keeps the first and the latest hundred less one, and counts the rest', () => {
    let run = queuedRun(1);
    const p = policy({ retries: retries(Number.POSITIVE_INFINITY) });
    for (let i = 1; i <= 250; i++) run = end(claim(run, p, i, NOW), threw(), p);
    const attempts = run.life?.attempts ?? [];
    expect([attempts.length, run.life?.dropped, run.life?.attempt]).toEqual([100, 150, 250]);
    expect([attempts[0]?.number, attempts[1]?.number, attempts.at(-1)?.number]).toEqual([
      1, 152, 250,
    ]);
  });
});

describe('a failure', () => {
  it('is final without retries', () => {
    expect(end(running(), threw()).state).toMatchObject({ name: 'failed', error });
  });

  it('is tried again after its wait as often as the limit says, and not once more', () => {
    const p = policy({ retries: retries(2) });
    let run = queuedRun(1);
    const waits: number[] = [];
    for (let i = 0; i < 3; i++) {
      run = end(claim(run, p, 1, NOW), threw(), p, NOW);
      waits.push(run.state.dueAt - NOW);
    }
    expect(waits).toEqual([1000, 2000, 2000]);
    expect([run.state.name, run.life?.attempt, run.life?.maxAttempts]).toEqual(['failed', 3, 3]);
  });

  it('retries asked for with the run go before those of the job; null is no end', () => {
    const own = { origin: { retries: 1 } };
    expect(maxAttempts(queuedRun(1, own), NONE)).toBe(2);
    expect(
      maxAttempts(queuedRun(1, { origin: { retries: 0 } }), policy({ retries: retries(5) })),
    ).toBe(1);
    expect(maxAttempts(queuedRun(1, { origin: { retries: null } }), NONE)).toBe(null);
    expect(end(running(NONE, queuedRun(1, own)), threw()).state.name).toBe('scheduled');
  });

  it('that says it is fatal is final, whatever the limit', () => {
    const p = policy({ retries: retries(9) });
    expect(end(running(p), threw('x', { fatal: true }), p).state.name).toBe('failed');
  });

  it('onError decides first: dismissed, or again at its own time', () => {
    const p = policy({ retries: retries(9) });
    expect(end(running(p), threw('x', { decision: 'dismiss' }), p).state.name).toBe('failed');
    const at = NOW + 77_000;
    const again = end(running(), threw('x', { decision: { retryAt: at } }));
    expect(again.state).toEqual({ name: 'scheduled', dueAt: at });
  });

  it('a timeout counts like a failure', () => {
    const p = policy({ retries: retries(1) });
    const first = end(running(p), { kind: 'timeout', error }, p);
    expect(first.state.name).toBe('scheduled');
    expect(end(claim(first, p, 2, NOW), { kind: 'timeout', error }, p).state.name).toBe('failed');
  });
});

describe('endings that do not count', () => {
  const p = policy({ retries: retries(1) });

  it.each([
    [{ kind: 'callback', dueAt: NOW + 60_000 }, 'scheduled'],
    [{ kind: 'pending' }, 'waiting'],
    [{ kind: 'stopped' }, 'queued'],
  ] as const)('%o', (outcome, name) => {
    const run = end(running(p), outcome, p);
    expect([run.state.name, run.life?.attempt]).toEqual([name, 0]);
    expect(claim(run, p, 2, NOW).life?.attempt).toBe(1);
  });

  it('a thousand call-backs do not use up the retries', () => {
    let run = queuedRun(1);
    for (let i = 0; i < 1000; i++)
      run = end(claim(run, p, 1, NOW), { kind: 'callback', dueAt: NOW }, p);
    run = end(claim(run, p, 1, NOW), threw(), p);
    expect(run.state.name).toBe('scheduled');
  });

  it('a call-back keeps checkpoint and output until the end', () => {
    const saved = save(running(p), { checkpoint: { at: 7 } });
    const run = end(saved, { kind: 'callback', dueAt: NOW + 5, output: 'half' }, p);
    expect([run.life?.checkpoint, run.life?.output]).toEqual([{ at: 7 }, 'half']);
  });
});

describe('lost and stale attempts', () => {
  it.each([{ kind: 'lost' }, { kind: 'stale', error }] as const)(
    '%o: five are made good, not six',
    (outcome) => {
      let run = queuedRun(1);
      for (let i = 1; i <= 5; i++) {
        run = end(claim(run, NONE, i, NOW), outcome);
        expect(run.state.name).toBe('queued');
      }
      run = end(claim(run, NONE, 6, NOW), outcome);
      expect(run.state.name).toBe('failed');
    },
  );

  it('count against the limit where the job sets one', () => {
    const p = policy({ retries: retries(1) });
    const once = end(running(p), { kind: 'lost' }, p);
    expect(once.state.name).toBe('queued');
    const twice = end(claim(once, p, 2, NOW), { kind: 'lost' }, p);
    expect([twice.state.name, twice.state.name === 'failed' && twice.state.error.name]).toEqual([
      'failed',
      'LostError',
    ]);
  });

  it.each([
    ['by the job', policy({ retries: retries(0) }), queuedRun(1)],
    ['with the run', policy({ retries: retries(5) }), queuedRun(1, { origin: { retries: 0 } })],
  ])('where none are allowed, %s, there is no second attempt', (_by, p, run) => {
    const lost = end(running(p, run), { kind: 'lost' }, p);
    expect([lost.state, lost.life?.maxAttempts]).toMatchObject([
      {
        name: 'failed',
        error: { name: 'LostError', message: 'lost: its process or the daemon ended under it' },
      },
      1,
    ]);
    const stale = end(running(p, run), { kind: 'stale', error }, p);
    expect(stale.state).toMatchObject({ name: 'failed', error });
    expect(end(running(p, run), { kind: 'stopped' }, p).state.name).toBe('queued');
    const again = end(claim(retry(lost, p, NOW, false), p, 2, NOW), { kind: 'lost' }, p);
    expect([again.state.name, again.life?.maxAttempts]).toEqual(['failed', 2]);
  });

  it('where only the waits are set and no limit, a loss is made good and a failure is final', () => {
    const { limit: _, ...waits } = retries(0);
    const p = policy({ retries: waits });
    expect(end(running(p), { kind: 'lost' }, p).state.name).toBe('queued');
    expect(end(running(p), threw(), p).state.name).toBe('failed');
  });

  it('the end of a shared process is charged to none of its runs, however often; each goes on alone', () => {
    const p = policy({ retries: retries(1), isolation: 'shared' });
    let run = queuedRun(1);
    for (let i = 1; i <= 9; i++) {
      run = end(claim(run, p, i, NOW), { kind: 'lost', exitCode: 3 }, p);
      expect([run.state.name, runsAlone(run), run.life?.attempt]).toEqual(['queued', true, i]);
    }
    run = claim(run, p, 10, NOW);
    expect([runsAlone(run), run.life?.maxAttempts]).toEqual([true, 11]);
    run = end(run, threw(), p);
    expect([run.state.name, runsAlone(run)]).toEqual(['scheduled', false]);
    expect(end(claim(run, p, 11, NOW), threw(), p).state.name).toBe('failed');
    expect(runsAlone(end(running(), { kind: 'lost' })), 'the daemon was cut off').toBe(false);
    const blocked = { kind: 'timeout', error, signal: 'SIGKILL' } as const;
    const alone = end(running(), blocked);
    expect([alone.state.name, runsAlone(alone)]).toEqual(['queued', true]);
    expect(end(claim(alone, NONE, 2, NOW), blocked).state.name, 'now it was itself').toBe('failed');
  });

  it('a loss does not take the place of a failure: a job without retries still fails at its first', () => {
    const lost = end(running(), { kind: 'lost' });
    expect(end(claim(lost, NONE, 2, NOW), threw()).state.name).toBe('failed');
  });
});

describe('an abort', () => {
  it('at once where nothing runs; refused once settled', () => {
    const run = abortIdle(queuedRun(1), 'enough', NOW);
    expect(run.state).toMatchObject({ name: 'aborted', reason: 'enough' });
    expect(code(() => abortIdle(run, 'again', NOW))).toBe('refused');
    expect(code(() => abortIdle(running(), 'x', NOW))).toBe('refused');
  });

  it('that was asked for wins over whatever the attempt came to, even a loss', () => {
    const asked = requestAbort(running(), 'enough');
    const outcomes: Outcome[] = [
      { kind: 'lost' },
      { kind: 'returned', output: 1 },
      threw(),
      { kind: 'stopped' },
    ];
    for (const outcome of outcomes) {
      expect(end(asked, outcome).state).toMatchObject({ name: 'aborted', reason: 'enough' });
    }
  });

  it('the first reason stays', () => {
    const asked = requestAbort(running(), 'first');
    expect(requestAbort(asked, 'second')).toBe(asked);
  });
});

describe('retry', () => {
  it('renews the attempts of a failed run and keeps its checkpoint; fresh forgets it', () => {
    const p = policy({ retries: retries(1) });
    let run = save(running(p), {
      checkpoint: 5,
      rows: 2,
      initialized: true,
      step: { name: 'a', value: 1 },
    });
    run = end(claim(end(run, threw(), p), p, 2, NOW), threw(), p);
    expect(run.state.name).toBe('failed');
    const again = retry(run, p, NOW + 50, false);
    expect(again.state).toEqual({ name: 'queued', dueAt: NOW + 50 });
    expect(again.life).toMatchObject({
      checkpoint: 5,
      rows: 2,
      initialized: true,
      maxAttempts: 4,
      renewedAfter: 2,
    });
    const third = claim(again, p, 3, NOW + 60);
    expect([third.life?.attempt, end(third, threw(), p).state.name]).toEqual([3, 'scheduled']);
    const fresh = retry(run, p, NOW + 50, true).life ?? {};
    expect(
      ['checkpoint', 'rows', 'steps', 'initialized'].filter((field) => field in fresh),
    ).toEqual([]);
  });

  it('is refused for a run that is done or goes on', () => {
    const done = end(running(), { kind: 'returned', output: null });
    expect(
      [done, running(), queuedRun(1)].map((run) => code(() => retry(run, NONE, NOW, false))),
    ).toEqual(Array(3).fill('refused'));
  });

  it('an aborted run can be retried, and is not aborted again by the old request', () => {
    const aborted = end(requestAbort(running(), 'enough'), { kind: 'aborted', reason: 'enough' });
    const again = claim(retry(aborted, NONE, NOW, false), NONE, 2, NOW);
    expect(end(again, { kind: 'returned', output: 1 }).state.name).toBe('done');
  });
});

describe('update', () => {
  it('moves, queues, or re-prioritises a run that has not started', () => {
    const run = queuedRun(1);
    expect(update(run, { dueAt: NOW + 9 }, NOW).state).toEqual({
      name: 'scheduled',
      dueAt: NOW + 9,
    });
    expect(update(run, { priority: 7, params: { a: 1 } }, NOW)).toMatchObject({
      priority: 7,
      params: { a: 1 },
      state: run.state,
    });
    const later = update(run, { dueAt: NOW + 9 }, NOW);
    expect(update(later, { dueAt: NOW }, NOW).state.name).toBe('queued');
  });

  it('a run that waits for others goes on waiting', () => {
    const waits = newRun(1, draft(), NOW, true);
    expect(update(waits, { dueAt: NOW + 9 }, NOW).state).toEqual({
      name: 'waiting',
      dueAt: NOW + 9,
      for: 'runs',
    });
  });

  it('sets and removes the lock and leaves the rest of its origin', () => {
    const run = queuedRun(1, { origin: { key: 'k', lock: 'old' } });
    expect(update(run, { lock: 'new' }, NOW).origin).toEqual({ key: 'k', lock: 'new' });
    expect(update(run, { lock: null }, NOW).origin).toEqual({ key: 'k' });
    expect(update(run, { priority: 2 }, NOW).origin).toBe(run.origin);
  });

  it('is refused while running and once settled', () => {
    expect(code(() => update(running(), { priority: 2 }, NOW))).toBe('refused');
    expect(code(() => update(end(running(), threw()), { priority: 2 }, NOW))).toBe('refused');
  });
});

describe('an outside result', () => {
  const pending = end(running(), { kind: 'pending' });

  it('completes or fails a run that waits for it', () => {
    expect(complete(pending, 5, NOW).state).toMatchObject({ name: 'done', output: 5 });
    expect(failPending(pending, 'bad', NOW).state).toMatchObject({
      name: 'failed',
      error: { message: 'bad' },
    });
  });

  it('is refused for a run that waits for other runs, runs, or is settled', () => {
    const others = [newRun(1, draft(), NOW, true), running(), complete(pending, 5, NOW)];
    expect(others.map((run) => code(() => complete(run, 1, NOW)))).toEqual(
      Array(3).fill('refused'),
    );
    expect(others.map((run) => code(() => failPending(run, 'x', NOW)))).toEqual(
      Array(3).fill('refused'),
    );
  });
});

describe('what was saved', () => {
  it('adds up: checkpoint, steps and rows, without losing what was there', () => {
    const run = save(save(running(), { step: { name: 'a', value: 1 } }), {
      step: { name: 'b', value: 2 },
      rows: 3,
    });
    expect(run.life).toMatchObject({ rows: 3, attempt: 1 });
    expect(run.life?.steps?.toJSON()).toEqual({ a: 1, b: 2 });
  });

  it('a step named like a part of every object is a step like others', () => {
    const run = save(running(), { step: { name: 'constructor', value: 1 } });
    expect(Object.keys(run.life?.steps?.toJSON() ?? {})).toEqual(['constructor']);
  });
});

describe('the errors of attempts', () => {
  const long = { name: 'Error', message: 'm'.repeat(64_000), stack: 's'.repeat(64_000) };
  const p = policy({ retries: retries(1000) });
  const again = (run: Run): Run => ({ ...run, state: { name: 'queued', dueAt: NOW } });

  it('the latest is whole, of earlier ones the begin is kept, so that a run of a thousand tries stays small', () => {
    let run = queuedRun(1);
    for (let i = 0; i < 150; i++)
      run = again(end(claim(run, p, 42, NOW), { kind: 'threw', error: long }, p));
    const errors = run.life?.attempts.map(({ error }) => error);
    expect(errors).toHaveLength(100);
    expect(errors?.at(-1)).toEqual(long);
    expect(errors?.[0]?.message).toBe(`${'m'.repeat(1024)} … [cut: 62976 more characters]`);
    expect(JSON.stringify(run).length).toBeLessThan(400_000);
  });

  it('one of usual length stays as it is', () => {
    const first = end(running(p), threw('short'), p);
    const second = claim(again(first), p, 43, NOW);
    expect(second.life?.attempts[0]).toBe(first.life?.attempts[0]);
  });
});

describe('whatever happens', () => {
  it('a run stays in the states there are, its number never passes its limit, and settled means settled', () => {
    const random = randomFrom(42);
    const outcomes: Outcome[] = [
      { kind: 'returned', output: 1 },
      threw(),
      threw('x', { fatal: true }),
      { kind: 'timeout', error },
      { kind: 'stale', error },
      { kind: 'lost' },
      { kind: 'stopped' },
      { kind: 'pending' },
      { kind: 'callback', dueAt: NOW + 5 },
      { kind: 'aborted', reason: 'r' },
    ];
    for (let round = 0; round < 500; round++) {
      const p = policy({ retries: random.chance(0.5) ? retries(random.whole(0, 4)) : null });
      let run = queuedRun(1);
      for (let step = 0; step < 12 && run.state.name !== 'done'; step++) {
        if (run.state.name === 'failed' || run.state.name === 'aborted')
          run = retry(run, p, NOW, random.chance(0.5));
        else if (run.state.name === 'waiting') run = failPending(run, 'x', NOW);
        else run = end(claim(run, p, 1, NOW), random.of(outcomes), p);
        expect(STATE_NAMES).toContain(run.state.name);
        const life = run.life;
        if (p.retries && life?.maxAttempts)
          expect(life.attempt).toBeLessThanOrEqual(life.maxAttempts);
      }
    }
  });
});

describe('an attempt during which the clock was set', () => {
  it.each([-365 * DAY, -HOUR, HOUR, 365 * DAY])('by %d ms has taken as long as it did', (jump) => {
    const now = NOW + jump + 5000;
    const done = settle(running(), { kind: 'returned', output: 1 }, policy(), now, 0.5, 5000);
    expect(done.life?.attempts.at(-1)).toMatchObject({ startedAt: now - 5000, endedAt: now });
    expect(done.life?.startedAt).toBe(now - 5000);
  });

  it('by less than a jump began when it began', () => {
    const done = settle(running(), { kind: 'returned', output: 1 }, policy(), NOW + 9, 0.5, 5);
    expect(done.life?.attempts.at(-1)).toMatchObject({ startedAt: NOW, endedAt: NOW + 9 });
  });
});
