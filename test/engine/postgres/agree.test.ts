// The same random history through the engine on files and the one on PostgreSQL, and through two on PostgreSQL that
// take turns in one store: every answer must be the same. `JOBRUN_AGREE` is how many seeds and steps: `20x2000`.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { beforeAll, expect, onTestFinished, test } from 'vitest';
import type { Accepted, Claimed, Engine } from '../../../src/engine/engine.ts';
import { openFileEngine } from '../../../src/engine/files/file-engine.ts';
import type { Token } from '../../../src/engine/members.ts';
import type { Outcome } from '../../../src/run/outcome.ts';
import type { JobLimits } from '../../../src/run/pick.ts';
import { DEFAULT_POLICY, type Policy } from '../../../src/run/policy.ts';
import type { Draft, Origin, Run } from '../../../src/run/run.ts';
import {
  abortIdle,
  requestAbort,
  retry,
  save,
  settle,
  update,
} from '../../../src/run/transitions.ts';
import { systemClock } from '../../../src/support/clock.ts';
import type { JobrunError } from '../../../src/support/errors.ts';
import { realDisk } from '../../../src/support/files.ts';
import { schedule, T0 } from '../../helpers/engine-values.ts';
import { freshStore } from '../../helpers/postgres.ts';
import { openStore } from '../../helpers/postgres-engine.ts';
import { type Random, randomFrom } from '../../helpers/random.ts';
import { faultsOf } from '../../helpers/store-check.ts';

const [SEEDS = 2, STEPS = 300] = (process.env.JOBRUN_AGREE ?? '')
  .split('x')
  .filter(Boolean)
  .map(Number);

const JOBS = ['a', 'b', 'c', 'd', 'e', 'f'];
const limitsOf = (job: string): JobLimits => ({
  workerKind: job === 'd' ? 'shared' : 'dedicated',
  concurrency: job === 'b' || job === 'f' ? 2 : null,
  rateLimit: job === 'c' || job === 'f' ? { limit: 3, perMs: 60 } : null,
  blocked: job === 'e' ? 'no job named e' : null,
});
const POLICY: Policy = {
  ...DEFAULT_POLICY,
  retries: { limit: 2, delayMs: 10, backoff: 'fixed', factor: 1, maxDelayMs: 10, jitter: 0 },
};
const ERROR = { name: 'Error', message: 'no', stack: '' };

// The first who asks starts the server.
beforeAll(async () => void (await freshStore()), 120_000);

/** What a step asks an engine; `give` is what of its answer all must have in common. */
interface Step<T> {
  readonly what: string;
  readonly ask: (engine: Engine, which: number) => Promise<T>;
  readonly give?: (answer: T) => unknown;
}

type Answers = (step: Step<unknown>, n: number) => Promise<readonly unknown[]>;

/** Runs a history through engines of which all, or one in turn, are asked at each step. */
class History {
  readonly #chance: Random;
  readonly #answers: Answers;
  readonly #held = new Map<number, readonly Token[]>();
  readonly seen: Record<string, number> = {};
  #now = T0;
  #last = 0;
  #n = 0;

  constructor(chance: Random, answers: Answers) {
    this.#chance = chance;
    this.#answers = answers;
  }

