// What the daemons of a simulated cluster have in common: the clock, chance, the processes of jobs, the store, and what
// was promised to anyone, which is compared with what the store has.
import { createHash } from 'node:crypto';
import type { Run } from '../../../src/run/run.ts';
import type { Assignment } from '../../../src/workers/messages.ts';
import { FakeClock } from '../../helpers/fake-clock.ts';
import { type Random, randomFrom } from '../../helpers/random.ts';
import { faultsOf } from '../../helpers/store-check.ts';
import { Cast } from '../cast.ts';
import type { FakeWorker, Surroundings } from '../fake-worker.ts';
import { SimulatedStore } from './store-line.ts';

const QUIET_TURNS = 6;
const MOST_TURNS = 400_000;
const START = Date.UTC(2026, 10, 22, 12);

interface Row {
  readonly id: number;
  readonly job: string;
  readonly state: string;
  readonly member: number | null;
}

export class ClusterMachine implements Surroundings {
  readonly clock = new FakeClock(START);
  readonly chance: Random;
  readonly cast: Cast;
  readonly store: SimulatedStore;
  readonly workers = new Map<number, FakeWorker>();
  readonly weakening: { readonly name: string } | null;
  readonly boots = 1;
  readonly broken: string[] = [];
  readonly lines: string[] = [];
  readonly #trace = createHash('sha1');
  readonly #saved = new Map<number, number>();
  readonly #accepted = new Set<number>();
  readonly #requests = new Map<string, string>();
  readonly #told = new Map<number, string>();
  #pulse = 0;
  #pids = 10_000_000;
  #pending = 0;

  constructor(seed: number, url: string, weakening: string | null) {
    this.weakening = weakening === null ? null : { name: weakening };
    this.chance = randomFrom(seed);
    this.cast = new Cast(this.chance);
    this.store = new SimulatedStore(url, this.clock);
  }

  note(text: string): void {
    this.#pulse++;
    const line = `${this.clock.monotonic()} ${text}`;
    this.#trace.update(`${line}\n`);
    this.lines.push(line);
  }

  break(text: string): void {
    this.note(`BROKEN ${text}`);
    this.broken.push(text);
  }

  get hash(): string {
    return this.#trace.copy().digest('hex');
  }

  newPid(): number {
    return ++this.#pids;
  }

  /** Not quiet before it is over. */
  during(act: Promise<unknown>): void {
    this.#pending++;
    act.catch((error) => this.break(String(error))).finally(() => this.#pending--);
  }

  /** Lets all that was begun come to its end, as far as no time has to pass for it. */
  quiet = async (): Promise<void> => {
    let idle = 0;
    for (let turns = 0; idle < QUIET_TURNS; turns++) {
      if (turns > MOST_TURNS) throw new Error('it never comes to rest');
      const before = this.#pulse;
      await new Promise(setImmediate);
      const rests = before === this.#pulse && this.store.busy === 0 && this.#pending === 0;
      idle = rests ? idle + 1 : 0;
    }
  };

  async pass(ms: number): Promise<void> {
    await this.clock.advance(ms, this.quiet);
  }

  // ---------------------------------------------------------------------------------------------- what was promised

  /** As the workers tell it. */
  readonly promises = {
    begins: (assignment: Assignment, worker: FakeWorker): void => this.#begins(assignment, worker),
    saved: (run: number, n: number): void => {
      this.#saved.set(run, Math.max(n, this.#saved.get(run) ?? 0));
    },
    accepted: (id: number): void => void this.#accepted.add(id),
  };

  /** A request got its answer: the same one whenever it is asked. */
  answered(request: string, ids: readonly number[]): void {
    const text = ids.join();
    const before = this.#requests.get(request);
    if (before !== undefined && before !== text)
      this.break(`request ${request} was answered with ${before}, then with ${text}`);
    this.#requests.set(request, text);
    for (const id of ids) this.#accepted.add(id);
  }

  /** All hosts hear the same under one number. */
  told(n: number, run: Run): void {
    const text = `${run.id} ${run.state.name} ${run.life?.attempt ?? 0}`;
    const before = this.#told.get(n);
    if (before !== undefined && before !== text) this.break(`event ${n} is ${before} and ${text}`);
    this.#told.set(n, text);
  }

  #begins({ run, checkpoint }: Assignment, worker: FakeWorker): void {
    for (const other of this.workers.values())
      for (const held of other.holds)
        if (held.run === run)
          this.break(`run ${run} begins in ${worker.mark}, ${other.mark} has it`);
    const n = Number((checkpoint as { n?: number } | undefined)?.n ?? 0);
    const saved = this.#saved.get(run) ?? 0;
    if (n < saved) this.break(`run ${run} begins from checkpoint ${n}, saved was ${saved}`);
  }

  /**
   * Nothing is on its way: the store is whole, and has all that anybody was told of. `late` are members that are gone
   * for too long.
   */
  async check(late: ReadonlySet<number>): Promise<void> {
    const { store } = this;
    for (const [what, rows] of Object.entries(await faultsOf('', (text) => store.ask(text))))
      this.break(`${what}: ${JSON.stringify(rows)}`);
    const rows = await store.ask<Row>(
      'select id::int, job, state, member::int from run order by id',
    );
    const ids = new Set(rows.map(({ id }) => id));
    for (const id of this.#accepted)
      if (!ids.has(id)) this.break(`run ${id} was accepted and is lost`);
    rows.forEach(({ id }, i) => {
      if (id !== i + 1) this.break(`the id ${i + 1} is missing`);
    });
    const running = new Map<string, number>();
    for (const { id, job, state, member } of rows) {
      if (state !== 'running') continue;
      running.set(job, (running.get(job) ?? 0) + 1);
      if (member !== null && late.has(member))
        this.break(`run ${id} is not taken over from ${member}`);
    }
    for (const [job, n] of running)
      if (n > (this.cast.policy(job).concurrency ?? n)) this.break(`${n} runs of ${job} at once`);
  }

  async unsettled(): Promise<readonly number[]> {
    const text = `select id::int from run where state not in ('done', 'failed', 'aborted') order by id`;
    return (await this.store.ask<Row>(text)).map(({ id }) => id);
  }
}
