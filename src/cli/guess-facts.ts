// Facts of the project that a hint names: which jobs exist, and the latest run of one. An error here is no answer,
// because it must not hide the refusal that the hint belongs to.
import { existsSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { scanJobs } from '../catalog/loader.ts';
import type { Listed } from '../commands/shared/run-list.ts';
import { type Config, loadConfig } from '../support/config.ts';
import { quickAnswer } from './complete.ts';

export interface Facts {
  readonly hasJob: (name: string) => boolean;
  /** True where a folder of `PATH` has a program of this name. */
  readonly hasProgram: (name: string) => boolean;
  /** Returns the id of the latest run of a job; null if there is none, or none is known. */
  readonly latestRun: (job: string) => Promise<string | null>;
}

export const NO_FACTS: Facts = {
  hasJob: () => false,
  hasProgram: () => false,
  latestRun: async () => null,
};

export function factsOf(argv: readonly string[]): Facts {
  const config = configOf(argv);
  if (config === null) return NO_FACTS;
  let names: ReadonlySet<string> | null = null;
  return {
    hasJob(name) {
      names ??= namesIn(config);
      return names.has(name);
    },
    hasProgram: isProgram,
    async latestRun(job) {
      try {
        const request = { job, limit: 1, short: true };
        const { runs } = (await quickAnswer(config, 'list', request)) as Listed;
        return runs[0]?.id ?? null;
      } catch {
        // The hint then names a line without the run.
        return null;
      }
    },
  };
}

const isProgram = (name: string): boolean =>
  /^[\w.+-]+$/.test(name) &&
  (process.env.PATH ?? '').split(delimiter).some((folder) => existsSync(join(folder, name)));

function namesIn({ jobs }: Config): ReadonlySet<string> {
  try {
    return new Set(scanJobs(jobs).map(({ name }) => name));
  } catch {
    // A folder that cannot be read has no jobs to name.
    return new Set();
  }
}

/** The config of the project that the line names. Null if it is broken: the command itself says how. */
function configOf(argv: readonly string[]): Config | null {
  const [dir, stateDir] = [typedOption(argv, '--dir'), typedOption(argv, '--state-dir')];
  const given = { ...(dir && { dir }), ...(stateDir && { stateDir }) };
  try {
    return loadConfig(given, process.env, process.cwd());
  } catch {
    // The hint goes without facts.
    return null;
  }
}

function typedOption(argv: readonly string[], flag: string): string | undefined {
  const at = argv.findIndex((word) => word === flag || word.startsWith(`${flag}=`));
  return at < 0 ? undefined : (/=(.*)$/s.exec(argv[at] ?? '')?.[1] ?? argv[at + 1]);
}
