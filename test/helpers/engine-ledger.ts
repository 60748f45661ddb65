// What an engine was asked and what it answered, with the moment of each, counted in operations of a simulated disk.
// From that the ledger can judge any state that is recovered later: whether it keeps the promises of the state folder
// that were given by then.
//
// A run is known by the number `i` in its params. Its versions are what the engine told of it once durable, in order;
// a `maybe` is a version that was asked for and not answered, because the process died.
import type { Engine } from '../../src/engine/engine.ts';
import type { FileEngine } from '../../src/engine/files/file-engine.ts';
import { isSettled, type Run, STATE_NAMES } from '../../src/run/run.ts';
import type { Schedule } from '../../src/run/schedule.ts';

interface Version {
  /** Null: the run was removed. */
  readonly text: string | null;
  readonly at: number;
}

interface Maybe {
  readonly fits: (run: Run | null) => boolean;
  readonly from: number;
  until: number;
}

interface Known {
  readonly askedAt: number;
  id: number | null;
  readonly versions: Version[];
  readonly maybes: Maybe[];
}

export class Ledger {
  readonly #runs = new Map<number, Known>();
  readonly #schedules = new Map<string, { at: number; asked: number; kept: Schedule | null }[]>();
  readonly #requests = new Map<string, { at: number; ids: readonly number[] }>();
  /** Operations of the disk so far. */
  readonly #moment: () => number;

  constructor(moment: () => number) {
    this.#moment = moment;
  }

  get moment(): number {
    return this.#moment();
  }

  /** How many answers there were by a moment: equal states differ in what must be in them. */
  answersBy(at: number): number {
    let answers = 0;
    for (const known of this.#runs.values()) {
      for (const version of known.versions) if (version.at <= at) answers++;
    }
    return answers;
  }

  listen(engine: Engine): void {
    engine.onChange(({ run }) => this.answered(run));
  }

  asked(i: number): Maybe {
    const maybe = this.maybe(i, (run) => run === null || (run.life === null && markOf(run) === i));
    return maybe;
  }

  maybe(i: number, fits: Maybe['fits']): Maybe {
    const maybe = { fits, from: this.moment, until: Number.POSITIVE_INFINITY };
    this.#known(i).maybes.push(maybe);
    return maybe;
  }

  answered(run: Run): void {
    const known = this.#known(markOf(run));
    if (known.id !== null && known.id !== run.id) throw new Error(`run ${run.id} was ${known.id}`);
    known.id = run.id;
    known.versions.push({ text: textOf(run), at: this.moment });
  }

  removed(run: Run): void {
    this.#known(markOf(run)).versions.push({ text: null, at: this.moment });
  }

  requested(request: string, ids: readonly number[]): void {
    this.#requests.set(request, { at: this.moment, ids });
  }

  /** A schedule is on its way; call what is returned once that was answered. */
  scheduling(name: string, kept: Schedule | null): () => void {
    const entry = { asked: this.moment, at: Number.POSITIVE_INFINITY, kept };
    this.#schedules.set(name, [...(this.#schedules.get(name) ?? []), entry]);
    return () => {
      entry.at = this.moment;
    };
  }

  /** After a kill: what the next process has is what became of all that was not answered. */
  async settleDoubts(engine: Engine): Promise<void> {
    const { runs } = await engine.list({ limit: 1_000_000 });
    const byMark = new Map(runs.map((run) => [markOf(run), run]));
    for (const [i, known] of this.#runs) {
      const run = byMark.get(i);
      for (const maybe of known.maybes) maybe.until = Math.min(maybe.until, this.moment);
      if (run) this.answered(run);
      else if (known.id !== null) known.versions.push({ text: null, at: this.moment });
    }
    for (const [name, entries] of this.#schedules) {
      const now = (await engine.schedules()).find((schedule) => schedule.name === name) ?? null;
      entries.push({ asked: this.moment, at: this.moment, kept: now });
    }
  }

