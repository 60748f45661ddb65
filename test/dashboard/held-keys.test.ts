// Keys that are typed faster than the daemon answers: none is lost, and none is about something else than what it was
// typed for.
import { afterEach, beforeEach, expect, test } from 'vitest';
import { withList } from '../../src/dashboard/answers.ts';
import { listKey, targetOf } from '../../src/dashboard/context.ts';
import { Controller } from '../../src/dashboard/controller.ts';
import { readKeys } from '../../src/dashboard/key-reader.ts';
import { Link } from '../../src/dashboard/link.ts';
import { newModel } from '../../src/dashboard/model.ts';
import { Refresh } from '../../src/dashboard/refresh.ts';
import { Store } from '../../src/dashboard/store.ts';
import type { Json } from '../../src/support/json.ts';
import { FakeClock } from '../helpers/fake-clock.ts';
import { listWith, modelWith, NOW, PLAIN, rowOf, statusWith } from '../helpers/models.ts';

interface Asked {
  readonly command: string;
  readonly args: { readonly [name: string]: Json };
  readonly answer: (reply: unknown) => void;
}

const SIZE = { columns: 80, rows: 24 };
const RUNS = [9, 8, 7, 6].map((id) => rowOf(id, { state: 'scheduled', dueAt: NOW + 3_600_000 }));
const nothing = (): void => undefined;
const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

let clock: FakeClock;
let store: Store;
let link: Link;
let press: (keys: string) => void;
let asked: Asked[];

beforeEach(async () => {
  clock = new FakeClock(NOW);
  asked = [];
  store = new Store(modelWith(SIZE, listWith(RUNS), { tab: 'scheduled' }), clock);
  const files = {
    call: (command: string, args: Json) =>
      new Promise<Json>((resolve) => {
        const answer = (reply: unknown): void => resolve(reply as Json);
        asked.push({ command, args: args as Asked['args'], answer });
      }),
    ...{ aliveAt: null, damage: null, close: async () => undefined },
  };
  const places = { connect: async () => null, files: { stamp: () => '', open: async () => files } };
  link = new Link(places, clock, { onLink: nothing, onChange: nothing, onError: nothing });
  void link.run();
  const desk = { store, link, refresh: new Refresh(store, link) };
  const outside = {
    quit: nothing,
    suspend: nothing,
    redraw: nothing,
    copy: nothing,
    turnMouse: () => true,
  };
  const controller = new Controller(desk, PLAIN, outside);
  press = (keys) => {
    for (const key of readKeys(keys, true).keys) controller.press(key, false);
  };
  await turn();
});

afterEach(() => link.close());

const marksOf = (): string[] => [...store.model.marks].sort();
const answerMarks = async (ids: readonly number[]): Promise<void> => {
  const one = asked.find(({ command, args }) => command === 'list' && args.limit === 1000);
  one?.answer({ total: ids.length, runs: ids.map((id) => rowOf(id)) });
  asked.splice(0);
  await turn();
};
const seen = (): void =>
  store.change((model) =>
    withList(model, listWith(RUNS), listKey(model), { around: model.place.id }),
  );

test('a key after * is about the new marks, not about the old ones', async () => {
  press(' ');
  expect(marksOf()).toEqual(['9']);
  press('*a');
  await turn();
  expect(store.model.screen.kind, 'it is not known yet what to abort').toBe('list');
  await answerMarks([9, 8, 7, 6, 5, 4]);
  expect(marksOf()).toHaveLength(6);
  expect(store.model.screen).toMatchObject({ ask: { question: 'Abort 6 runs?' } });
});

test('a key after * comes after it, whatever it is: a mark that is taken away is taken from all', async () => {
  press('* ');
  await answerMarks([9, 8, 7, 6]);
  await turn();
  expect(marksOf()).toEqual(['6', '7', '8']);
});

test('* and what was typed after it end with the list that it was typed in, and with Esc', async () => {
  press('*a3');
  await turn();
  await answerMarks([9, 8]);
  expect([store.model.tab, marksOf(), store.model.screen.kind]).toEqual(['done', [], 'list']);
  press('2');
  seen();
  await turn();
  press('*j\u001b');
  await answerMarks([9, 8]);
  await turn();
  expect([store.model.marking, marksOf(), store.model.place.index]).toEqual([null, [], 0]);
  press('j');
  expect(store.model.place.index, 'keys work again').toBe(1);
});

