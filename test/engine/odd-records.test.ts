// Records that are well-formed and make no sense: a hand has changed a field and made the checksums right again. For
// every kind of record and every field of it the state opens and can be listed, what makes no sense is named, and no
// other record is affected.
import { cpSync, existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { openFileEngine } from '../../src/engine/files/file-engine.ts';
import { inspectState, repairState } from '../../src/engine/files/whole-state.ts';
import { DEFAULT_POLICY } from '../../src/run/policy.ts';
import { asideOf, type Run } from '../../src/run/run.ts';
import { type Schedule, scheduleView } from '../../src/run/schedule.ts';
import { retry, save } from '../../src/run/transitions.ts';
import { attemptView, viewOf } from '../../src/run/view.ts';
import { systemClock } from '../../src/support/clock.ts';
import { realDisk } from '../../src/support/files.ts';
import { all, DONE, draft, finish, schedule, T0, THREW, worker } from '../helpers/engine-values.ts';
import { editDocument, editJournal, mutationsOf } from '../helpers/odd-state.ts';
import type { Doc } from '../helpers/project.ts';

const MEMORY = '/dev/shm';
const DAY = 24 * 3_600_000;
const CRON: Schedule = {
  ...schedule('nightly'),
  rule: { kind: 'cron', cron: '0 3 * * *', timezone: 'UTC' },
  nextAt: T0 + DAY,
  startAt: T0 + DAY,
};
let home = '';
let copies = 0;

beforeAll(async () => {
  home = mkdtempSync(join(existsSync(MEMORY) ? MEMORY : tmpdir(), 'jobrun-odd-'));
  const dir = join(home, 'live');
  mkdirSync(dir, { mode: 0o700 });
  const options = { disk: realDisk, dir, clock: systemClock };
  const { engine } = await openFileEngine(options);
  await engine.accept(
    [...Array(5).keys()].map((i) => draft(i)),
    T0,
  );
  engine.members.putWorker(worker(1));
  const claimed = await engine.claim(
    { workerKind: 'dedicated', most: 4 },
    () => ({ mark: 'w1', pid: 1001 }),
    T0,
  );
  const outcomes = [DONE, THREW, { kind: 'aborted', reason: 'no' } as const];
  for (const [i, { run, token }] of claimed.entries()) {
    const outcome = outcomes[i];
    await engine.changeHeld(run.id, token, (now) =>
      save(now, { checkpoint: { i }, rows: 1, rowBytes: 2, step: { name: 's', value: i } }),
    );
    if (outcome) await engine.changeHeld(run.id, token, (now) => finish(now, outcome, T0));
  }
  for (const one of [schedule('hourly', 3), CRON]) await engine.changeSchedule(one.name, () => one);
  await engine.accept(
    [
      draft(6, { key: 'k', lock: 'l', retries: 3, timeoutMs: 5000, maxAttempts: 4 }),
      draft(7, { schedule: 'hourly', parent: 4, after: [5] }, { dueAt: T0 + DAY }),
      draft(8, null, { dueAt: T0 + DAY }),
    ],
    T0,
    { request: 'a-request' },
  );
  await engine.pause({ job: 'other' }, true);
  await engine.fold();
  cpSync(dir, join(home, 'folded'), { recursive: true });
  await engine.accept([draft(9), draft(10, { after: [8] })], T0, { request: 'b-request' });
  await engine.changeSchedule('late', () => ({ ...CRON, name: 'late' }));
  await engine.claim({ workerKind: 'dedicated', most: 1 }, () => ({ mark: 'w1', pid: 1001 }), T0);
  await engine.pause({ all: true }, true);
  cpSync(dir, join(home, 'journalled'), { recursive: true });
  await engine.close();
});

afterAll(() => rmSync(home, { recursive: true, force: true, maxRetries: 5 }));

const open = (dir: string, readOnly: boolean) =>
  openFileEngine({ disk: realDisk, dir, clock: systemClock, readOnly });

/** All that can be said of a state, as commands say it; `json` shows that it can be written down. */
async function tale(dir: string, readOnly = true) {
  const { engine, damage, oddities } = await open(dir, readOnly);
  const { runs } = await all(engine);
  const reasons = await engine.why(runs, T0);
  const views = runs.map((run, i) => ({
    ...viewOf(run, reasons[i] ?? null),
    attempts: run.life?.attempts.map((one) => attemptView(one)),
  }));
  const schedules = (await engine.schedules()).map((one) => scheduleView(one));
  const { all: isAll, jobs } = await engine.pauses();
  const leases = await engine.members.leases();
  JSON.stringify([views, schedules, leases]);
  await engine.close();
  return { damage, oddities, runs, views, schedules, leases, paused: { isAll, jobs: [...jobs] } };
}

function copyOf(name: string, edit: (dir: string) => void): string {
  const dir = join(home, `copy-${++copies}`);
  cpSync(join(home, name), dir, { recursive: true });
  edit(dir);
  return dir;
}

interface Case {
  readonly what: string;
  readonly state: 'folded' | 'journalled';
  readonly edit: (dir: string) => void;
  /** The run or schedule that the record is. */
  readonly run?: number;
  readonly schedule?: string;
}

type Tale = Awaited<ReturnType<typeof tale>>;

/** All but the record, as it is to be whatever becomes of that. */
function othersIn({ damage, views, schedules }: Tale, { run, schedule: name }: Case) {
  const isIt = (one: Doc): boolean =>
    Number(one.id) === run || (name !== undefined && [name, 'odd'].includes(one.name));
  return {
    damage,
    views: views.flatMap((one) => (isIt(one) ? [] : [{ ...one, reason: null }])),
    schedules: schedules.filter((one) => !isIt(one)),
  };
}

async function problemsOf(dir: string): Promise<readonly string[]> {
  const { findings } = await inspectState(realDisk, dir, systemClock);
  return findings.flatMap(({ level, message }) => (level === 'problem' ? [message] : []));
}

/** Reads it as a command does: nothing but the record is another one, and what is odd is named. */
async function checkRead(one: Case, dir: string, wanted: object): Promise<boolean> {
  const { what } = one;
  const read = await tale(dir);
  expect({ what, ...othersIn(read, one) }).toEqual({ what, ...wanted });
  const isOdd =
    read.oddities.length > 0 ||
    read.runs.some((run) => asideOf(run) !== null) ||
    read.schedules.some(({ state }) => state === 'stopped');
  expect({ what, isNamed: (await problemsOf(dir)).length > 0 }).toEqual({ what, isNamed: isOdd });
  return isOdd;
}

/** Opens it as a daemon does, twice, and repairs it. */
async function checkStarts(one: Case, dir: string, wanted: object): Promise<void> {
  const { what } = one;
  const options = { disk: realDisk, dir, clock: systemClock };
  expect({ what, ...othersIn(await tale(dir, false), one) }).toEqual({ what, ...wanted });
  expect(readdirSync(join(dir, 'aside')).length, what).toBeGreaterThan(0);
  const again = await tale(dir, false);
  expect({ what, ...othersIn(again, one) }).toEqual({ what, ...wanted });
  expect({ what, oddities: again.oddities }).toEqual({ what, oddities: [] });
  await repairState(options, await inspectState(realDisk, dir, systemClock));
  const left = await problemsOf(dir);
  // A stopped schedule is its owner's to renew or to end.
  expect({ what, left: left.filter((one) => !/^schedule \S+ is stopped/.test(one)) }).toEqual({
    what,
    left: [],
  });
}

/** Each is read; started with and repaired is one of each field. */
async function checkAll(cases: readonly Case[], leastOdd: number): Promise<void> {
  const started = new Set<string>();
  let odd = 0;
  for (const one of cases) {
    const wanted = othersIn(await tale(join(home, one.state)), one);
    const dir = copyOf(one.state, one.edit);
    const field = one.what.split(/ (?:=|is missing)/)[0] ?? '';
    if (await checkRead(one, dir, wanted)) {
      odd++;
      if (!started.has(field)) await checkStarts(one, dir, wanted);
      started.add(field);
    }
    rmSync(dir, { recursive: true, maxRetries: 5 });
  }
  expect(odd).toBeGreaterThan(leastOdd);
}

const page = (dir: string): string => join(dir, 'runs/000000.json');

async function runCases(id: number): Promise<readonly Case[]> {
  const record = (await tale(join(home, 'folded'))).runs.find((one) => one.id === id) as Run;
  return mutationsOf(structuredClone(record)).map(({ what, apply }) => ({
    what: `run ${id}: ${what}`,
    state: 'folded' as const,
    run: id,
    edit: (dir) =>
      editDocument(page(dir), ({ runs }) => apply(runs.find((one: Doc) => one.id === id))),
  }));
}

describe('a record that makes no sense is set aside and named, and nothing else is affected:', () => {
  test.each([1, 2, 3, 4, 5, 6, 7, 8])(
    'each field of run %i in a page',
    async (id) => {
      await checkAll(await runCases(id), 20);
    },
    120_000,
  );

  test.each(['hourly', 'nightly'])(
    'each field of the schedule %s',
    async (name) => {
      const file = (dir: string): string => join(dir, 'schedules.json');
      const record = name === 'nightly' ? CRON : schedule('hourly', 3);
      const more = [
        ['cron', '61 * * * *'],
        ['cron', '0 0 31 2'],
        ['timezone', 'Mars/Base'],
      ].map(([field = '', value]) => ({
        what: `rule.${field} = ${value}`,
        apply: (one: Doc) => {
          one.rule = { kind: 'cron', cron: '0 3 * * *', timezone: 'UTC', [field]: value };
        },
      }));
      const cases = [...mutationsOf(record), ...more].map(({ what, apply }) => ({
        what: `schedule ${name}: ${what}`,
        state: 'folded' as const,
        schedule: name,
        edit: (dir: string) =>
          editDocument(file(dir), ({ schedules }) =>
            apply(schedules.find((one: Doc) => one.name === name)),
          ),
      }));
      await checkAll(cases, 50);
    },
    120_000,
  );

  /** Of each list of a document, each field of its first element. */
  const listCases = (
    file: string,
    list: (data: Doc) => Doc[],
    sample: Doc,
    touches: Partial<Case> = {},
  ): readonly Case[] =>
    mutationsOf([sample]).map(({ what, apply }) => ({
      ...touches,
      what: `${file}: ${what}`,
      state: 'folded' as const,
      edit: (dir) => editDocument(join(dir, file), (data) => apply(list(data))),
    }));

  test('each field of a lease, of a worker, of a request, of the starts, of what is paused', async () => {
    const { leases } = await tale(join(home, 'folded'));
    const lease = structuredClone(leases[0] as Doc);
    const cases = [
      ...listCases('locks.json', ({ leases: list }) => list, lease),
      ...listCases('locks.json', ({ workers: list }) => list, worker(1)),
      ...listCases('manifest.json', ({ requests: list }) => list, ['a-request', [[6, 3]], T0]),
      ...listCases('manifest.json', ({ starts: list }) => list, ['mail', [T0, T0, T0, T0]]),
      ...listCases('manifest.json', ({ aside: list }) => list, 1),
      ...listCases('schedules.json', ({ paused }) => paused.jobs, 'other'),
      ...mutationsOf({ all: false, jobs: 1 }).map(({ what, apply }) => ({
        what: `paused: ${what}`,
        state: 'folded' as const,
        edit: (dir: string) =>
          editDocument(join(dir, 'schedules.json'), ({ paused }) => apply(paused)),
      })),
      ...mutationsOf({ mail: { queued: 1 } }).map(({ what, apply }) => ({
        what: `counts: ${what}`,
        state: 'folded' as const,
        edit: (dir: string) =>
          editDocument(join(dir, 'manifest.json'), ({ pages }) => apply(pages[0][1])),
      })),
    ];
    await checkAll(cases, 100);
  }, 240_000);

  test('each operand of each operation of the journal', async () => {
    const lines: Doc[] = [];
    editJournal(
      copyOf('journalled', () => undefined),
      (ops) => void lines.push([...ops]),
    );
    const cases = lines.flatMap((ops: Doc[], l) =>
      ops.flatMap((op: Doc, o) =>
        mutationsOf(op).map(({ what, apply }): Case => {
          const run = typeof op[1] === 'number' ? op[1] : op[1]?.id;
          return {
            what: `${JSON.stringify(op).slice(0, 60)}: ${what}`,
            state: 'journalled',
            ...(run !== undefined && { run }),
            ...(op[0] === 'schedule' && { schedule: op[1].name }),
            edit: (dir) => {
              let n = 0;
              editJournal(dir, (list) => {
                if (n++ === l) apply(list[o]);
              });
            },
          };
        }),
      ),
    );
    await checkAll(cases, 100);
  }, 240_000);

  test('what a damaged header says stays damage: it is named, nothing is served, and repaired it is whole', async () => {
    const before = await tale(join(home, 'folded'));
    for (const [file, field, value] of [
      ['manifest.json', 'nextId', 1e308],
      ['manifest.json', 'epoch', null],
      ['manifest.json', 'pages', { 0: {} }],
      ['manifest.json', 'position', 'odd'],
      ['schedules.json', 'schedules', null],
      ['locks.json', 'leases', 'odd'],
      ['runs/000000.json', 'runs', {}],
      ['runs/000000.json', 'seq', 'odd'],
    ] as const) {
      const dir = copyOf('folded', (made) =>
        editDocument(join(made, file), (data) => {
          data[field] = value;
        }),
      );
      const told = await tale(dir, false);
      expect(told.damage[0]?.message, `${file} ${field}`).toContain(file);
      const options = { disk: realDisk, dir, clock: systemClock };
      await repairState(options, await inspectState(realDisk, dir, systemClock));
      const repaired = await tale(dir, false);
      expect(repaired.damage).toEqual([]);
      if (!file.startsWith('runs')) expect(repaired.views.length).toBe(before.views.length);
    }
  }, 60_000);
});

test('what waits for a run that was set aside waits on, also after a restart; it goes on when that is done, and ends when it is removed', async () => {
  const dir = copyOf('journalled', () => undefined);
  await tale(dir, false);
  editDocument(page(dir), ({ runs }) => {
    runs.find(({ id }: Doc) => id === 8).priority = 'odd';
  });
  for (let start = 0; start < 2; start++) {
    const { views } = await tale(dir, false);
    expect(views.find(({ id }) => id === '8')).toMatchObject({ state: 'failed', priority: 1 });
    expect(views.find(({ id }) => id === '10')).toMatchObject({
      state: 'waiting',
      reason: 'waits for 8',
    });
  }
  const removed = join(home, `copy-${++copies}`);
  cpSync(dir, removed, { recursive: true });
  const { engine } = await open(dir, false);
  await engine.change(8, (run) => retry(run, DEFAULT_POLICY, T0, false));
  expect(await engine.find(10)).toMatchObject({ state: { name: 'waiting' } });
  await engine.change(8, (run) => ({
    ...run,
    state: { name: 'done', dueAt: T0, settledAt: T0, output: null },
  }));
  expect(await engine.find(10)).toMatchObject({ state: { name: 'queued' } });
  await engine.close();
  const other = (await open(removed, false)).engine;
  await other.remove([8]);
  expect(await other.find(10)).toMatchObject({
    state: { name: 'aborted', reason: 'run 8, which it waited for, was removed' },
  });
  await other.close();
  expect(await problemsOf(removed)).toEqual([]);
});
