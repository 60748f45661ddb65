// The result of opening an engine, and the notes about it: the same for each engine.
import type { Clock } from '../support/clock.ts';
import type { JobrunError } from '../support/errors.ts';
import type { Cluster } from './cluster.ts';
import type { Engine } from './engine.ts';
import type { Logs } from './logs.ts';
import type { Members } from './members.ts';

/** The lock of the state folder. A command on a store has none, and is never told that it is lost. */
export interface HeldLock {
  /** Throws where it is lost: another process may hold it. */
  readonly guard: () => void;
  readonly isHeld: () => boolean;
  readonly lost: Promise<JobrunError>;
}

/** A store in use. Only this folder knows what is behind it. */
export interface Opened {
  readonly engine: Engine;
  readonly members: Members;
  readonly logs: Logs;
  /** Its wall time is the store's: on files the machine's own. */
  readonly clock: Clock;
  /** The membership of a daemon on a store: null on files, and for a command. */
  readonly cluster: Cluster | null;
  /** The damage of the state; then it was opened for reading only. */
  readonly damage: readonly JobrunError[];
  /** The records that make no sense, and were set aside or left out. */
  readonly oddities: readonly { readonly what: string }[];
  /** Checks that the lock is still ours, and tells the moment when it is not. */
  readonly lock: HeldLock;
  /** Checks that the files are still there, as nothing is written that would tell: missing ones are written anew. */
  look(): void;
  /** Nothing more is to come for now: leaves all so that it is quickly opened. */
  tidy(): Promise<void>;
  close(): Promise<void>;
}

export interface OpenAs {
  readonly kind: 'daemon' | 'command';
  readonly readOnly?: boolean;
  /** The scope in which pids mean the same as here; missing or empty if unknown. */
  readonly pids?: string;
  readonly onError?: (error: unknown) => void;
  /** Called after each group commit with the time that it took. */
  readonly onCommit?: (ms: number) => void;
}
