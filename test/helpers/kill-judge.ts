// After the kills: compares what clients were told, and what the jobs wrote into their ledger, with what the last
// daemon says.
import type { KillLoad } from './kill-load.ts';
import type { Doc } from './rig.ts';

/** What clients know. */
export type ClientHistory = Pick<KillLoad, 'accepted' | 'settled' | 'aborted' | 'updated'>;

export interface Findings {
  readonly lost: string[];
  readonly again: string[];
  readonly double: string[];
  readonly aborts: string[];
  readonly updates: string[];
  readonly repeated: string[];
  readonly slots: string[];
}

export function judgeRuns(
  runs: readonly Doc[],
  ledger: readonly Doc[],
  history: ClientHistory,
  lines: readonly string[],
): Findings {
  const byId = new Map<string, Doc>(runs.map((run) => [run.id, run]));
  const stateOf = (id: string): string => byId.get(id)?.state ?? 'gone';
  const begun = new Set(ledger.filter(({ kind }) => kind === 'begin').map(({ run }) => run));
  const waits = (id: string): boolean => stateOf(id) === 'scheduled';
  const isFine = (id: string): boolean =>
    stateOf(id) === 'aborted' || waits(id) || (stateOf(id) === 'done' && begun.has(id));
  return {
    lost: [...history.accepted]
      .filter((id) => !isFine(id))
      .map((id) => `run ${id} was accepted and is ${stateOf(id)}`),
    again: begunAgain(lines, history.settled),
    double: ledger
      .filter(({ kind }) => kind === 'double')
      .map(({ run, attempt }) => `two processes on run ${run}, attempt ${attempt}`),
    aborts: [...history.aborted]
      .filter((id) => stateOf(id) !== 'aborted')
      .map((id) => `the abort of run ${id} was acknowledged, and it is ${stateOf(id)}`),
    updates: [...history.updated]
      .filter(([id, n]) => byId.get(id)?.params.v !== n || byId.get(id)?.state !== 'done')
      .map(([id]) => `the update of run ${id} was acknowledged, and it is ${stateOf(id)}`),
    repeated: twice(runs.flatMap(({ params }) => params?.n ?? [])).map((n) => `two runs of ${n}`),
    slots: twice(runs.filter(({ job }) => job === 'beat').map(({ dueAt }) => dueAt)).map(
      (dueAt) => `two runs for ${dueAt}`,
    ),
  };
}

/** What several clients know together. */
export const historyOf = (all: readonly ClientHistory[]): ClientHistory => ({
  accepted: new Set(all.flatMap(({ accepted }) => [...accepted])),
  aborted: new Set(all.flatMap(({ aborted }) => [...aborted])),
  updated: new Map(all.flatMap(({ updated }) => [...updated])),
  // The first to be told stands last, and counts.
  settled: new Map(all.flatMap(({ settled }) => [...settled]).sort(([, a], [, b]) => b - a)),
});

function begunAgain(lines: readonly string[], settled: ReadonlyMap<string, number>): string[] {
  const wrong: string[] = [];
  let at = 0;
  for (const line of lines) {
    const { kind, run } = JSON.parse(line);
    const since = settled.get(run);
    if (kind === 'begin' && since !== undefined && at >= since)
      wrong.push(`run ${run} was settled and began again`);
    at += Buffer.byteLength(line) + 1;
  }
  return wrong;
}

export function twice<T>(all: readonly T[]): T[] {
  const seen = new Set<T>();
  return all.filter((one) => seen.size === seen.add(one).size);
}
