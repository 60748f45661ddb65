// Who works on a store, and what is leased out to whom. Each opening is a member of its own. On files there is one at a
// time, the holder of the lock: whatever it finds leased to another one, that one is gone for certain.
export interface Members {
  readonly self: Member;
  /** Registers a worker process before its first claim, and forgets it once it is known to be gone. */
  putWorker(worker: Worker): void;
  removeWorker(mark: string): void;
  /** This member is alive, and runs are under way. */
  renew(now: number): void;
  leases(): Promise<readonly Lease[]>;
  /** Those of members that are gone. */
  abandoned(): Promise<readonly Lease[]>;
  /** When the member before this one was last known to be alive; null where nobody knows. */
  lastBeat(): Promise<number | null>;
}

export interface Member {
  /** Given at each opening, never again: the epoch of its tokens. */
  readonly id: number;
  readonly host: string;
}

/** (epoch, n): the epoch grows at each opening of the state, n with each lease. Never given twice. */
export type Token = readonly [epoch: number, n: number];

/** A process that may hold leases, described so that it can be told from a later one with the same pid. */
export interface Worker {
  readonly mark: string;
  readonly pid: number;
  /** When the process began, in the kernel's own ticks; empty where the system does not tell. */
  readonly startTime: string;
  readonly boot: string;
}

export type WorkerRef = Pick<Worker, 'mark' | 'pid'>;

export interface Lease extends Worker {
  readonly run: number;
  readonly token: Token;
  readonly member: number;
  readonly host: string;
  /** When it ends unless it is renewed; null where it lasts for as long as its member does. */
  readonly expiresAt: number | null;
}
