// A run as the world sees it: the fields of the contract, in each state.
import { describe, expect, it } from 'vitest';
import { withProgress } from '../../src/run/run.ts';
import { abortIdle, claim, complete, requestAbort, settle } from '../../src/run/transitions.ts';
import { attemptView, viewOf } from '../../src/run/view.ts';
import { NOW, policy, queuedRun, retries, threw } from '../helpers/runs.ts';

const FIELDS =
  'id job state params priority key createdAt dueAt startedAt settledAt attempt maxAttempts progress checkpoint output error reason schedule parent after worker trace';
const p = policy({ retries: retries(1) });
const running = claim(
  queuedRun(12, { origin: { key: 'k', parent: 3, after: [1, 2], schedule: 's', maxAttempts: 2 } }),
  p,
  42,
  NOW + 5,
);

describe('the view of a run', () => {
  it('has exactly the fields of the contract, with ids as texts and instants in UTC', () => {
    const view = viewOf(running, null);
    expect(Object.keys(view)).toEqual(FIELDS.split(' '));
    expect(view).toMatchObject({
      id: '12',
      key: 'k',
      parent: '3',
      after: ['1', '2'],
      schedule: 's',
      state: 'running',
      attempt: 1,
      maxAttempts: 2,
      createdAt: '2026-11-22T12:00:00.000Z',
      startedAt: '2026-11-22T12:00:00.005Z',
      settledAt: null,
      worker: { pid: 42 },
    });
  });

  it('before its first attempt nothing has started', () => {
    expect(viewOf(queuedRun(1, { origin: { maxAttempts: null } }), 'paused')).toMatchObject({
      startedAt: null,
      attempt: 0,
      maxAttempts: null,
      worker: null,
      checkpoint: null,
      reason: 'paused',
      key: null,
      after: [],
      progress: { percent: 0, text: null },
    });
    expect(viewOf(queuedRun(1), null).maxAttempts).toBe(1);
  });

  it('done shows 100 per cent, its output and no error of an earlier attempt', () => {
    const failedOnce = settle(running, threw(), p, NOW + 6, 0.5);
    const again = withProgress(claim(failedOnce, p, 43, NOW + 9), {
      percent: 40,
      text: 'half way',
    });
    expect(viewOf(failedOnce, null).error?.message).toBe('no');
    expect(viewOf(again, null)).toMatchObject({
      error: { message: 'no' },
      progress: { percent: 40 },
    });
    const done = viewOf(settle(again, { kind: 'returned', output: 7 }, p, NOW + 10, 0.5), null);
    expect(done).toMatchObject({
      progress: { percent: 100, text: 'half way' },
      output: 7,
      error: null,
      worker: null,
    });
  });

  it.each([
    ['a call-back', { kind: 'callback', dueAt: NOW + 60_000 }],
    ['an outside result', { kind: 'pending' }],
    ['a stop of the daemon', { kind: 'stopped' }],
    ['a retry', threw()],
  ] as const)(
    'has the number of its latest attempt while it waits for %s, and none before its first',
    (_why, outcome) => {
      const first = settle(running, outcome, p, NOW + 6, 0.5);
      expect(viewOf(first, null).attempt).toBe(1);
      const counted = policy({ retries: retries(5) });
      const failed = settle(claim(first, counted, 1, NOW), threw(), counted, NOW, 0.5);
      const second = claim(failed, counted, 1, NOW);
      const number = second.life?.attempt;
      const later = settle(second, outcome, counted, NOW, 0.5);
      expect(viewOf(later, null).attempt).toBe(number);
      expect(viewOf(queuedRun(1), null).attempt).toBe(0);
    },
  );

  it('keeps the number of the attempt that asked for an outside result, once that has come', () => {
    const pending = settle(running, { kind: 'pending' }, p, NOW + 6, 0.5);
    expect(viewOf(complete(pending, 1, NOW + 7), null).attempt).toBe(1);
    expect(viewOf(abortIdle(pending, 'enough', NOW + 7), null).attempt).toBe(1);
  });

  it('aborted gives its own reason, not why it had waited', () => {
    const aborted = settle(requestAbort(running, 'enough'), { kind: 'lost' }, p, NOW + 6, 0.5);
    expect(viewOf(aborted, 'paused')).toMatchObject({
      state: 'aborted',
      reason: 'enough',
      settledAt: '2026-11-22T12:00:00.006Z',
    });
  });

  it('hides named params at any depth, and no others', () => {
    const run = queuedRun(1, {
      params: { token: 'a', user: { token: { x: 1 }, name: 'b' }, list: [{ token: 1 }] },
    });
    expect(viewOf(run, null, { redact: ['token'], host: '' }).params).toEqual({
      token: '***',
      user: { token: '***', name: 'b' },
      list: [{ token: '***' }],
    });
    expect(viewOf(run, null).params).toBe(run.params);
  });
});

describe('the view of an attempt', () => {
  it('is null where it has not ended, and tells how it ended', () => {
    const begun = running.life?.attempts[0];
    expect(begun && attemptView(begun)).toMatchObject({
      endedAt: null,
      outcome: null,
      pid: 42,
      exitCode: null,
    });
    const ended = settle(running, threw('x', { exitCode: 3 }), p, NOW + 6, 0.5).life?.attempts[0];
    expect(ended && attemptView(ended)).toMatchObject({
      outcome: 'threw',
      exitCode: 3,
      error: { message: 'x' },
    });
    const lost = settle(running, { kind: 'lost' }, p, NOW + 6, 0.5).life?.attempts[0];
    expect(lost && attemptView({ ...lost, pid: 0 })).toMatchObject({
      outcome: 'lost',
      pid: null,
      error: null,
    });
  });
});

it('a reason shows no hidden value that a lock was made of', () => {
  const run = { ...queuedRun(1), params: { account: 'ada-lovelace' } };
  const reason = 'waits for the lock "account ada-lovelace"';
  expect(viewOf(run, reason, { redact: ['account'], host: '' }).reason).toBe(
    'waits for the lock "account ***"',
  );
  expect(viewOf(run, reason, { redact: ['other'], host: '' }).reason).toBe(reason);
});
