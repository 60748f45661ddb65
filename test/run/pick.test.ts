// Who goes next: each rule alone, then all of them together against a model that sorts everything each time.
import { describe, expect, it } from 'vitest';
import { type JobLimits, Picker, type WorkerKind } from '../../src/run/pick.ts';
import type { Run } from '../../src/run/run.ts';
import { whyQueued } from '../../src/run/why.ts';
import { type Random, randomFrom } from '../helpers/random.ts';
import { NOW, queuedRun } from '../helpers/runs.ts';

const FREE: JobLimits = {
  workerKind: 'dedicated',
  concurrency: null,
  rateLimit: null,
  blocked: null,
};

/** A picker, and the runs as the engine's memory holds them for it. */
class Kept extends Picker {
  readonly #runs: Map<number, Run>;

  constructor() {
    const runs = new Map<number, Run>();
    super((id) => runs.get(id));
    this.#runs = runs;
  }

  override add(run: Run): void {
    if (this.#runs.has(run.id)) this.removeId(run.id);
    this.#runs.set(run.id, run);
    super.add(run);
  }

  removeId(id: number): void {
    const run = this.#runs.get(id);
    this.#runs.delete(id);
    if (run) super.remove(run);
  }

  override started(run: Run): void {
    this.removeId(run.id);
    super.started(run);
  }

  why(run: Run, now: number): string | null {
    return whyQueued(run, this.standingOf(run), now);
  }
}

function picker(limits: Readonly<Record<string, Partial<JobLimits>>> = {}): Kept {
  const made = new Kept();
  made.configure((job) => ({ ...FREE, ...limits[job] }));
  return made;
}

function begin(made: Kept, run: Run, now: number): void {
  made.counted(run.job, now);
  made.started(run);
}

/** The run after an attempt that ended with its process. */
const died = (run: Run): Run => ({
  ...run,
  life: {
    attempt: 1,
    maxAttempts: 2,
    startedAt: NOW,
    attempts: [{ number: 1, startedAt: NOW, pid: 1, endedAt: NOW, outcome: 'lost', exitCode: 3 }],
  },
});

/** Starts as many as may start now, and gives their ids. */
function startAll(made: Kept, now = NOW, workerKind: WorkerKind = 'dedicated'): number[] {
  const ids: number[] = [];
  for (let run = made.next(workerKind, now); run; run = made.next(workerKind, now)) {
    begin(made, run, now);
    ids.push(run.id);
  }
  return ids;
}

it.each([
  ['the first', 1],
  ['the last', -1],
])('what is aborted while nothing may start costs the next start nothing: %s first', (_, step) => {
  const runs = new Map<number, Run>();
  let looks = 0;
  const made = new Picker((id) => {
    looks++;
    return runs.get(id);
  });
  made.configure(() => FREE);
  const most = 20_000;
  for (let id = 1; id <= most; id++) {
    runs.set(id, queuedRun(id));
    made.add(runs.get(id) as Run);
  }
  const kept = most / 2;
  for (let id = step > 0 ? 1 : most; id > 0 && id <= most; id += step) {
    const run = runs.get(id) as Run;
    if (id === kept) continue;
    runs.delete(id);
    made.remove(run);
  }
  looks = 0;
  expect(made.next('dedicated', NOW)?.id).toBe(kept);
  expect(looks).toBeLessThan(500);
});

describe('the order', () => {
  it('is priority, then due time, then id, across jobs', () => {
    const made = picker();
    made.add(queuedRun(4, { job: 'a' }));
    made.add(queuedRun(3, { job: 'b' }));
    made.add(queuedRun(2, { job: 'a', priority: 5, dueAt: NOW - 1 }));
    made.add(queuedRun(1, { job: 'b', priority: 5 }));
    made.add(queuedRun(5, { job: 'c', dueAt: NOW - 9 }));
    expect(startAll(made)).toEqual([2, 1, 5, 3, 4]);
  });

  it('a run that was only looked at is still next; once removed it is not', () => {
    const made = picker();
    made.add(queuedRun(1));
    expect([made.next('dedicated', NOW)?.id, made.next('dedicated', NOW)?.id]).toEqual([1, 1]);
    made.removeId(1);
    expect(made.next('dedicated', NOW)).toBe(null);
  });

  it('a changed run counts as it is now', () => {
    const made = picker();
    const run = queuedRun(1);
    made.add(run);
    made.add(queuedRun(2));
    made.add({ ...run, priority: 0 });
    expect(startAll(made)).toEqual([2, 1]);
  });

  it('a run whose process ended takes a place, also where its job shares one; the others of the job do not', () => {
    const made = picker({ s: { workerKind: 'shared' } });
    for (const run of [died(queuedRun(1, { job: 's' })), queuedRun(2, { job: 's' })]) made.add(run);
    expect(startAll(made)).toEqual([1]);
    expect(startAll(made, NOW, 'shared')).toEqual([2]);
  });

  it('lanes do not mix', () => {
    const made = picker({ s: { workerKind: 'shared' } });
    made.add(queuedRun(1, { job: 's' }));
    made.add(queuedRun(2, { job: 'p' }));
    expect([startAll(made), startAll(made, NOW, 'shared')]).toEqual([[2], [1]]);
  });
});

describe('limits', () => {
  it('a blocked job starts nothing, others do; unblocked it goes on', () => {
    const blocked: Record<string, Partial<JobLimits>> = { a: { blocked: 'paused' } };
    const made = picker(blocked);
    const run = queuedRun(1, { job: 'a', priority: 9 });
    made.add(run);
    made.add(queuedRun(2, { job: 'b' }));
    expect([startAll(made), made.why(run, NOW)]).toEqual([[2], 'paused']);
    made.configure(() => FREE);
    expect([startAll(made), made.why(run, NOW)]).toEqual([[1], null]);
  });

  it('starts of before count against a rate that is read only later, but never those that lie ahead', () => {
    const made = new Kept();
    for (const at of [NOW - 5000, NOW - 400, NOW - 300]) made.counted('a', at);
    const told = made.starts();
    const later = new Kept();
    for (const [job, starts] of told) for (const at of starts) later.counted(job, at);
    later.configure(() => ({ ...FREE, rateLimit: { limit: 2, perMs: 1000 } }));
    const run = queuedRun(1, { job: 'a' });
    later.add(run);
    expect(startAll(later)).toEqual([]);
    expect(later.why(run, NOW)).toBe('rate 2 per 1s, next place in 0.6s');
    expect(later.nextPlaceAt(NOW)).toBe(NOW + 600);
    expect(startAll(later, NOW - 86_400_000)).toEqual([1]);
  });

  it('concurrency is kept, counting runs that had begun before', () => {
    const made = picker({ a: { concurrency: 2 } });
    const begun = queuedRun(1, { job: 'a' });
    made.started(begun);
    const waits = queuedRun(4, { job: 'a' });
    for (const run of [queuedRun(2, { job: 'a' }), queuedRun(3, { job: 'a' }), waits])
      made.add(run);
    expect(startAll(made)).toEqual([2]);
    expect(made.why(waits, NOW)).toBe('concurrency 2 of a reached by 1, 2');
    made.ended(begun);
    expect(startAll(made)).toEqual([3]);
  });

  it('a rate is kept in every window, and says when the next place comes', () => {
    const made = picker({ a: { rateLimit: { limit: 2, perMs: 1000 } } });
    for (let id = 1; id <= 5; id++) made.add(queuedRun(id, { job: 'a' }));
    const last = queuedRun(5, { job: 'a' });
    expect(startAll(made, NOW)).toEqual([1, 2]);
    expect([made.nextPlaceAt(NOW), made.why(last, NOW + 400)]).toEqual([
      NOW + 1000,
      'rate 2 per 1s, next place in 0.6s',
    ]);
    expect([startAll(made, NOW + 999), startAll(made, NOW + 1000)]).toEqual([[], [3, 4]]);
    expect(startAll(made, NOW + 1999)).toEqual([]);
  });

  it('a run that is to be the only one tells when its job has a place again', () => {
    const made = picker({ a: { rateLimit: { limit: 1, perMs: 1000 } } });
    made.add(queuedRun(1, { job: 'a' }));
    made.counted('a', NOW);
    expect(made.nextOnly(1, 'dedicated', NOW + 10)).toBe(null);
    expect(made.nextPlaceAt(NOW + 10)).toBe(NOW + 1000);
    expect(made.nextOnly(1, 'dedicated', NOW + 1000)?.id).toBe(1);
  });

  it('asking why does not use up the place that has come', () => {
    const made = picker({ a: { rateLimit: { limit: 1, perMs: 1000 } } });
    const second = queuedRun(2, { job: 'a' });
    made.add(queuedRun(1, { job: 'a' }));
    made.add(second);
    expect(startAll(made, NOW)).toEqual([1]);
    expect(made.why(second, NOW + 1000)).toBe(null);
    expect(startAll(made, NOW + 1000)).toEqual([2]);
  });

  it('a start that came to nothing gives its place in the rate back', () => {
    const made = picker({ a: { rateLimit: { limit: 1, perMs: 1000 } } });
    made.add(queuedRun(1, { job: 'a' }));
    made.add(queuedRun(2, { job: 'a' }));
    made.counted('a', NOW);
    made.uncounted('a', NOW);
    expect(startAll(made)).toEqual([1]);
  });

  it('a throttled job does not hold up another', () => {
    const made = picker({ a: { rateLimit: { limit: 1, perMs: 1000 } } });
    for (const id of [1, 2]) made.add(queuedRun(id, { job: 'a', priority: 9 }));
    made.add(queuedRun(3, { job: 'b' }));
    expect(startAll(made)).toEqual([1, 3]);
  });
});

describe('locks', () => {
  const locked = (id: number, job: string, priority = 1): Run =>
    queuedRun(id, { job, priority, origin: { lock: 'L' } });

  it('one run at a time per text, across jobs; the rest of the line goes on', () => {
    const made = picker();
    const [a, b] = [locked(1, 'a'), locked(2, 'b')];
    for (const run of [a, b, queuedRun(3, { job: 'b' })]) made.add(run);
    expect(startAll(made)).toEqual([1, 3]);
    expect(made.why(b, NOW)).toBe('lock "L" is held by 1');
    made.ended(a);
    expect(startAll(made)).toEqual([2]);
  });

  it('the best of those that waited is next, also where a worse one came later', () => {
    const made = picker();
    const first = locked(1, 'a');
    made.add(first);
    expect(startAll(made)).toEqual([1]);
    for (const run of [locked(2, 'a'), locked(3, 'b', 5)]) made.add(run);
    expect(startAll(made)).toEqual([]);
    made.add(locked(4, 'b', 9));
    made.ended(first);
    expect(startAll(made)).toEqual([4]);
  });

  it('a paused job that is first for a lock does not keep out another job', () => {
    const limits: Record<string, Partial<JobLimits>> = {};
    const made = picker(limits);
    const first = locked(1, 'a');
    made.add(first);
    startAll(made);
    for (const run of [locked(2, 'a', 9), locked(3, 'b')]) made.add(run);
    startAll(made);
    made.configure((job) => ({ ...FREE, blocked: job === 'a' ? 'paused' : null }));
    made.ended(first);
    expect(startAll(made)).toEqual([3]);
  });

  it('the next of them comes up when the one in front is removed', () => {
    const made = picker();
    const first = locked(1, 'a');
    for (const run of [first, locked(2, 'a'), locked(3, 'a')]) made.add(run);
    startAll(made);
    made.ended(first);
    made.removeId(2);
    expect(startAll(made)).toEqual([3]);
  });
});

describe('against a model that sorts everything each time', () => {
  const rounds = process.env.JOBRUN_LONG ? 3000 : 300;

  it(`${rounds} random histories agree, and in the end everything has run`, () => {
    for (let seed = 1; seed <= rounds; seed++) history(randomFrom(seed), seed);
  });
});

/** All that is known, in plain lists; the answer is found by looking at all of it. */
class Model {
  queued: Run[] = [];
  running: Run[] = [];
  starts: { job: string; at: number }[] = [];
  limits: Record<string, JobLimits> = {};

