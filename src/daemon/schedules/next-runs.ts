// Jobs that say themselves when they run next. Their `nextRun` is asked in a worker when the last run is over, one
// question at a time for each schedule, and no sooner than a second after that run. So a function that always names the
// past makes one run a second, not a thousand. A function that fails is asked again, less and less often. Null is kept
// with the schedule: it is not asked again, not by a later daemon either, before its file has changed.
import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { type Catalog, type FileEntry, isBuiltIn, type JobEntry } from '../../catalog/catalog.ts';
import type { Engine } from '../../engine/engine.ts';
import { awaitsAnswer, decided } from '../../run/firing.ts';
import type { Run } from '../../run/run.ts';
import { type Schedule, type Trouble, withTrouble } from '../../run/schedule.ts';
import { viewOf } from '../../run/view.ts';
import type { Clock } from '../../support/clock.ts';
import { toJobrunError } from '../../support/errors.ts';
import { HOUR, MIN_EVERY_MS, MINUTE } from '../../support/limits.ts';
import { firstOf, plainLine } from '../../support/text.ts';
import type { JobCaller } from '../../workers/caller.ts';

export interface NextRunParts {
  readonly engine: Engine;
  readonly catalog: Catalog;
  /** Asks a job's `nextRun`, in a worker. */
  readonly caller: Pick<JobCaller, 'next'>;
  readonly clock: Clock;
  readonly wake: () => void;
  readonly onError: (job: string, error: unknown) => void;
}

export class NextRuns {
  readonly #p: NextRunParts;
  readonly #asking = new Set<string>();
  /** Looked at while they were asked: what was found then may not have been known to who asked. */
  readonly #again = new Set<string>();
  /** On the monotonic clock; those that may be asked at any time are not in here. */
  readonly #notBefore = new Map<string, number>();
  /** How often in a row, and what was known of the job then. */
  readonly #failures = new Map<string, { readonly times: number; readonly entry: JobEntry }>();

  constructor(parts: NextRunParts) {
    this.#p = parts;
  }

  get asking(): number {
    return this.#asking.size;
  }

  /** Job files have been read anew: what failed before that may not fail any more. */
  forgive(): void {
    for (const [name, { entry }] of this.#failures) {
      if (this.#p.catalog.find(entry.name) === entry) continue;
      this.#notBefore.delete(name);
      this.#failures.delete(name);
    }
  }

  /** Has the job asked, if only it can tell what comes next, and if it is time. */
  look(schedule: Schedule): void {
    const { catalog } = this.#p;
    const { name } = schedule;
    if (schedule.rule.kind !== 'nextRun') return;
    if (this.#asking.has(name)) {
      this.#again.add(name);
      return;
    }
    if ((this.#notBefore.get(name) ?? 0) > this.#p.clock.monotonic()) return;
    if (!awaitsAnswer(schedule, 0)) return;
    const entry = catalog.find(schedule.job);
    if (entry?.state !== 'ok' || isBuiltIn(entry) || !entry.data.has.has('nextRun')) return;
    this.#notBefore.delete(name);
    this.#asking.add(name);
    this.#ask(schedule, entry)
      .catch((error) => this.#failed(name, entry, error))
      .finally(() => {
        this.#asking.delete(name);
        const again = this.#again.delete(name) && !this.#notBefore.has(name);
        if (again) this.#notBefore.set(name, this.#p.clock.monotonic());
        this.#p.wake();
      });
  }

  /** Those whose time to be asked has come. */
  due(): readonly string[] {
    const now = this.#p.clock.monotonic();
    return [...this.#notBefore].flatMap(([name, at]) => {
      if (at > now) return [];
      this.#notBefore.delete(name);
      return [name];
    });
  }

  /** How long until the next one may be asked; null where none waits for that. */
  nextInMs(): number | null {
    if (this.#notBefore.size === 0) return null;
    return Math.max(0, Math.min(...this.#notBefore.values()) - this.#p.clock.monotonic());
  }

  async #ask(schedule: Schedule, entry: FileEntry): Promise<void> {
    const { engine, caller, clock } = this.#p;
    const { name } = schedule;
    if ((await engine.unsettledOf(name)).length > 0) return;
    const last = schedule.lastRun === null ? null : await engine.find(schedule.lastRun);
    const early = last === null ? 0 : restMs(last, clock.now());
    if (early > 0) {
      this.#notBefore.set(name, clock.monotonic() + early);
      return;
    }
    // Before the question: a file that changes meanwhile has not given this answer.
    const file = await markOf(entry.file);
    const said = await caller.next(entry.file, last && viewOf(last, null));
    this.#failures.delete(name);
    const now = clock.now();
    await this.#answered(name, (present) =>
      said === null
        ? withTrouble(present, { kind: 'stopped', file })
        : decided(present, Date.parse(said), now),
    );
  }

  async #failed(name: string, entry: JobEntry, error: unknown): Promise<void> {
    const { clock, onError } = this.#p;
    const times = (this.#failures.get(name)?.times ?? 0) + 1;
    this.#failures.set(name, { times, entry });
    this.#notBefore.set(name, clock.monotonic() + Math.min(HOUR, MINUTE * 2 ** (times - 1)));
    onError(name, error);
    const text = firstOf(plainLine(toJobrunError(error).message), 500);
    const trouble: Trouble = { kind: 'failing', text };
    await this.#answered(name, (present) =>
      same(present.trouble, trouble) ? present : withTrouble(present, trouble),
    );
  }

  /** A schedule that waits for no answer any more stays as it is. */
  async #answered(name: string, decide: (schedule: Schedule) => Schedule): Promise<void> {
    await this.#p.engine.changeSchedule(name, (present) =>
      present && awaitsAnswer(present, 0) ? decide(present) : present,
    );
  }
}

/** The rest of the second after a run. A clock that was set back in it makes it no longer. */
function restMs({ state }: Run, now: number): number {
  const rest = 'settledAt' in state ? state.settledAt + MIN_EVERY_MS - now : 0;
  return Math.min(rest, MIN_EVERY_MS);
}

const same = (a: Trouble | undefined, b: Trouble): boolean =>
  JSON.stringify(a) === JSON.stringify(b);

/** A mark of the file's content, in a few letters: another content has another mark. */
export async function markOf(file: string): Promise<string> {
  return createHash('sha256')
    .update(await readFile(file))
    .digest('hex')
    .slice(0, 16);
}
