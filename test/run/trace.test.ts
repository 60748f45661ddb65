// The trace context of a run and its attempts: what is taken in, and which ids an attempt has.
import { expect, test } from 'vitest';
import { attemptTrace, idsOf, traceOf } from '../../src/run/trace.ts';
import { claim, settle } from '../../src/run/transitions.ts';
import { NOW, policy, queuedRun } from '../helpers/runs.ts';

const [TRACE, SPAN] = ['4bf92f3577b34da6a3ce929d0e0e4736', '00f067aa0ba902b7'];
const PARENT = `00-${TRACE}-${SPAN}-01`;
const trace = { traceparent: PARENT, tracestate: 'a=1,b=2' };

test('a context is taken in as it is, one of a later version as far as it is known, and a malformed one is dropped', () => {
  expect(traceOf(PARENT, 'a=1,b=2')).toEqual(trace);
  expect(traceOf(`cc-${TRACE}-${SPAN}-00-more`)).toEqual({
    traceparent: `00-${TRACE}-${SPAN}-00`,
    tracestate: null,
  });
  for (const bad of [
    ...['', 'x', 5, null, undefined, {}, PARENT.toUpperCase(), ` ${PARENT}`, `${PARENT}-more`],
    ...[
      `ff-${TRACE}-${SPAN}-01`,
      `00-${'0'.repeat(32)}-${SPAN}-01`,
      `00-${TRACE}-${'0'.repeat(16)}-01`,
    ],
    ...[
      `00-${TRACE}-${SPAN}`,
      `00-${TRACE}-${SPAN}-1`,
      `cc-${TRACE}-${SPAN}-01-${'x'.repeat(600)}`,
    ],
  ])
    expect([bad, traceOf(bad)]).toEqual([bad, null]);
  for (const bad of ['', 'no', 'a=\n', 5, `a=${'x'.repeat(600)}`])
    expect(traceOf(PARENT, bad), 'a state that is malformed is dropped alone').toEqual({
      traceparent: PARENT,
      tracestate: null,
    });
});

test('a trace that begins here is marked as left out where the share of those that are sent leaves it out', () => {
  const flagsOf = (sample: number): string[] =>
    Array.from({ length: 200 }, (_, i) => {
      const run = claim(queuedRun(i + 1), policy(), 1, NOW);
      return attemptTrace(run, { join: 0, sample }).traceparent.slice(-2);
    });
  expect([new Set(flagsOf(1)), new Set(flagsOf(0))]).toEqual([new Set(['01']), new Set(['00'])]);
  const half = flagsOf(0.5).filter((flags) => flags === '01').length;
  expect(Math.abs(half - 100)).toBeLessThan(40);
  const joined = claim(queuedRun(7, { origin: { trace } }), policy(), 1, NOW);
  expect(attemptTrace(joined, { join: 1000, sample: 0 }).traceparent, 'its caller decides').toMatch(
    /-01$/,
  );
});

test('the first attempt joins the trace of its caller if it begins soon; later ones, and late ones, begin their own', () => {
  const run = claim(queuedRun(7, { origin: { trace } }), policy(), 1, NOW + 5000);
  const first = attemptTrace(run);
  expect(first.traceparent).toMatch(new RegExp(`^00-${TRACE}-(?!${SPAN})[\\da-f]{16}-01$`));
  expect([first.tracestate, first.baggage]).toEqual([
    'a=1,b=2',
    'jobrun.job=mail,jobrun.run=7,jobrun.attempt=1',
  ]);
  expect(attemptTrace(run), 'whoever tells it').toEqual(first);
  const again = claim(settle(run, { kind: 'stopped' }, policy(), NOW, 0), policy(), 1, NOW + 9000);
  const second = attemptTrace(again);
  expect(second.traceparent).not.toContain(TRACE);
  expect(second.tracestate).toBe(null);
  expect(idsOf(again, 1).spanId, 'what was told of the first stays true').toBe(
    first.traceparent.split('-')[2],
  );
  const late = claim(queuedRun(7, { origin: { trace } }), policy(), 1, NOW + 61_000);
  expect(attemptTrace(late).traceparent).not.toContain(TRACE);
  const unsampled = { traceparent: `00-${TRACE}-${SPAN}-00`, tracestate: null };
  const quiet = claim(queuedRun(7, { origin: { trace: unsampled } }), policy(), 1, NOW);
  expect(attemptTrace(quiet).traceparent).toMatch(/-00$/);
  const none = claim(queuedRun(8), policy(), 1, NOW);
  expect(attemptTrace(none).traceparent).toMatch(/^00-[\da-f]{32}-[\da-f]{16}-01$/);
});
