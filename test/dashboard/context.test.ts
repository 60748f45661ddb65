// What keys are about: the run under the cursor, the one that is open, or those that are marked; never a neighbour.
import { expect, test } from 'vitest';
import type { ShortRun } from '../../src/commands/shared/views.ts';
import {
  abortTarget,
  contextOf,
  jobOf,
  retryTarget,
  subjectOf,
  targetOf,
} from '../../src/dashboard/context.ts';
import type { Model, Screen } from '../../src/dashboard/model.ts';
import type { Detail } from '../../src/dashboard/replies.ts';
import { listWith, modelWith, NOW, PLAIN, rowOf, runViewOf } from '../helpers/models.ts';
import { frame } from '../helpers/screens.ts';

const SIZE = { columns: 80, rows: 24 };
const DETAIL: Screen = { kind: 'detail', scroll: 0 };
const OPEN = rowOf(12, { job: 'opened', state: 'failed', settledAt: NOW });
const NEIGHBOUR = rowOf(11, { job: 'neighbour', state: 'running' });

const detail = (run: ShortRun): Detail => ({
  kind: 'run',
  run: runViewOf(run),
  attempts: [],
  results: null,
});

/** Run 12 was opened in the list of those that run, failed, and left it: 11 stands in its row now. */
const gone = (screen: Screen, more: Partial<Model> = {}): Model =>
  modelWith(SIZE, listWith([NEIGHBOUR]), {
    detail: detail(OPEN),
    place: { index: 0, id: '12', top: 0 },
    screen,
    ...more,
  });

test('a run that is open stays what keys are about when it has left the list', () => {
  for (const screen of [DETAIL, { kind: 'log', back: 0, from: DETAIL } as const]) {
    const model = gone(screen);
    expect(targetOf(model)).toMatchObject({ ids: ['12'], run: { id: '12', job: 'opened' } });
    expect(contextOf(model)).toMatchObject({ state: 'failed', row: true, marks: 0 });
    expect(jobOf(model)).toBe('opened');
  }
  const log = frame(gone({ kind: 'log', back: 0, from: DETAIL }), PLAIN, NOW).join('\n');
  expect(log).toContain('log of 12 opened');
  expect(log).not.toContain('neighbour');
});

test('the neighbour that has slid into the row of a run is not taken for it', () => {
  for (const model of [
    gone({ kind: 'list' }),
    { ...gone(DETAIL), detail: null },
    { ...gone(DETAIL), detail: detail(NEIGHBOUR) },
  ]) {
    expect([subjectOf(model), targetOf(model), jobOf(model)]).toEqual([null, null, null]);
    expect(contextOf(model)).toMatchObject({ state: null, row: false });
  }
});

test('in a list it is the row under the cursor, not the detail of another that is still shown', () => {
  const model = gone({ kind: 'list' }, { place: { index: 0, id: '11', top: 0 } });
  expect(targetOf(model)).toMatchObject({ ids: ['11'], run: { job: 'neighbour' } });
  expect(contextOf(model)).toMatchObject({ state: 'running', row: true });
});

test('of marked runs only those are retried or aborted that can be, as far as their rows are at hand', () => {
  const states = ['failed', 'running', 'aborted', 'scheduled', 'done'] as const;
  const runs = states.map((state, i) => rowOf(i + 1, { state }));
  const model = (marks: readonly string[], tab: Model['tab'] = 'all'): Model => {
    const place = { index: 0, id: '1', top: 0 };
    return modelWith(SIZE, listWith(runs), { tab, marks: new Set(marks), place });
  };
  const ids = (marks: readonly string[]): unknown => retryTarget(model(marks))?.ids;
  expect(ids(['1', '2', '3', '4', '5', '99'])).toEqual(['1', '3', '99']);
  expect(ids(['2', '4'])).toBe(undefined);
  // A list without failed and aborted runs has none of them farther down either.
  expect(retryTarget(model(['98', '99'], 'scheduled'))).toBe(null);
  expect(retryTarget(model(['98', '99'], 'errors'))?.ids).toEqual(['98', '99']);
  expect(contextOf(model(['1', '2']))).toMatchObject({ marks: 2, retryable: 1, abortable: 1 });
  // The same holds for an abort, of those that are not settled.
  expect(abortTarget(model(['1', '2', '3', '4', '5', '99']))?.ids).toEqual(['2', '4', '99']);
  expect(abortTarget(model(['1', '5']))).toBe(null);
  expect(abortTarget(model(['98', '99'], 'done'))).toBe(null);
  expect(targetOf(model(['1', '2']))?.ids).toEqual(['1', '2']);
});

test('marked runs go before the cursor, in the list alone', () => {
  const marks = new Set(['7', '8']);
  expect(targetOf(gone({ kind: 'list' }, { marks }))).toEqual({
    ids: ['7', '8'],
    run: null,
    all: null,
  });
  expect(targetOf(gone(DETAIL, { marks }))?.ids).toEqual(['12']);
  expect(contextOf(gone(DETAIL, { marks })).marks).toBe(0);
});
