// Runs that a repair cannot bring back as they were. A lost run is named as exactly as possible: by a number that can
// still be read in a damaged page, or that a line of the journal speaks of; the manifest tells how many more there are.
// A run that may have ended is settled as failed, and a person decides.
import type { Run } from '../../../run/run.ts';
import { pageOf } from '../../../store/pages.ts';
import type { Memory } from '../memory.ts';

export interface Lost {
  readonly ids: readonly number[];
  /** So many more of the same page, of which not even the number is known. */
  readonly more: number;
  readonly why: string;
}

export class Losses {
  readonly #ids = new Map<number, Set<number>>();
  /** How many runs of a damaged page are not proven. */
  readonly #short = new Map<number, number>();

  add(id: number): void {
    this.#ids.set(pageOf(id), this.#of(pageOf(id)).add(id));
  }

  /** A damaged page: its bytes, how many runs the manifest counts in it, and how many are proven. */
  page(page: number, bytes: Buffer | null, counted: number, proven: number): void {
    const ids = this.#of(page);
    for (const id of idsIn(bytes ?? Buffer.alloc(0))) if (pageOf(id) === page) ids.add(id);
    this.#ids.set(page, ids);
    this.#short.set(page, counted - proven);
  }

  named(isKnown: (id: number) => boolean, pathOf: (page: number) => string): readonly Lost[] {
    return [...this.#ids].flatMap(([page, named]) => {
      const ids = [...named].filter((id) => !isKnown(id)).sort((a, b) => a - b);
      const more = Math.max(0, (this.#short.get(page) ?? 0) - ids.length);
      const why = `it was in a damaged part of ${pathOf(page)} or of the journal`;
      return ids.length + more === 0 ? [] : [{ ids, more, why }];
    });
  }

  #of(page: number): Set<number> {
    return this.#ids.get(page) ?? new Set();
  }
}

const BEGIN = '{"id":';

/** Numbers that stand where a run begins; found without a text of all, which a large page is too long for. */
function* idsIn(bytes: Buffer): Generator<number> {
  for (let at = bytes.indexOf(BEGIN); at >= 0; at = bytes.indexOf(BEGIN, at + 1)) {
    const from = at + BEGIN.length;
    const id = /^(\d+),/.exec(bytes.toString('latin1', from, from + 20))?.[1];
    if (id !== undefined) yield Number(id);
  }
}

const WHY =
  'the newest state of this run was in a damaged part of the state folder: it may have ended. Look what it did, then: jobrun retry';

/** Settles the runs, and those that wait for one of them. Returns their ids. */
export function failDoubted(memory: Memory, doubted: readonly Run[], now: number): number[] {
  const ids: number[] = [];
  let next = [...new Set([...doubted, ...inVain(memory)])];
  while (next.length > 0) {
    for (const run of next) memory.put(run, failed(run, now));
    ids.push(...next.map(({ id }) => id));
    next = inVain(memory);
  }
  return ids.sort((a, b) => a - b);
}

const inVain = (memory: Memory): Run[] =>
  [...memory.live.values()].filter((run) => waitsForNone(memory, run));

/** Released runs are no longer waiting: one that waits for nobody waited for a run that is lost, or failed above. */
const waitsForNone = (memory: Memory, run: Run): boolean =>
  run.state.name === 'waiting' && run.state.for === 'runs' && memory.pendingOf(run).length === 0;

function failed(run: Run, now: number): Run {
  const error = { name: 'StateDamaged', message: WHY, stack: '' };
  const last = run.life?.attempts.at(-1);
  const open = run.state.name === 'running' && last && last.endedAt === undefined;
  const life =
    run.life && open
      ? {
          ...run.life,
          attempts: [
            ...run.life.attempts.slice(0, -1),
            { ...last, endedAt: now, outcome: 'lost' as const },
          ],
        }
      : run.life;
  const { dueAt } = run.state;
  return { ...run, life, state: { name: 'failed', dueAt, settledAt: now, error } };
}
