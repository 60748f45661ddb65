// What opening an engine gives, and what has to be said for it: the same for each engine that there is.
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

/** A store in use. What is behind it, only this folder knows. */
export interface Opened {
  readonly engine: Engine;
  readonly members: Members;
  readonly logs: Logs;
  /** Its wall time is the store's: on files the machine's own. */
  readonly clock: Clock;
  /** Of a daemon on a store: null on files, and for a command. */
  readonly cluster: Cluster | null;
  /** What is wrong with the state; then it was opened for reading only. */
  readonly damage: readonly JobrunError[];
  /** What makes no sense of the state, and was set aside or left out. */
  readonly oddities: readonly { readonly what: string }[];
  /** Whether the lock is still ours, and the moment when it is known that it is not. */
  readonly lock: HeldLock;
  /** Whether the files are still there, where nothing is written that would tell: those that are gone are written anew. */
  look(): void;
  /** Nothing more is to come for now: leaves all so that it is quickly opened. */
  tidy(): Promise<void>;
  close(): Promise<void>;
}

export interface OpenAs {
  readonly kind: 'daemon' | 'command';
  readonly readOnly?: boolean;
  /** Where pids mean the same as here; missing or empty where nobody can tell. */
  readonly pids?: string;
  readonly onError?: (error: unknown) => void;
  /** Told after each group commit how long it took. */
  readonly onCommit?: (ms: number) => void;
}
