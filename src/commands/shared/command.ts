// A command is one file with its whole story. `options` is the table of what it takes. `ask` completes the request, in
// the process of the command line. `handle` does it, in the daemon, or on the files if none runs. `show` prints the
// reply.
import type { Feed } from '../../api/feed.ts';
import type { Catalog, JobChange } from '../../catalog/catalog.ts';
import type { Watch } from '../../catalog/watcher.ts';
import type { Change, Engine } from '../../engine/engine.ts';
import type { Logs } from '../../engine/logs.ts';
import type { Members } from '../../engine/members.ts';
import type { Progress, Run } from '../../run/run.ts';
import type { Clock } from '../../support/clock.ts';
import type { Config } from '../../support/config.ts';
import type { JobrunError } from '../../support/errors.ts';
import type { Checked, Options, ParseContext, Sent, Typed } from './options.ts';
import type { Output } from './output.ts';
import type { OutsideWorkers } from './outside.ts';

// Methods, not properties with functions: only so do commands with options of their own fit into one list.
export interface Command<T extends Options = Options, Reply = unknown, Item = unknown> {
  readonly name: string;
  /** Its help text. */
  readonly about: string;
  /** Each is what stands after `jobrun`. */
  readonly examples: readonly string[];
  readonly options: T;
  /** Adds what the table alone cannot read, and refuses what does not go together. */
  ask?(request: Sent<T>, asked: Asked<T>): Promise<Sent<T>> | Sent<T>;
  /** Does it where it was typed, with neither daemon nor state. Null: go on with `handle`. */
  local?(request: Sent<T>, asked: Asked<T>): Promise<Reply | null> | Reply | null;
  /** Cuts a request that is too much for one call; the parts are done in turn and shown in turn. */
  cut?(request: Sent<T>): readonly Sent<T>[];
  /** The jobs whose definitions it needs. */
  needsJobs?(request: Sent<T>): readonly string[];
  /** True if the process of the command is to be the daemon for this request. */
  runsLocally?(request: Sent<T>): boolean;
  handle?(request: Checked<T>, context: Context): Promise<Reply>;
  /** True if this request goes on: then `stream` gets the reply, and its items are shown in its place. */
  follows?(request: Sent<T>): boolean;
  stream?(
    request: Checked<T>,
    context: Context,
    signal: AbortSignal,
    reply: Reply,
  ): AsyncIterable<Item>;
  /** Prints the reply. Returns the exit code where it is not 0. */
  show(reply: Reply, out: Output, request: Sent<T>): Shown;
  /** The text to show while a call is not answered within a second; null: there is none. */
  waitsFor?(request: Sent<T>, call: CallOther, here: ParseContext): Promise<string | null>;
  /**
   * The request that takes a stream up again with the next daemon: after the last item that came, so long after it
   * began. Left out where the same request does.
   */
  again?(request: Sent<T>, last: Item | null, elapsedMs: number): Sent<T>;
  /** How long to wait for the next daemon, where it is not the usual. */
  patienceMs?(request: Sent<T>): number | undefined;
  showItem?(item: Item, out: Output, request: Sent<T>): Shown;
  /** The run that goes on when its follower leaves; null if there is none yet. `item` null: before the first one. */
  leaves?(request: Sent<T>, item: Item | null): string | null;
  /** True where nothing is changed: on the files alone it then touches none of them. */
  readonly reads?: boolean;
  /** True where its reply is no other where no daemon runs, or says so itself. */
  readonly withoutDaemon?: boolean;
  /** For what cannot be done on the files alone: what to do where no daemon runs. */
  readonly needsDaemon?: string;
  /** True where on a store the daemon of any host will do. */
  readonly anyDaemon?: boolean;
  /** True where it begins a project: in the folder where it was called, not in one above. */
  readonly begins?: boolean;
  /** True where doing it twice is not what was asked for: a repeated request gets the first one's reply. */
  readonly once?: boolean;
  /** True where the engine itself can give this reply again when its request comes again: it need not be kept. */
  engineKnows?(reply: Reply): boolean;
  /**
   * True where a reply tells nothing but what was durable when its handler was through: it waits for no later change.
   */
  readonly tellsOwn?: boolean;
  /** How many rows the reply to this request may have, where it may be hundreds. The request is not checked yet. */
  rows?(request: unknown): number;
  /** Longest wait for the daemon's answer, where it does not depend on what jobs do. */
  readonly answerMs?: number;
}

/** Asks another command, while one is under way. */
export type CallOther = (command: Command, request: object) => Promise<unknown>;

export type Shown = Promise<number | undefined> | number | undefined;

/** The typed texts. */
export interface Asked<T extends Options = Options> extends ParseContext {
  readonly typed: Typed<T>;
  /** The general options. */
  readonly general: Readonly<Record<string, unknown>>;
  readonly readStdin: () => Promise<string>;
  /**
   * Asks in the terminal; true where `-y` was given. Throws `bad-option` with the question where there is neither.
   * `question` looks up how much it is about.
   */
  readonly confirm: (question: (call: CallOther) => Promise<string>) => Promise<boolean>;
}

/** The parts that a handler may use: the engine, the catalog, the logs, and the daemon if one runs. */
export interface Context {
  readonly engine: Engine;
  readonly members: Members;
  readonly catalog: Catalog;
  readonly logs: Logs;
  readonly config: Config;
  readonly clock: Clock;
  readonly daemon: DaemonControl | null;
  /** Ends what a dead daemon left running, its processes first; set if no daemon runs. */
  readonly abortOrphan?: (id: number, reason: string, graceMs: number | null) => Promise<Run>;
  /** Every change of a run from the first call on, if no daemon runs here but others may on the store. */
  readonly changes?: () => Promise<Feed<Change>>;
  /** The damage of the state, which is then open for reading only. */
  readonly damage?: readonly JobrunError[];
  /** The client's own id of this request: a repeated one must not be done twice. */
  readonly request?: string;
}

export interface DaemonControl {
  readonly pid: number;
  readonly since: number;
  readonly workers: () => { readonly busy: number; readonly total: number };
  /** The latest progress of a running attempt; newer than what is kept. */
  readonly progress: (id: number) => Progress | null;
  /**
   * Ends a run, whether it runs or waits; resolves with the run when it is settled and nothing of it lives any more.
   */
  readonly abort: (id: number, reason: string, graceMs: number | null) => Promise<Run>;
  /** Begins to stop: drains, or with `now` ends the attempts. Resolves at once. */
  readonly stop: (now: boolean) => void;
  /** Reads all job files anew; says what became of which job. */
  readonly reload: () => Promise<readonly JobChange[]>;
  readonly watch: () => Watch;
  /** Programs that take runs of external jobs. */
  readonly outside: OutsideWorkers;
  /** The address that HTTP is served on; null where it is off. */
  readonly http: () => string | null;
  /** Every change of a run once it is durable, for `events`. */
  readonly feed: Feed<Change>;
}

/** True where changes that others make are told here: by the daemon that this is, or by a store. */
export const hearsOfChanges = ({ daemon, config }: Context): boolean =>
  daemon !== null || config.store !== null;