  async #do<T>(step: Step<T>): Promise<readonly T[]> {
    const answers = await this.#answers(step as Step<unknown>, this.#n);
    this.seen[step.what] = (this.seen[step.what] ?? 0) + 1;
    return answers as readonly T[];
  }

  async step(): Promise<void> {
    this.#n++;
    this.#now += this.#chance.whole(0, 8);
    const pick = this.#chance.whole(0, 99);
    if (pick < 26) await this.#accept();
    else if (pick < 50) await this.#claim();
    else if (pick < 74) await this.#end();
    else if (pick < 95) await this.#decide();
    else await this.#look();
  }

  async #accept(): Promise<void> {
    const chance = this.#chance;
    const drafts = Array.from({ length: chance.whole(1, 4) }, (_, i) => this.#draft(i));
    const request = chance.chance(0.2) ? `request ${chance.whole(0, 8)}` : undefined;
    const once = chance.chance(0.05);
    const accepted = await this.#do<Accepted[]>({
      what: 'accept',
      ask: (engine) => engine.accept(drafts, this.#now, { request, once }),
    });
    for (const { run } of accepted[0] ?? []) this.#last = Math.max(this.#last, run.id);
  }

  #draft(i: number): Draft {
    const chance = this.#chance;
    const origin: Origin = {
      ...(chance.chance(0.2) && { key: `k${chance.whole(0, 5)}` }),
      ...(chance.chance(0.25) && { lock: `l${chance.whole(0, 3)}` }),
      ...(chance.chance(0.05) && { schedule: 's' }),
      ...(this.#last > 3 && chance.chance(0.25) && { after: [this.#any(), this.#any()] }),
    };
    return {
      job: chance.of(JOBS),
      params: { n: this.#n, i },
      priority: chance.whole(0, 3),
      dueAt: chance.chance(0.3) ? this.#now + chance.whole(-20, 60) : null,
      origin: Object.keys(origin).length > 0 ? origin : null,
    };
  }

  #any(): number {
    // The later ones more often: they are not over.
    return Math.max(1, this.#last - Math.floor(this.#chance.next() ** 3 * this.#last));
  }

  async #claim(): Promise<void> {
    const chance = this.#chance;
    await this.#do({
      what: 'advance',
      ask: (engine) => engine.advance(this.#now),
      give: () => null,
    });
    const only = chance.chance(0.1) ? this.#any() : undefined;
    const want = {
      workerKind: chance.chance(0.8) ? 'dedicated' : 'shared',
      most: chance.whole(1, 4),
      only,
    } as const;
    const workerFor = (run: Run) => ({ mark: `w${run.id % 3}`, pid: 7 });
    const claimed = await this.#do<Claimed[]>({
      what: 'claim',
      ask: (engine) => engine.claim(want, workerFor, this.#now),
      give: (all) => all.map(({ run, worker }) => [run, worker]),
    });
    for (const [i, { run }] of (claimed[0] ?? []).entries())
      this.#held.set(
        run.id,
        claimed.map((all) => all[i]?.token as Token),
      );
  }

  async #end(): Promise<void> {
    const chance = this.#chance;
    const id = chance.of([...this.#held.keys(), 0]);
    const tokens = this.#held.get(id);
    if (!tokens) return;
    if (chance.chance(0.3)) {
      const saved = { checkpoint: this.#n, step: { name: `s${this.#n}`, value: this.#n } };
      await this.#asHolder('save', id, tokens, (run) => save(run, saved));
      return;
    }
    this.#held.delete(id);
    const outcome = this.#outcome(id);
    await this.#asHolder('settle', id, tokens, (run) =>
      settle(run, outcome, POLICY, this.#now, 0.5),
    );
    const never = (): Run => {
      throw new Error('asked');
    };
    if (chance.chance(0.2)) await this.#asHolder('old token', id, tokens, never);
  }

  #asHolder(what: string, id: number, tokens: readonly Token[], decide: (run: Run) => Run) {
    return this.#do({
      what,
      ask: (engine, which) => engine.changeHeld(id, tokens[which] as Token, decide),
    });
  }

  #outcome(id: number): Outcome {
    return this.#chance.of<Outcome>([
      { kind: 'returned', output: { id } },
      { kind: 'returned', output: null },
      { kind: 'threw', error: ERROR },
      { kind: 'threw', error: ERROR },
      { kind: 'threw', error: ERROR, exitCode: 1 },
      { kind: 'pending' },
      { kind: 'callback', dueAt: this.#now + 30 },
      { kind: 'lost' },
      { kind: 'stopped' },
    ]);
  }

  async #decide(): Promise<void> {
    const chance = this.#chance;
    const pick = chance.whole(0, 9);
    const id = this.#any();
    const now = this.#now;
    const change = (what: string, decide: (run: Run) => Run) =>
      this.#do({ what, ask: (engine) => engine.change(id, decide) });
    if (pick < 2)
      await change('abort', (run) =>
        run.state.name === 'running' ? requestAbort(run, 'asked') : abortIdle(run, 'asked', now),
      );
    else if (pick < 4) await change('retry', (run) => retry(run, POLICY, now, false));
    else if (pick < 6) {
      const changes = {
        priority: chance.whole(0, 3),
        ...(chance.chance(0.3) && { lock: chance.of([null, 'l0', 'l1']) }),
        ...(chance.chance(0.3) && { dueAt: now + chance.whole(-20, 60) }),
      };
      await change('update', (run) => update(run, changes, now));
    } else if (pick < 7) {
      const ids = [id, this.#any()];
      await this.#do({ what: 'remove', ask: (engine) => engine.remove(ids) });
    } else if (pick < 8) {
      const target = chance.chance(0.3) ? ({ all: true } as const) : { job: chance.of(JOBS) };
      const paused = chance.chance(0.4);
      await this.#do({ what: 'pause', ask: (engine) => engine.pause(target, paused) });
    } else await this.#schedules();
  }

  async #schedules(): Promise<void> {
    const name = this.#chance.of(['s', 't', 'u']);
    const made = this.#chance.chance(0.2) ? null : schedule(name, this.#n);
    const drafts = [{ ...this.#draft(0), origin: { schedule: name, lock: `schedule ${name}` } }];
    if (this.#chance.chance(0.4))
      await this.#do({
        what: 'schedule',
        ask: (engine) => engine.changeSchedule(name, () => made),
      });
    else {
      const fired = await this.#do({
        what: 'fire',
        ask: (engine) =>
          engine.fire(
            [name, 'none'],
            (of, unsettled) =>
              unsettled.length > 2
                ? null
                : { schedule: { ...of, skipped: of.skipped + 1 }, drafts },
            this.#now,
          ),
        // Who became a run of a schedule again stands elsewhere.
        give: (all) =>
          all.map(({ unsettled, ...rest }) => [
            rest,
            unsettled.map(({ id }) => id).sort((a, b) => a - b),
          ]),
      });
      for (const { runs } of fired[0] ?? [])
        for (const { id } of runs) this.#last = Math.max(this.#last, id);
    }
  }

  async #look(): Promise<void> {
    const id = this.#any();
    await this.#do({ what: 'find', ask: (engine) => engine.find(id) });
    await this.#do({ what: 'counts', ask: (engine) => engine.counts() });
    await this.#do({ what: 'schedules', ask: (engine) => engine.schedules() });
    await this.#do({
      what: 'why',
      ask: async (engine) => {
        const { runs } = await engine.list({ states: ['queued', 'waiting'], limit: 20 });
        return engine.why(runs, this.#now);
      },
    });
    await this.#do({
      what: 'list',
      ask: (engine) =>
        engine.list({ limit: 10, order: this.#n % 2 ? 'due' : 'settled', jobs: ['a', 'b', 'c'] }),
      give: ({ total, runs }) => [total, runs],
    });
  }

  async all(): Promise<void> {
    for (const order of ['newest', 'due', 'settled'] as const)
      await this.#do({
        what: 'all',
        ask: (engine) => engine.list({ limit: 1_000_000, order }),
        give: ({ total, runs }) => [total, runs],
      });
    await this.#do({
      what: 'jobs',
      ask: (engine) => engine.countsByJob(),
      give: (all) => [...all].sort(),
    });
  }
}

