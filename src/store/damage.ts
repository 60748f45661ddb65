// The two kinds of fault in a state folder. Damage: a file is not what was written. It stops a start. An oddity: a record
// is what was written and still makes no sense. It is left out, or set aside under its name, and all else goes on.
import { JobrunError } from '../support/errors.ts';

export function damaged(path: string, why: string): JobrunError {
  const hint = 'Nothing was changed. Look with: jobrun doctor';
  return new JobrunError('state-damaged', `${path} ${why}`, hint);
}

export const isDamage = (error: unknown): error is JobrunError =>
  error instanceof JobrunError && error.code === 'state-damaged';

/** Takes the description of a record that was left out, or set aside. */
export type Note = (what: string, setAside?: boolean) => void;

/** A record that makes no sense: left out, or, if it has a name, set aside under that. */
export interface Oddity {
  readonly path: string;
  readonly what: string;
  readonly setAside: boolean;
}

/** A damaged file. */
export interface Problem {
  readonly error: JobrunError;
  readonly path: string;
}

/** The damage that a reader finds: each file once, with the first thing that is wrong with it. */
export class Problems {
  readonly all: Problem[] = [];

  note(path: string, why: string): void {
    this.#add({ error: damaged(path, why), path });
  }

  /** Reads a file; null, with the problem noted, if it is damaged or no file at all. */
  async try<T>(path: string, read: () => Promise<T>): Promise<T | null> {
    try {
      return await read();
    } catch (error) {
      if (!isDamage(error)) throw error;
      this.#add({ error, path });
      return null;
    }
  }

  /** The journal has to hold every commit that another file knows of. */
  endsBefore(journal: string, seq: number, known: readonly (readonly [string, number])[]): void {
    const ahead = known.find(([, includes]) => includes > seq);
    if (ahead)
      this.note(journal, `ends at commit ${seq}, but ${ahead[0]} knows of commit ${ahead[1]}`);
  }

  #add(problem: Problem): void {
    if (!this.all.some(({ path }) => path === problem.path)) this.all.push(problem);
  }
}
