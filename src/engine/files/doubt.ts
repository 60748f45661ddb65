// What becomes, after a repair, of runs of which the newest is not known: those that may have ended are settled as
// failed, and a person decides.
import type { Run } from '../../run/run.ts';
import type { Memory } from './memory.ts';

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