/** What an engine answered, or the code of what it refused with. */
async function answerOf<T>({ ask }: Step<T>, engine: Engine, which: number) {
  try {
    return { answer: await ask(engine, which) };
  } catch (error) {
    return { refused: (error as JobrunError).code ?? String(error) };
  }
}

const shown = (step: Step<unknown>, got: Awaited<ReturnType<typeof answerOf>>): unknown =>
  'answer' in got ? { answer: step.give ? step.give(got.answer) : got.answer } : got;

async function fileEngine(): Promise<Engine> {
  const home = mkdtempSync(join(tmpdir(), 'jobrun-agree-'));
  const { engine } = await openFileEngine({
    disk: realDisk,
    dir: join(home, 'state'),
    clock: systemClock,
  });
  onTestFinished(async () => {
    await engine.close();
    rmSync(home, { recursive: true });
  });
  return engine;
}

async function storeEngine(url: string): Promise<Engine> {
  // What is old by the clock of a store is forgotten.
  const { engine, errors, close } = await openStore(url, { ...systemClock, now: () => T0 });
  onTestFinished(async () => {
    await close();
    expect(errors).toEqual([]);
  });
  return engine;
}

const seeds = Array.from({ length: SEEDS }, (_, i) => i + 1);

test.each(seeds)(
  'files and PostgreSQL give the same answers, and two that share a store give those of one: seed %i',
  async (seed) => {
    const url = await freshStore();
    const files = await fileEngine();
    const [one, two] = [await storeEngine(url), await storeEngine(url)];
    for (const engine of [files, one, two]) engine.configure(limitsOf, () => POLICY);
    const answers = async (step: Step<unknown>, n: number): Promise<readonly unknown[]> => {
      const turn = (n + seed) % 3 === 0 ? two : one;
      const [a, b] = [await answerOf(step, files, 0), await answerOf(step, turn, 1)];
      expect(shown(step, b), `seed ${seed}, step ${n}: ${step.what}`).toEqual(shown(step, a));
      return 'answer' in a && 'answer' in b ? [a.answer, b.answer] : [];
    };
    const history = new History(randomFrom(seed), answers);
    for (let n = 0; n < STEPS; n++) await history.step();
    await history.all();
    expect(await faultsOf(url), `seed ${seed}`).toEqual({});
    expect(Object.keys(history.seen).length, 'kinds of steps').toBeGreaterThan(15);
  },
  600_000,
);