  next(workerKind: WorkerKind, now: number): number | null {
    const may = this.queued.filter(
      (run) =>
        (run.life ? 'dedicated' : this.limits[run.job]?.workerKind) === workerKind &&
        this.may(run, now),
    );
    may.sort((a, b) => b.priority - a.priority || a.state.dueAt - b.state.dueAt || a.id - b.id);
    return may[0]?.id ?? null;
  }

  may(run: Run, now: number): boolean {
    const { blocked, concurrency, rateLimit } = this.limits[run.job] ?? FREE;
    if (blocked !== null) return false;
    const same = this.running.filter((other) => other.job === run.job).length;
    if (concurrency !== null && same >= concurrency) return false;
    const lock = run.origin?.lock;
    if (lock !== undefined && this.running.some((other) => other.origin?.lock === lock))
      return false;
    if (rateLimit === null) return true;
    const recent = this.starts.filter(
      (start) => start.job === run.job && start.at > now - rateLimit.perMs,
    );
    return recent.length < rateLimit.limit;
  }
}

const JOBS = ['a', 'b', 'c', 'd'];

function randomLimits(random: Random): Record<string, JobLimits> {
  const one = (job: string): JobLimits => ({
    workerKind: job === 'd' ? 'shared' : 'dedicated',
    concurrency: random.chance(0.4) ? random.whole(1, 3) : null,
    // The rate of a job is fixed for a history: starts before a rate was set are not counted by either.
    rateLimit: job === 'b' ? { limit: 2, perMs: 100 } : null,
    blocked: random.chance(0.2) ? 'paused' : null,
  });
  return Object.fromEntries(JOBS.map((job) => [job, one(job)]));
}

function history(random: Random, seed: number): void {
  const model = new Model();
  const made = new Kept();
  const configure = (limits: Record<string, JobLimits>): void => {
    model.limits = limits;
    made.configure((job) => model.limits[job] ?? FREE);
  };
  configure(randomLimits(random));
  let now = NOW;
  for (let id = 1; id <= 80; id++) {
    now += random.whole(0, 30);
    const what = random.next();
    if (what < 0.45) add(model, made, random, id);
    else if (what < 0.6) end(model, made, random);
    else if (what < 0.7) change(model, made, random);
    else if (what < 0.75) configure(randomLimits(random));
    else
      start(
        model,
        made,
        random.chance(0.8) ? 'dedicated' : 'shared',
        now,
        `seed ${seed}, step ${id}`,
      );
    const asked = model.queued[0];
    if (asked) made.why(asked, now);
  }
  configure(
    Object.fromEntries(JOBS.map((job) => [job, { ...FREE, ...model.limits[job], blocked: null }])),
  );
  for (let i = 0; i < 500 && model.queued.length > 0; i++) {
    now += 60;
    start(model, made, 'dedicated', now, `seed ${seed}, at the end`);
    start(model, made, 'shared', now, `seed ${seed}, at the end`);
    end(model, made, random);
  }
  expect(model.queued, `seed ${seed}: runs that never started`).toEqual([]);
}

function add(model: Model, made: Kept, random: Random, id: number): void {
  const fresh = queuedRun(id, {
    job: random.of(JOBS),
    priority: random.whole(0, 2),
    dueAt: NOW - random.whole(0, 3),
    origin: random.chance(0.4) ? { lock: random.of(['x', 'y']) } : null,
  });
  const run = random.chance(0.2) ? died(fresh) : fresh;
  model.queued.push(run);
  made.add(run);
}

function end(model: Model, made: Kept, random: Random): void {
  if (model.running.length === 0) return;
  const run = random.of(model.running);
  model.running = model.running.filter((other) => other !== run);
  made.ended(run);
}

function change(model: Model, made: Kept, random: Random): void {
  if (model.queued.length === 0) return;
  const run = random.of(model.queued);
  model.queued = model.queued.filter((other) => other !== run);
  if (random.chance(0.4)) {
    made.removeId(run.id);
    return;
  }
  const changed = {
    ...run,
    priority: random.whole(0, 2),
    origin: random.chance(0.5) ? run.origin : null,
  };
  model.queued.push(changed);
  made.add(changed);
}

function start(model: Model, made: Kept, workerKind: WorkerKind, now: number, told: string): void {
  const run = made.next(workerKind, now);
  expect(run?.id ?? null, told).toBe(model.next(workerKind, now));
  if (!run) return;
  begin(made, run, now);
  model.queued = model.queued.filter((other) => other.id !== run.id);
  model.running.push(run);
  model.starts.push({ job: run.job, at: now });
}
