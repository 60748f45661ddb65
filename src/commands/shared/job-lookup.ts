// The jobs that a request names, looked up by their names. A batch names a thousand: for all of them the folder is
// looked at once, each name is looked up once, and other hosts are asked once.
import type { Catalog, JobEntry } from '../../catalog/catalog.ts';
import type { Config } from '../../support/config.ts';
import { JobrunError } from '../../support/errors.ts';
import { newEffort } from '../../support/text.ts';
import type { Context } from './command.ts';
import { type Elsewhere, hostsElsewhere } from './hosts.ts';
import { unknownJob } from './named.ts';

type Looked = Pick<Context, 'catalog'> & Elsewhere & { readonly config: Pick<Config, 'jobs'> };

/** So many unknown names of a request are compared with the files of the folder. */
const MOST_LOOKS = 10;

export class JobLookup {
  readonly #context: Looked;
  readonly #entries = new Map<string, Promise<JobEntry | null>>();
  readonly #suggesting = newEffort();
  #looks = MOST_LOOKS;
  #names: ReadonlySet<string> | null = null;
  #rescan: Promise<void> | null = null;
  #hosts: ReturnType<typeof hostsElsewhere> | null = null;

  constructor(context: Looked) {
    this.#context = context;
  }

  /**
   * The job of this name; null where it is not here, but on another host. Rejects with `unknown-job` or `broken-job`,
   * unless told to go on without.
   */
  entry(job: string, force: boolean): Promise<JobEntry | null> {
    const key = `${force} ${job}`;
    const entry = this.#entries.get(key) ?? this.#look(job, force);
    this.#entries.set(key, entry);
    return entry;
  }

  /** The job of this name, broken or not; null where it is not here. Its file may be younger than the last look. */
  async find(job: string): Promise<JobEntry | null> {
    const { catalog } = this.#context;
    const found = await findJob(job, catalog, this.#files());
    if (found) return found;
    this.#rescan ??= catalog.rescan().then(() => {
      this.#names = null;
    });
    await this.#rescan;
    return catalog.find(job);
  }

  async #look(job: string, force: boolean): Promise<JobEntry | null> {
    const { catalog } = this.#context;
    if (force) return findJob(job, catalog, this.#files());
    const found = await this.find(job);
    if (found?.state === 'ok') return found;
    // A package or a file that it lacked may be there now.
    const entry = found && (await catalog.reread(job));
    if (entry?.state === 'ok') return entry;
    if (entry) {
      const hint = `Fix ${entry.file}, or queue it anyway with --force.`;
      throw new JobrunError('broken-job', `the job ${job} is broken: ${entry.error}`, hint);
    }
    if (this.#files().has(job)) throw stillRead(job, ', or queue it anyway with --force');
    this.#hosts ??= hostsElsewhere(this.#context);
    const hosts = await this.#hosts;
    if (hosts.has(job)) return null;
    const folder = this.#looks-- > 0 ? this.#context.config.jobs : null;
    throw unknownJob(job, [...this.#files(), ...hosts.keys()], folder, this.#suggesting);
  }

  #files(): ReadonlySet<string> {
    this.#names ??= new Set(this.#context.catalog.names());
    return this.#names;
  }
}

/** Also one whose file came a moment ago, or whose definition is being read just now. */
export async function findJob(
  job: string,
  catalog: Catalog,
  names: ReadonlySet<string> = new Set(catalog.names()),
): Promise<JobEntry | null> {
  const known = catalog.find(job);
  if (known || !names.has(job)) return known;
  await catalog.known(job);
  return catalog.find(job);
}

/** `or`: what else can be done, where the command has an option for it. */
export function stillRead(job: string, or = ''): JobrunError {
  const hint = `Try again in a moment${or}.`;
  return new JobrunError('broken-job', `the file of the job ${job} is still loading`, hint);
}
