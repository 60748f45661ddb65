// The one member that there is on files. Who holds a lease is in its token, so nothing else is kept of it.
import { hostname } from 'node:os';
import type { Heartbeat } from '../../store/notes.ts';
import type { Transaction } from '../../store/table.ts';
import type { Lease, Member, Members, Worker } from '../members.ts';
import type { Tables } from './tables.ts';

export interface FileMembersParts {
  readonly epoch: number;
  readonly tables: Tables;
  readonly heartbeat: Heartbeat;
  readonly lastBeat: number | null;
  readonly apply: (build: (tx: Transaction) => void) => Promise<void>;
  readonly onError: (error: unknown) => void;
}

export class FileMembers implements Members {
  readonly self: Member;
  readonly #p: FileMembersParts;
  /** Workers as they were handed in, whatever became of their records. */
  readonly #workers = new Map<string, Worker>();

  constructor(parts: FileMembersParts) {
    this.#p = parts;
    this.self = { id: parts.epoch, host: hostname() };
  }

  putWorker({ mark, pid, startTime, boot }: Worker): void {
    const known = { mark, pid, startTime, boot };
    this.#workers.set(mark, known);
    // Nobody waits for it: the claim that needs it stands in the same line or a later one.
    this.#p.apply((tx) => tx.put(this.#p.tables.workers, known)).catch(this.#p.onError);
  }

  removeWorker(mark: string): void {
    this.#workers.delete(mark);
    const { workers } = this.#p.tables;
    if (!workers.get(mark)) return;
    this.#p.apply((tx) => tx.delete(workers, mark)).catch(this.#p.onError);
  }

  /** A lease needs the record of its worker, which may have been taken back with a line that could not be written. */
  ensure(tx: Transaction, mark: string): void {
    const known = this.#workers.get(mark);
    const { workers } = this.#p.tables;
    if (known && !workers.get(mark)) tx.put(workers, known);
  }

  renew(now: number): void {
    this.#p.heartbeat.beat(now);
  }

  async leases(): Promise<readonly Lease[]> {
    const { host } = this.self;
    const leases = this.#p.tables.leases.dump();
    return leases.map((lease) => ({ ...lease, member: lease.token[0], host, expiresAt: null }));
  }

  async abandoned(): Promise<readonly Lease[]> {
    return (await this.leases()).filter(({ member }) => member !== this.self.id);
  }

  async lastBeat(): Promise<number | null> {
    return this.#p.lastBeat;
  }
}
