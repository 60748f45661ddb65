// The jobs there are, as data. Job code is never here: a definition was read in a worker process, and what stays of
// it is plain values. The loader makes the catalog, the watcher renews it.
import type { JobLimits, WorkerKind } from '../run/pick.ts';
import {
  type CatchUp,
  DEFAULT_POLICY,
  type Isolation,
  type Overlap,
  type Policy,
} from '../run/policy.ts';
import type { Run, TypedCommand } from '../run/run.ts';
import type { Rule } from '../run/schedule.ts';
import type { Json } from '../support/json.ts';

/** The contents of a job file, as data with every default filled in. */
export interface JobData {
  readonly description: string | null;
  readonly group: string | null;
  readonly policy: Policy;
  readonly autostart: boolean;
  /** Programs outside take its runs over HTTP: no worker of the daemon does. */
  readonly external: boolean;
  readonly recurrence: Recurrence | null;
  /** The params as JSON Schema: what the validator offers, or what stands in the definition of an external job. */
  readonly schema: Json;
  /** Which functions the definition has; they are called in a worker. */
  readonly has: ReadonlySet<JobFunction>;
}

export const JOB_FUNCTIONS = [
  'params',
  'lock',
  'initialize',
  'nextRun',
  'onError',
  'onStale',
  'onDone',
  'onFailed',
] as const;
export type JobFunction = (typeof JOB_FUNCTIONS)[number];

export interface Recurrence {
  readonly rule: Rule;
  readonly catchUp: CatchUp;
  readonly overlap: Overlap;
}

/** A job of a file. */
export type FileEntry = JobFile &
  (
    | { readonly state: 'ok'; readonly data: JobData }
    | { readonly state: 'broken'; readonly error: string }
  );

/** The built-in job has no file: each run says what it starts. */
export interface BuiltInEntry {
  readonly name: string;
  readonly kind: 'built-in';
  readonly state: 'ok';
  readonly data: JobData;
}

export type JobEntry = FileEntry | BuiltInEntry;

/** A file that defines a job, before it was read. */
export interface JobFile {
  readonly name: string;
  /** Absolute. */
  readonly file: string;
  /** `external`: options alone, in JSON. */
  readonly kind: 'module' | 'command' | 'external';
}

/** The built-in job: runs of it start programs that were typed after `--`. A job file of this name takes its place. */
export const BUILT_IN = 'command';

export const isBuiltIn = (entry: JobEntry | null): entry is BuiltInEntry =>
  entry?.kind === 'built-in';

/** The file or command that an attempt starts. With `nothing` it waits for a job file to come, or to go. */
export type Program =
  | { readonly kind: 'file'; readonly file: string }
  | { readonly kind: 'typed'; readonly command: TypedCommand }
  | { readonly kind: 'nothing'; readonly why: string };

export function programOf(entry: JobEntry, { origin }: Pick<Run, 'origin'>): Program {
  const command = origin?.command;
  if (!isBuiltIn(entry)) {
    if (!command) return { kind: 'file', file: entry.file };
    const why = `${entry.file} has taken the name of the built-in job: rename it`;
    return { kind: 'nothing', why };
  }
  if (command) return { kind: 'typed', command };
  const why = 'the file of the job "command" is gone, and this run names no program';
  return { kind: 'nothing', why };
}

/** The same of a job as it is shown. A job of another host has no file here either. */
export const isTypedJob = ({
  name,
  file,
}: {
  readonly name: string;
  readonly file: unknown;
}): boolean => name === BUILT_IN && file === null;

export interface Catalog {
  /** All jobs by name, broken ones too, in the order of their names. */
  all(): readonly FileEntry[];
  find(name: string): JobEntry | null;
  /** The names that the files have, sound or not yet read. Loads nothing. */
  names(): readonly string[];
  /** Reads the files that have come or changed since, and forgets those that have gone. */
  rescan(): Promise<void>;
  /** Reads one job at once, whatever is known of it. Null where it has no file. */
  reread(name: string): Promise<JobEntry | null>;
  /** Reads all broken jobs again, if there are any: what they lacked may be there by now. */
  rereadBroken(): Promise<void>;
  /** Resolves when the definitions have been read once. */
  ready(): Promise<void>;
  /**
   * Resolves when this job has been read, also one whose file has just come, or when nothing is being read any more. A
   * file that takes too long to load is no longer waited for.
   */
  known(name: string): Promise<void>;
  /**
   * Has params checked by the job's own schema and its lock text made of them, in a worker. Gives each its params
   * with defaults filled in, or the error of `bad-params`.
   */
  check(job: string, params: readonly Json[]): Promise<Checked[]>;
}

export type Checked =
  | { readonly ok: true; readonly params: Json; readonly lock: string | null }
  | { readonly ok: false; readonly issues: readonly string[] };

/** A job that has changed for those who look at the list. */
export interface JobChange {
  readonly job: string;
  readonly became: 'broken' | 'whole' | 'new' | 'gone';
  /** The problem of a broken job; null for any other. */
  readonly error: string | null;
}

/** Null where it only has another definition, or another mistake. */
export function changeOf(before: JobEntry | null, after: JobEntry | null): JobChange | null {
  const job = (after ?? before)?.name ?? '';
  if (after === null) return before && { job, became: 'gone', error: null };
  if (before?.state === after.state) return null;
  if (after.state === 'broken') return { job, became: 'broken', error: after.error };
  return { job, became: before ? 'whole' : 'new', error: null };
}

/** True where JSON Schema alone says what params may be: no job code is asked. */
export const checksBySchema = ({ external, schema, has }: JobData): boolean =>
  external && schema !== null && !has.has('params');

/** True where anything looks at params before a run is accepted. */
export const checksParams = (data: JobData): boolean =>
  data.has.has('params') || data.has.has('lock') || checksBySchema(data);

export const isExternal = (entry: JobEntry | null): boolean =>
  entry?.state === 'ok' && entry.data.external;

/** The stand-in for the policy of a job that is missing or broken. */
export const policyOf = (entry: JobEntry | null): Policy =>
  entry?.state === 'ok' ? entry.data.policy : DEFAULT_POLICY;

/**
 * Returns the limits between a job's runs and their start, or the reason why nothing can start. `loaded`: all
 * definitions have been read once, so a job that is not among them is not there.
 */
export function limitsOf(job: string, entry: JobEntry | null, loaded: boolean): JobLimits {
  const { isolation, concurrency, rateLimit } = policyOf(entry);
  return {
    workerKind: workerKindOf(entry, isolation),
    concurrency,
    rateLimit,
    blocked: blockOf(job, entry, loaded),
    ...(entry?.state !== 'ok' && { unread: true as const }),
  };
}

function workerKindOf(entry: JobEntry | null, isolation: Isolation): WorkerKind {
  if (isExternal(entry)) return 'external';
  return isolation === 'shared' && entry?.kind === 'module' ? 'shared' : 'dedicated';
}

/** Why there is nothing to start, or null. `loaded`: all definitions have been read once. */
export function blockOf(job: string, entry: JobEntry | null, loaded: boolean): string | null {
  if (entry?.state === 'ok') return null;
  if (entry) return `the job ${job} is broken: ${entry.error.split('\n')[0]}`;
  return loaded ? `no job named ${job}` : readingText(job);
}

export const readingText = (job: string): string => `the job ${job} is being read`;