  /** Every promise that a state recovered from moment `at` breaks. */
  async broken(engine: FileEngine, at: number): Promise<string[]> {
    const { runs, total } = await engine.list({ limit: 1_000_000 });
    const wrong = [...(await countsWrong(engine, runs, total)), ...(await tiesWrong(engine, runs))];
    const byMark = new Map<number, Run>();
    for (const run of runs) {
      if (byMark.has(markOf(run))) wrong.push(`${nameOf(run)} is there twice`);
      byMark.set(markOf(run), run);
      const known = this.#runs.get(markOf(run));
      if (!known || known.askedAt > at) wrong.push(`${nameOf(run)} was never asked for`);
      if (known && known.id !== null && known.id !== run.id)
        wrong.push(`${nameOf(run)} has another id`);
    }
    for (const [i, known] of this.#runs) {
      const why = this.#runWrong(known, byMark.get(i) ?? null, at);
      if (why) wrong.push(`run with i=${i}: ${why}`);
    }
    return [
      ...wrong,
      ...(await this.#schedulesWrong(engine, runs, at)),
      ...(await this.#requestsWrong(engine, at)),
    ];
  }

  #runWrong(known: Known, run: Run | null, at: number): string | null {
    const text = run && textOf(run);
    const answered = known.versions.findLastIndex((version) => version.at <= at);
    const allowed = known.versions.slice(Math.max(answered, 0));
    if (answered < 0 && run === null) return null;
    if (allowed.some((version) => version.text === text)) return null;
    const maybe = known.maybes.find((m) => m.from <= at && at <= m.until && m.fits(run));
    // What was asked before the last answer cannot undo that answer.
    if (maybe && maybe.from >= (known.versions[answered]?.at ?? 0)) return null;
    if (maybe && answered < 0) return null;
    return `is ${text ?? 'missing'}, answered was ${known.versions[answered]?.text ?? 'nothing'}`;
  }

  async #schedulesWrong(engine: Engine, runs: readonly Run[], at: number): Promise<string[]> {
    const wrong: string[] = [];
    for (const [name, entries] of this.#schedules) {
      const now = (await engine.schedules()).find((schedule) => schedule.name === name) ?? null;
      const answered = entries.findLastIndex((entry) => entry.at <= at);
      const allowed = entries.slice(Math.max(answered, 0)).filter(({ asked }) => asked <= at);
      const fits = allowed.some(({ kept }) => kept?.skipped === now?.skipped);
      if (!fits && (answered >= 0 || now !== null))
        wrong.push(`schedule ${name} is ${now?.skipped}`);
      // `skipped` counts the firings of the history, each of which makes one run that is never removed.
      const made = runs.filter((run) => run.origin?.schedule === name).length;
      if (now && made !== now.skipped)
        wrong.push(`${name} fired ${now.skipped} times, made ${made}`);
    }
    return wrong;
  }

  async #requestsWrong(engine: FileEngine, at: number): Promise<string[]> {
    const wrong: string[] = [];
    for (const [request, answer] of this.#requests) {
      if (answer.at > at) continue;
      const again = (await engine.answered(request, 0)) ?? [];
      const ids = again.map(({ run }) => run.id);
      if (ids.join() !== answer.ids.join())
        wrong.push(`request ${request} gave ${answer.ids}, now ${ids}`);
    }
    return wrong;
  }

  #known(i: number): Known {
    const known = this.#runs.get(i) ?? { askedAt: this.moment, id: null, versions: [], maybes: [] };
    this.#runs.set(i, known);
    return known;
  }
}

export async function countsWrong(
  engine: Engine,
  runs: readonly Run[],
  total: number,
): Promise<string[]> {
  const wrong = total === runs.length ? [] : [`total is ${total}, there are ${runs.length}`];
  const found = new Map<string, number>();
  for (const { state } of runs) found.set(state.name, (found.get(state.name) ?? 0) + 1);
  const counts = await engine.counts();
  const byJob = [...(await engine.countsByJob()).values()];
  for (const name of STATE_NAMES) {
    const counted = found.get(name) ?? 0;
    const summed = byJob.reduce((sum, own) => sum + own[name], 0);
    if (counts[name] !== counted) {
      wrong.push(`counts say ${counts[name]} ${name}, there are ${counted}`);
    }
    if (summed !== counted) wrong.push(`counts by job say ${summed} ${name}, there are ${counted}`);
  }
  return wrong;
}

/** Leases belong to running runs and to known workers; who waits for runs waits for one that is not settled. */
async function tiesWrong(engine: FileEngine, runs: readonly Run[]): Promise<string[]> {
  const wrong: string[] = [];
  const byId = new Map(runs.map((run) => [run.id, run]));
  const leases = new Map((await engine.members.leases()).map((lease) => [lease.run, lease]));
  for (const run of runs) {
    const lease = leases.get(run.id);
    if ((run.state.name === 'running') !== (lease !== undefined)) {
      wrong.push(`${nameOf(run)} is ${run.state.name} ${lease ? 'with' : 'without'} a lease`);
    }
    if (lease && lease.pid === 0) wrong.push(`the lease of ${nameOf(run)} names no process`);
    if (run.state.name !== 'waiting' || run.state.for !== 'runs') continue;
    const others = (run.origin?.after ?? []).map((id) => byId.get(id));
    if (others.every((other) => !other || isSettled(other)))
      wrong.push(`${nameOf(run)} waits for nothing`);
  }
  for (const id of leases.keys())
    if (!byId.has(id)) wrong.push(`a lease of ${id}, which is not there`);
  return wrong;
}

export const markOf = (run: Run): number => (run.params as { i: number }).i;
const nameOf = (run: Run): string => `run ${run.id} (i=${markOf(run)})`;

/** Whether a due time has come is decided by the clock, again after each start. */
export const textOf = (run: Run): string =>
  JSON.stringify({
    ...run,
    id: 0,
    state: run.state.name === 'queued' ? { ...run.state, name: 'scheduled' } : run.state,
  });
