// The only member on files. The holder of a lease is in its token, so nothing else is kept of it.
import { hostname } from 'node:os';
import type { Transaction } from '../../store/table.ts';
import {
  type Lease,
  type ListedMember,
  type Member,
  type Members,
  OUTSIDE,
  type Progressed,
  type Worker,
} from '../members.ts';
import type { RunStore } from './tables.ts';

export class FileMembers implements Members {
  readonly self: Member;
  readonly #store: RunStore;
  readonly #apply: (build: (tx: Transaction) => void) => Promise<void>;
  /** Workers as they were handed in, whatever became of their records. */
  readonly #workers = new Map<string, Worker>();

  constructor(store: RunStore, apply: (build: (tx: Transaction) => void) => Promise<void>) {
    this.#store = store;
    this.#apply = apply;
    this.self = { id: store.opened.epoch, host: hostname() };
  }

  putWorker({ mark, pid, startTime, boot }: Worker): void {
    const known = { mark, pid, startTime, boot };
    this.#workers.set(mark, known);
    // Nothing waits for it: the claim that needs it stands in the same line or a later one.
    const { tables, onError } = this.#store.opened;
    this.#apply((tx) => tx.put(tables.workers, known)).catch(onError);
  }

  removeWorker(mark: string): void {
    this.#workers.delete(mark);
    const { tables, onError } = this.#store.opened;
    if (!tables.workers.get(mark)) return;
    this.#apply((tx) => tx.delete(tables.workers, mark)).catch(onError);
  }

  /** A lease needs the record of its worker, which may have been taken back with a line that could not be written. */
  ensure(tx: Transaction, mark: string): void {
    const known = this.#workers.get(mark);
    const { workers } = this.#store.opened.tables;
    if (known && !workers.get(mark)) tx.put(workers, known);
  }

  beat(now: number): void {
    this.#store.beat(now);
  }

  async leases(): Promise<readonly Lease[]> {
    const { host } = this.self;
    const { tables, lastBeat: aliveAt } = this.#store.opened;
    return tables.leases.dump().map((lease) => {
      const member = lease.token[0];
      return { ...lease, member, host, aliveAt, isForeign: false };
    });
  }

  async abandoned(): Promise<readonly Lease[]> {
    const leases = await this.leases();
    return leases.filter(({ member, mark }) => member !== this.self.id && mark !== OUTSIDE);
  }

  async lastBeat(): Promise<number | null> {
    return this.#store.opened.lastBeat;
  }

  async leaseOf(run: number): Promise<Lease | null> {
    return (await this.leases()).find((lease) => lease.run === run) ?? null;
  }

  async giveUp(): Promise<boolean> {
    return false;
  }

  async progressed(): Promise<readonly Progressed[]> {
    return [];
  }

  async list(): Promise<readonly ListedMember[]> {
    return [];
  }
}
