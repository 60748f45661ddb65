// The members of a store, and their leases. Each opening is a member of its own. On files there is one at a time, the
// holder of the lock: whatever it finds leased to another one, that one is gone for certain.
export interface Members {
  readonly self: Member;
  /**
   * Registers a worker process, and forgets it once it is known to be gone. It is called before the first claim of the
   * process, and nothing waits for it. On files the record is durable with that claim at the latest. On a store it may
   * be written after the claim: a daemon that is killed in between leaves a lease with pid 0.
   */
  putWorker(worker: Worker): void;
  removeWorker(mark: string): void;
  /** This member is alive, and runs are under way. On a store its lease says so (cluster.ts). */
  beat(now: number): void;
  leases(): Promise<readonly Lease[]>;
  /** Those of members that are gone. Outside workers belong to none. */
  abandoned(): Promise<readonly Lease[]>;
  /** The instant at which the member before this one was last known to be alive; null if unknown. */
  lastBeat(): Promise<number | null>;
  /** The lease of this run; null if there is none. */
  leaseOf(run: number): Promise<Lease | null>;
  /** Gives up a member that has not renewed since it had so many beats: its runs have no holder. */
  giveUp(id: number, beats: number): Promise<boolean>;
  /** The latest progress of attempts of other members, as far as they have written it. */
  progressed(): Promise<readonly Progressed[]>;
  /** All that share the store and have not been given up. Empty on files, where a daemon speaks for itself. */
  list(): Promise<readonly ListedMember[]>;
}

export interface Member {
  /** Given at each opening, never again. */
  readonly id: number;
  readonly host: string;
}

/** The fields that a member writes with each renewal. */
export interface MemberInfo {
  readonly version: string;
  readonly workers: { readonly busy: number; readonly total: number };
  /** Those that it can run. */
  readonly jobs: readonly string[];
  /** The latest progress of its attempts: shown, never kept. */
  readonly progress: readonly Progressed[];
  /** Workers outside that it has heard of late; missing for a version before there were any. */
  readonly outside?: readonly SeenWorker[];
}

/** A program that takes runs of external jobs. */
export interface SeenWorker {
  readonly name: string;
  /** The jobs that it asks for, or whose runs it has. */
  readonly jobs: readonly string[];
  readonly seenAt: number;
  /** The runs that it has. */
  readonly running: number;
}

export type Progressed = readonly [run: number, percent: number, text: string | null];

export interface ListedMember extends Member, MemberInfo {
  readonly pid: number;
  readonly since: number;
  readonly leaseMs: number;
  /** Grows with each renewal of its lease. */
  readonly beats: number;
  /** How long ago it has renewed its lease. */
  readonly silentMs: number;
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

/** `outside` is the name of a program that is no process of ours: then the mark is `OUTSIDE`. */
export type WorkerRef = Pick<Worker, 'mark' | 'pid'> & { readonly outside?: string };

/** The mark of all workers outside. Their leases belong to no daemon, and outlive each of them (run/external.ts). */
export const OUTSIDE = 'outside';

export interface Lease extends Worker {
  readonly run: number;
  readonly token: Token;
  readonly member: number;
  readonly host: string;
  /** The instant at which its holder was last known to be alive; null if unknown. */
  readonly aliveAt: number | null;
  /** Its holder was another daemon than one of this state folder. */
  readonly isForeign: boolean;
}
