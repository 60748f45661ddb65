// A group of changes made together: applied in memory as they are added, with what it takes to write them down, to
// take them back, and to tell of them. And the other direction: what a line of the journal does at a start.
import { applyDifference, type Difference, differenceOf } from '../../run/difference.ts';
import type { Run } from '../../run/run.ts';
import type { Schedule } from '../../run/schedule.ts';
import type { Op } from '../../store/journal.ts';
import { isInstant } from '../../support/clock.ts';
import type { PauseTarget, Worker } from '../engine.ts';
import type { Memory } from './memory.ts';
import { type Answered, type Held, packed, type Registry } from './registry.ts';
import { type Note, runOf } from './stored.ts';

export interface RunChange {
  readonly prev: Run | null;
  readonly run: Run;
}

/** What became of the lease of a run. Data, as a change of a run is: hundreds of these wait for a line to be synced. */
interface LeaseChange {
  readonly id: number;
  readonly before: Held | undefined;
  /** The run as it began with the new one; null where one ended. */
  readonly begun: Run | null;
}

export class Transaction {
  readonly ops: string[] = [];
  readonly changes: RunChange[] = [];
  /** What takes each step back; of a changed run or lease the change itself says it. */
  readonly #undos: (RunChange | LeaseChange | (() => void))[] = [];
  readonly #memory: Memory;
  readonly #registry: Registry;

  constructor(memory: Memory, registry: Registry) {
    this.#memory = memory;
    this.#registry = registry;
  }

  undo(): void {
    for (const undo of this.#undos.toReversed()) {
      if (typeof undo === 'function') undo();
      else if ('run' in undo) this.#takeBack(undo);
      else this.#giveBack(undo);
    }
  }

  onUndo(undo: () => void): void {
    this.#undos.push(undo);
  }

  add(run: Run): void {
    this.ops.push(`["run",${JSON.stringify(run)}]`);
    this.#put(null, run);
  }

  /** Replaces a run; a `lease` begins with it, and none outlives the state `running`. */
  set(prev: Run, next: Run, lease?: Held): void {
    const difference = differenceOf(prev, next);
    if (difference === null && !lease) return;
    const held = lease ? `,${JSON.stringify(lease)}` : '';
    this.ops.push(`["set",${prev.id},${JSON.stringify(difference ?? {})}${held}]`);
    if (lease) this.#begin(next, lease);
    else if (next.state.name !== 'running') this.#end(prev.id);
    this.#put(prev, next);
  }

  remove(run: Run): void {
    this.ops.push(`["remove",${run.id}]`);
    this.#memory.put(run, null);
    this.#undos.push(() => this.#memory.put(null, run));
  }

  worker(worker: Worker): void {
    this.ops.push(`["worker",${JSON.stringify(worker)}]`);
    this.#replace(this.#registry.workers, worker.mark, worker);
  }

  removeWorker(mark: string): void {
    this.ops.push(`["gone",${JSON.stringify(mark)}]`);
    this.#replace(this.#registry.workers, mark, null);
  }

  schedule(schedule: Schedule): void {
    this.ops.push(`["schedule",${JSON.stringify(schedule)}]`);
    this.#replace(this.#registry.schedules, schedule.name, schedule);
  }

  removeSchedule(name: string): void {
    this.ops.push(`["unschedule",${JSON.stringify(name)}]`);
    this.#replace(this.#registry.schedules, name, null);
  }

  pause(target: PauseTarget, paused: boolean): void {
    const before = this.#registry.isPaused(target);
    this.ops.push(`["pause",${JSON.stringify(target)},${paused}]`);
    this.#registry.setPaused(target, paused);
    this.#undos.push(() => this.#registry.setPaused(target, before));
  }

  answered(request: string, accepted: readonly { readonly run: Run }[], at: number): void {
    const answered: Answered = [request, packed(accepted.map(({ run }) => run.id)), at];
    this.ops.push(`["asked",${JSON.stringify(answered)}]`);
    this.#registry.remember(answered);
    this.#undos.push(() => this.#registry.requests.delete(request));
  }

