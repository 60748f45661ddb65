// A project with jobs, a daemon as a real process on it, and the library connected to that: what the tests of the
// behaviour of jobs stand on. Jobs tell what they did with `mark`, in a file that outlives them.
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { connect, type Details, JobrunError, type Jobs, type RunOptions } from '../../src/index.ts';
import { type DaemonProcess, type Doc, eventually, Project } from './project.ts';
import { shared, whenOver } from './shared.ts';

const MARK = `import { appendFileSync } from 'node:fs';
export const mark = (name, more = {}) =>
  appendFileSync('ledger.jsonl', JSON.stringify({ name, pid: process.pid, at: Date.now(), ...more }) + '\\n');
export const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms));
`;
const IMPORTS = `import { defineJob, FatalError, RetryAt } from 'jobrun';
import { mark, sleep } from './_mark.mjs';
`;

const SETTLED = ['done', 'failed', 'aborted'];

export class Site {
  readonly project: Project;
  #daemon: DaemonProcess | null = null;
  #jobs: Jobs | null = null;

  /** Bodies of job modules by their name; what has an ending of its own is written as it is. */
  constructor(jobs: Readonly<Record<string, string>>) {
    this.project = new Project({ 'jobs/_mark.mjs': MARK });
    for (const [name, text] of Object.entries(jobs)) this.put(name, text);
  }

  put(name: string, text: string): void {
    if (name.includes('.')) this.project.write(`jobs/${name}`, text);
    else this.project.write(`jobs/${name}.mjs`, IMPORTS + text);
  }

  async up(...args: string[]): Promise<this> {
    this.#daemon = await this.project.daemon(...args);
    this.#jobs ??= await connect({ dir: this.project.dir });
    const { jobs } = this;
    whenOver(() => jobs.close());
    return this;
  }

  get daemon(): DaemonProcess {
    if (!this.#daemon) throw new Error('no daemon was started');
    return this.#daemon;
  }

  get jobs(): Jobs {
    if (!this.#jobs) throw new Error('not connected');
    return this.#jobs;
  }

  async kill9(): Promise<void> {
    await this.daemon.kill('SIGKILL');
  }

  /** What jobs marked so far, by name. */
  marks(name?: string): Doc[] {
    return this.project.ledger().filter((one) => name === undefined || one.name === name);
  }

  /** Forgets the marks so far: they are of another test, or of its first try. */
  forget(): void {
    rmSync(join(this.project.dir, 'ledger.jsonl'), { force: true });
  }

  /** Asks for a run and waits for its end. */
  async run(job: string, params: unknown = {}, options: RunOptions = {}): Promise<Details> {
    return this.settled((await this.jobs.schedule(job, params, options)).id);
  }

  async settled(id: string, withinMs = 30_000): Promise<Details> {
    const is = (run: Details): boolean => SETTLED.includes(run.state);
    const now = await this.jobs.get(id);
    if (is(now)) return now;
    // The daemon says when it is over. Asked again and again, it would have more to do than the run itself.
    const signal = AbortSignal.timeout(withinMs);
    await this.jobs.result(id, { signal }).catch(() => undefined);
    return this.when(id, is, withinMs);
  }

  /** The run as soon as it is as it is to be. */
  async when(id: string, is: (run: Details) => boolean, withinMs = 30_000): Promise<Details> {
    let last: Details | null = null;
    try {
      return await eventually(async () => {
        last = await this.jobs.get(id);
        return is(last) ? last : null;
      }, withinMs);
    } catch (error) {
      throw new Error(`${(error as Error).message}: ${JSON.stringify(last)}`);
    }
  }

  async state(id: string, state: string): Promise<Details> {
    return this.when(id, (run) => run.state === state);
  }

  /** How long the daemon takes to say how it is. */
  async statusMs(): Promise<number> {
    const begin = performance.now();
    await this.jobs.status();
    return performance.now() - begin;
  }
}

export const site = (jobs: Readonly<Record<string, string>>, ...args: string[]): Promise<Site> =>
  new Site(jobs).up(...args);

/** A site for tests of one file that do not disturb each other. Each adds its jobs, which have names of their own. */
export function sharedSite(...args: string[]) {
  const jobs = new Map<string, string>();
  const made = shared(() => site(Object.fromEntries(jobs), ...args));
  return {
    add(own: Readonly<Record<string, string>>): void {
      for (const [name, text] of Object.entries(own)) {
        if (jobs.has(name)) throw new Error(`two tests have a job ${name}`);
        jobs.set(name, text);
      }
    },
    begin(): Site {
      made().forget();
      return made();
    },
  };
}

/** The code and message of what a call is refused with. */
export async function refusal(call: Promise<unknown>): Promise<JobrunError> {
  try {
    await call;
  } catch (error) {
    if (error instanceof JobrunError) return error;
    throw error;
  }
  throw new Error('it was not refused');
}

export const outcomes = (run: Details): (string | null)[] =>
  run.attempts.map((attempt) => attempt.outcome);
