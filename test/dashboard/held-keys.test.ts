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
    ...{ name, state: 'ok', description: null },
    params: { type: 'object', properties: { steps: { type: 'number' } } },
  }));
  asked.find(({ command }) => command === 'jobs')?.answer({ jobs });
  await turn();
  expect(store.model.screen).toMatchObject({
    kind: 'form',
    form: { job: 'walk', fields: [{ name: 'steps', line: { text: 'x' } }, {}, {}, {}] },
  });
});