  #put(prev: Run | null, next: Run): void {
    this.#memory.put(prev, next);
    const change = { prev, run: next };
    this.#undos.push(change);
    this.changes.push(change);
  }

  #takeBack({ prev, run }: RunChange): void {
    // Its time may have come meanwhile: that is no change of its own, and goes with this one.
    this.#memory.put(this.#memory.live.get(run.id) ?? run, prev);
  }

  #begin(run: Run, lease: Held): void {
    const { leases } = this.#registry;
    this.#undos.push({ id: run.id, before: leases.get(run.id), begun: run });
    leases.set(run.id, lease);
    this.#memory.picker.counted(run.job, this.#memory.steady(beganAt(run)));
  }

  #end(id: number): void {
    const before = this.#registry.leases.get(id);
    if (!before) return;
    this.#undos.push({ id, before, begun: null });
    this.#registry.leases.delete(id);
  }

  #giveBack({ id, before, begun }: LeaseChange): void {
    // It was told to no process: the job may start as often as before.
    if (begun) this.#memory.picker.uncounted(begun.job, this.#memory.steady(beganAt(begun)));
    if (before) this.#registry.leases.set(id, before);
    else this.#registry.leases.delete(id);
  }

  #replace<K, V>(map: Map<K, V>, key: K, value: V | null): void {
    const before = map.get(key);
    const put = (what: V | null | undefined): void => {
      if (what === null || what === undefined) map.delete(key);
      else map.set(key, what);
    };
    put(value);
    this.#undos.push(() => put(before));
  }
}

const beganAt = (run: Run): number => run.life?.startedAt ?? run.state.dueAt;

/** What a start tells a replayed line: which parts of the state already include it. */
export interface Replay {
  readonly memory: Memory;
  readonly registry: Registry;
  /** Whether the page of this run was written before this line. */
  readonly isNewFor: (run: number) => boolean;
  readonly schedulesAreOlder: boolean;
  readonly locksAreOlder: boolean;
  readonly startsAreOlder: boolean;
  readonly note: Note;
  /** The settled or unsettled run as its page or an earlier line has it. */
  readonly get: (id: number) => Run | null;
}

/** The run that an operation is about, if it is about one. */
export function idOf(op: Op): number | null {
  if (op[0] === 'run') return (op[1] as Run).id;
  return op[0] === 'set' || op[0] === 'remove' ? Number(op[1]) : null;
}

/** Does what one operation of the journal says. Throws where it cannot fit what came before it. */
export function replayOp(op: Op, to: Replay): void {
  const [kind, first, second, third] = op;
  const { memory, registry } = to;
  switch (kind) {
    case 'run':
      if (to.isNewFor((first as Run).id)) replayRun(first as Run, to);
      return;
    case 'set':
      if (to.startsAreOlder && third) replayStart(first as number, second as Difference, to);
      if (to.isNewFor(first as number)) replaySet(first as number, second as Difference, to);
      if (to.locksAreOlder)
        replayLease(first as number, second as Difference, third as Held | undefined, registry);
      return;
    case 'remove':
      if (to.isNewFor(first as number)) memory.put(known(first as number, to), null);
      return;
    case 'worker':
      if (to.locksAreOlder) registry.workers.set((first as Worker).mark, first as Worker);
      return;
    case 'gone':
      if (to.locksAreOlder) registry.workers.delete(first as string);
      return;
    case 'schedule':
      if (to.schedulesAreOlder) registry.schedules.set((first as Schedule).name, first as Schedule);
      return;
    case 'unschedule':
      if (to.schedulesAreOlder) registry.schedules.delete(first as string);
      return;
    case 'pause':
      if (to.schedulesAreOlder) registry.setPaused(first as { all: true }, second as boolean);
      return;
    case 'import':
      // The reader has taken it in, with its pages.
      return;
    case 'asked':
      registry.remember(first as Answered);
      return;
    default:
      throw new Error(`there is no operation "${kind}"`);
  }
}

function replayRun(run: Run, to: Replay): void {
  if (to.get(run.id)) to.note(`a run makes no sense: there is another run ${run.id}`);
  else to.memory.put(null, run);
}

function known(id: number, to: Replay): Run {
  const run = to.get(id);
  if (run) return run;
  throw new Error(`it changes run ${id}, which is not there`);
}

function replaySet(id: number, difference: Difference, to: Replay): void {
  const prev = known(id, to);
  // It has a number: what makes no sense is set aside under it.
  to.memory.put(prev, runOf({ ...applyDifference(prev, difference), id }, to.note) as Run);
}

function replayStart(id: number, difference: Difference, to: Replay): void {
  const job = to.get(id)?.job;
  const at = difference.life?.startedAt;
  if (job !== undefined && isInstant(at)) to.memory.picker.counted(job, at);
}

function replayLease(
  id: number,
  difference: Difference,
  lease: Held | undefined,
  registry: Registry,
): void {
  if (lease) registry.leases.set(id, lease);
  else if (difference.state && difference.state.name !== 'running') registry.leases.delete(id);
}