test('keys wait for a list that is being read, also before anything is known, and where no daemon runs', async () => {
  for (const state of ['opening', 'offline', 'online'] as const) {
    store.set({ ...newModel(SIZE, false, 'UTC'), tab: 'scheduled', link: state });
    press('jj\r');
    await turn();
    expect(store.model.screen.kind).toBe('list');
    store.set({ status: statusWith() });
    seen();
    await turn();
    expect([store.model.screen.kind, store.model.place.id], state).toEqual(['detail', '7']);
  }
});

test('keys that come as the list does are in their order', async () => {
  store.set({ list: null, shown: '', place: { index: 0, id: null, top: 0 } });
  press('\r');
  seen();
  // Before those that waited are done.
  press('h');
  await turn();
  expect([store.model.screen.kind, store.model.place.id]).toEqual(['list', '9']);
  expect(targetOf(store.model)?.ids).toEqual(['9']);
});

test('what is typed while the jobs to choose from are read finds its job, and goes on in its form', async () => {
  press('s');
  press('wal\r');
  expect(store.model.screen).toMatchObject({ kind: 'pick', jobs: null });
  press('x');
  await turn();
  const jobs = ['trip', 'walk'].map((name) => ({
    ...{ name, state: 'ok', description: null, file: `jobs/${name}.ts` },
    params: { type: 'object', properties: { steps: { type: 'number' } } },
  }));
  asked.find(({ command }) => command === 'jobs')?.answer({ jobs });
  await turn();
  expect(store.model.screen).toMatchObject({
    kind: 'form',
    form: { job: 'walk', fields: [{ name: 'steps', line: { text: 'x' } }, {}, {}, {}] },
  });
});

test('the built-in job has no form: neither s offers it nor R edits a run of it, and both say how to start a program', async () => {
  const entry = (name: string, file: string | null, state = 'ok') => ({
    ...{ name, state, file, description: null, params: null },
  });
  const command = entry('command', null, 'paused');
  press('s');
  await turn();
  const jobs = [command, entry('trip', 'jobs/trip.ts'), entry('gone', null, 'missing')];
  const ofAnotherHost = entry('walk', null);
  asked.find(({ command: name }) => name === 'jobs')?.answer({ jobs: [...jobs, ofAnotherHost] });
  await turn();
  const offered = [{ name: 'trip' }, { name: 'walk' }];
  expect(store.model.screen).toMatchObject({ kind: 'pick', jobs: offered });
  press('\u001b');
  store.set({ tab: 'done', screen: { kind: 'list' }, asTyped: (text) => `npx ${text}` });
  store.change((model) =>
    withList(model, listWith([rowOf(9, { state: 'done', settledAt: NOW })]), listKey(model), {
      around: '9',
    }),
  );
  await turn();
  asked.splice(0);
  press('R');
  await turn();
  const shown = { id: '9', job: 'command', params: {}, priority: 1 };
  asked.find(({ command: name }) => name === 'show')?.answer(shown);
  await turn();
  asked.find(({ command: name }) => name === 'jobs')?.answer({ jobs: [command] });
  await turn();
  expect(store.model.screen).toMatchObject({ kind: 'list' });
  expect(store.model.message?.text).toMatch(/^npx .*jobrun run -- /);
});

test('several runs that are retried are no refusals, although each still has its last error; a refused one is', async () => {
  const failed = [9, 8].map((id) => rowOf(id, { state: 'failed', settledAt: NOW }));
  const retryBoth = async (results: readonly object[]): Promise<unknown> => {
    store.set({ tab: 'errors', marks: new Set(['9', '8']) });
    store.change((model) => withList(model, listWith(failed), listKey(model), { around: '9' }));
    press('r');
    await clock.advance(200, turn);
    press('y');
    await turn();
    asked.find(({ command }) => command === 'retry')?.answer({ results });
    asked.splice(0);
    await turn();
    return store.model.message;
  };
  const view = (id: number) => ({ ...rowOf(id), error: { name: 'Error', message: 'boom' } });
  expect(await retryBoth([view(9), view(8)])).toEqual({ text: '2 runs: retried', bad: false });
  const error = { code: 'refused', message: 'run 8 is done', hint: '' };
  expect(await retryBoth([view(9), { id: '8', error }])).toEqual({
    ...{ text: 'run 8 is done', bad: true },
  });
});
