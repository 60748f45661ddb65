// The one error class of jobrun and the closed list of its codes. A code decides the exit code of the command line,
// so that a new code cannot be added without saying what a script will see. A failing job is never an error of this
// kind: it is an outcome (run/outcome.ts).
import { plainLine } from './text.ts';

/** The exit code of each error code, for a script that called the command line. */
const EXIT_CODES = {
  'bad-request': 2,
  'bad-option': 2,
  'bad-time': 2,
  'bad-params': 2,
  'bad-config': 2,
  'too-large': 2,
  'unknown-job': 3,
  'unknown-run': 3,
  'unknown-schedule': 3,
  'unknown-path': 3,
  'no-daemon': 4,
  'daemon-running': 5,
  refused: 5,
  'lost-lease': 5,
  'broken-job': 5,
  unauthorized: 5,
  'run-failed': 6,
  'run-aborted': 7,
  'state-damaged': 8,
  'state-newer': 8,
  'state-older': 8,
  'state-unsafe': 8,
  'state-read-only': 8,
  'store-unreachable': 8,
  'store-unsafe': 8,
  'store-newer': 8,
  'store-in-use': 5,
  'disk-full': 8,
  'write-failed': 8,
  'timed-out': 124,
  interrupted: 130,
  'output-lost': 1,
  internal: 1,
} as const;

/** Exit code of a daemon that could not write. */
const UNWRITTEN = 74;

export type ErrorCode = keyof typeof EXIT_CODES;

/** Every code there is, for the documentation and the test that holds both together. The web page leaves it out. */
export const ERROR_CODES = /* @__PURE__ */ Object.keys(EXIT_CODES) as readonly ErrorCode[];

export interface ErrorShape {
  readonly code: ErrorCode;
  readonly message: string;
  readonly hint: string;
}

/** The fault in a value that was read: `support/schema` finds it, the reader makes its error of it. */
export interface Problem {
  /** The wrong value: `retries.delay`, `after[2]`; empty for the value as a whole. */
  readonly path: string;
  /** The value that `says` follows: the same, but the object around a field that does not exist. */
  readonly place: string;
  readonly says: string;
  /** The value that was probably meant; empty if that is unknown. */
  readonly hint: string;
  /** Null where the reader decides. */
  readonly code: ErrorCode | null;
}

/** jobrun may lie in one process twice: in two versions, or as the command line and what it loads. */
const KIND = Symbol.for('jobrun.error');

/**
 * The error with which every call of the library rejects and which every command prints: `message` says what happened
 * and why, `hint` what to do next, `code` is for programs.
 *
 * @example
 * try {
 *   await jobs.get('999');
 * } catch (error) {
 *   if (!(error instanceof JobrunError) || error.code !== 'unknown-run') throw error;
 *   console.log(error.message, error.hint);
 * }
 */
export class JobrunError extends Error {
  override readonly name = 'JobrunError';
  readonly code: ErrorCode;
  readonly hint: string;

  constructor(code: ErrorCode, message: string, hint: string, cause?: unknown) {
    super(message, cause === undefined ? undefined : { cause });
    this.code = code;
    this.hint = hint;
  }

  static override [Symbol.hasInstance](thing: unknown): boolean {
    // biome-ignore lint/complexity/noThisInStatic: a class derived from it has this too, and is told by itself
    if (this !== JobrunError) return Function.prototype[Symbol.hasInstance].call(this, thing);
    return typeof thing === 'object' && thing !== null && KIND in thing;
  }

  get [KIND](): true {
    return true;
  }

  toJSON(): ErrorShape {
    return { code: this.code, message: this.message, hint: this.hint };
  }
}

export const exitCodeOf = (code: ErrorCode): number => EXIT_CODES[code];

/** The same for a daemon. Damage needs a person; a disk that refuses may take it at the next start. */
export const daemonExitCodeOf = (code: ErrorCode): number =>
  code === 'disk-full' || code === 'write-failed' ? UNWRITTEN : exitCodeOf(code);

/** Rebuilds an error that came over the socket; what an older or newer peer calls by an unknown code is internal. */
export function errorFromShape(shape: ErrorShape): JobrunError {
  const code = Object.hasOwn(EXIT_CODES, shape.code) ? shape.code : 'internal';
  return new JobrunError(code, String(shape.message), String(shape.hint));
}

/** True where Node did not find a file or package that some code imports. */
export const isMissingModule = (thrown: unknown): boolean =>
  ['ERR_MODULE_NOT_FOUND', 'MODULE_NOT_FOUND'].includes(errnoOf(thrown));

/** Turns anything thrown into a JobrunError; what is not one already is a defect of jobrun. */
export function toJobrunError(thrown: unknown): JobrunError {
  if (thrown instanceof JobrunError) return thrown;
  const message = thrown instanceof Error ? thrown.message : String(thrown);
  if (isFewFiles(thrown)) {
    const isSaid = message.includes('too many open files');
    return fewFiles(isSaid ? message : `too many open files: ${message}`, thrown);
  }
  const hint = isMissingModule(thrown)
    ? 'A package is being installed, or its installation is not complete: try again when it is.'
    : 'This is a defect of jobrun: please report it with the output of -v.';
  return new JobrunError('internal', message, hint, thrown);
}

/** This process, or the system, may not open one more file. */
export const isFewFiles = (thrown: unknown): boolean =>
  ['EMFILE', 'ENFILE'].includes(errnoOf(thrown));

export const FEW_FILES_HINT =
  'Raise the limit: ulimit -n 1024, or LimitNOFILE=65536 in a systemd unit.';

export const fewFiles = (message: string, cause?: unknown): JobrunError =>
  new JobrunError('refused', message, FEW_FILES_HINT, cause);

/** The fault and the next step, if there is one line for both. */
export function errorLine(thrown: unknown): string {
  const { message, hint } = toJobrunError(thrown);
  return `${plainLine(message)}. ${hint}`;
}

/** The system's name of a failure (`ENOENT`, `ENOSPC`), or an empty text. */
export function errnoOf(thrown: unknown): string {
  const code = (thrown as { code?: unknown } | null)?.code;
  return typeof code === 'string' ? code : '';
}

/** No room: the disk, what this user may have of it, or its table of files is full. */
export function isFull(thrown: unknown): boolean {
  if (thrown instanceof JobrunError) return thrown.code === 'disk-full';
  return ['ENOSPC', 'EDQUOT'].includes(errnoOf(thrown));
}

/** The store cannot be reached just now: the same may go through when it is back. */
export const isStoreAway = (thrown: unknown): boolean =>
  thrown instanceof JobrunError && thrown.code === 'store-unreachable';

/** A broken invariant: the caller must stop without writing, and restart from what is on disk. */
export function assert(condition: unknown, message: string): asserts condition {
  if (!condition) throw new JobrunError('internal', `broken invariant: ${message}`, REPORT);
}

const REPORT = 'Restart the daemon; the state on disk is untouched. Please report this.';

/** Returns what `look` gives, or `other` if the system refuses: the file is missing, or cannot be reached. */
export function orElseSync<T, Other>(other: Other, look: () => T): T | Other {
  try {
    return look();
  } catch (error) {
    if (errnoOf(error) === '') throw error;
    return other;
  }
}

/** The same for what takes a while. */
export async function orElse<T, Other>(other: Other, look: () => Promise<T>): Promise<T | Other> {
  try {
    return await look();
  } catch (error) {
    if (errnoOf(error) === '') throw error;
    return other;
  }
}
