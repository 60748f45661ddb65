// The traces that a run may leave behind in its worker process, looked at after each: a changed environment (the time
// zone is a part of it), another umask or working folder, closed descriptors, and processes that it started. Another
// job must not get such a process; what is left of memory (modules, prototypes, globals) is the same job author's to
// know.
//
// Looking for processes means reading a file for each in the system. So that is done only where there can be any: the
// worker has a child, or has waited for one, which shows in the page faults of its children.
import { fstatSync, openSync, readSync } from 'node:fs';
import { errnoOf, orElseSync } from '../support/errors.ts';
import { hasCompany, type WorkerIdentity } from './death.ts';
import { bootId, hasProc, MARK_VARIABLE, processInfo } from './processes.ts';

export interface Left {
  /** The process is not as it was. */
  readonly changed?: true;
  /** Processes that it started live on. */
  readonly company?: true;
  /** So do timers: they may block the process before its next run starts. */
  readonly timers?: true;
}

export class Traces {
  readonly #self: WorkerIdentity;
  readonly #children = new ProcFile(`/proc/self/task/${process.pid}/children`);
  readonly #stat = new ProcFile('/proc/self/stat');
  readonly #folder = process.cwd();
  readonly #umask = process.umask();
  readonly #names = Object.getOwnPropertyNames(process.env);
  readonly #values = this.#names.map((name) => process.env[name]);
  #faults: string;

  /** Remembers the process as it is now. */
  constructor() {
    const { pid } = process;
    const startTime = hasProc() ? (processInfo(pid)?.startTime ?? '') : '';
    this.#self = { mark: process.env[MARK_VARIABLE] ?? '', pid, startTime, boot: bootId() };
    this.#faults = this.#faultsOfChildren();
  }

  /** True where what runs do next would fail: their folder is another one, or stdout is closed for what they start. */
  isSpoilt(): boolean {
    // The system refuses what is closed, and a folder that is gone.
    return orElseSync(true, () => {
      for (const descriptor of [1, 2]) fstatSync(descriptor);
      return process.cwd() !== this.#folder;
    });
  }

  /** The traces left behind since. */
  look(): Left {
    const isAsItWas = process.umask() === this.#umask && this.#hasSameVariables();
    return {
      ...(!isAsItWas && { changed: true as const }),
      ...(this.#mayHaveCompany() && hasCompany(this.#self) && { company: true as const }),
      ...(hasTimers() && { timers: true as const }),
    };
  }

  /** The dearest of all this: so no name is read twice, and no text is made of it. */
  #hasSameVariables(): boolean {
    const { env } = process;
    if (Object.getOwnPropertyNames(env).length !== this.#names.length) return false;
    return this.#names.every((name, i) => env[name] === this.#values[i]);
  }

  #mayHaveCompany(): boolean {
    const faults = this.#faultsOfChildren();
    const waited = faults !== this.#faults;
    this.#faults = faults;
    return waited || this.#children.read() !== '';
  }

  /** Faults of the children that were waited for: each has some, so that the sum grows with each. */
  #faultsOfChildren(): string {
    const stat = this.#stat.read();
    return stat.slice(stat.lastIndexOf(')') + 2).split(' ', CHILD_FAULTS + 1)[CHILD_FAULTS] ?? '';
  }
}

const hasTimers = (): boolean =>
  process.getActiveResourcesInfo().some((name) => name === 'Timeout' || name === 'Immediate');

/** The place of `cminflt` after the name, in proc(5). */
const CHILD_FAULTS = 8;

/**
 * A file of /proc that is read again and again: it stays open, for opening it costs most. Empty where there is none.
 */
class ProcFile {
  readonly #path: string;
  #file: number | null = null;
  #bytes = Buffer.alloc(4096);

  constructor(path: string) {
    this.#path = path;
  }

  read(): string {
    try {
      this.#file ??= openSync(this.#path, 'r');
      return this.#bytes.toString('latin1', 0, readSync(this.#file, this.#bytes, 0, 4096, 0));
    } catch (error) {
      if (errnoOf(error) === '') throw error;
      this.#file = null;
      return '';
    }
  }
}
