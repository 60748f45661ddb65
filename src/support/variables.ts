// The environment variables of jobrun. A misspelt one would silently do nothing, and the command would work on another
// project or database.
import { meantBy } from './foreign-words.ts';
import { nearest } from './text.ts';

const PREFIX = /^JOBRUN_/i;

/** Settings of the project, which config.ts reads. */
const SETTINGS = [
  'DIR',
  'JOBS',
  'STATE',
  'WORKERS',
  'HTTP',
  'DRAIN',
  'TIMEZONE',
  'ENGINE',
  'HOST',
  'LEASE',
];

/** Variables that jobs, workers and commands of `notify` are given beside the place of the project. */
const GIVEN = ['ID', 'JOB', 'ATTEMPT', 'FENCE', 'PARAMS', 'CHECKPOINT', 'WORKER'];

const KNOWN: ReadonlySet<string> = new Set([...SETTINGS, ...GIVEN].map((one) => `JOBRUN_${one}`));

/**
 * Returns a line for each variable that is probably a misspelt setting. A variable that is near to none is the user's
 * own.
 */
export function misspeltVariables(env: Readonly<Record<string, string | undefined>>): string[] {
  const foreign = Object.keys(env).filter((name) => PREFIX.test(name) && !KNOWN.has(name));
  return foreign.flatMap((name) => {
    const meant = settingFor(name.replace(PREFIX, ''));
    return meant === null ? [] : `${name} is not a setting; did you mean JOBRUN_${meant}?`;
  });
}

function settingFor(word: string): string | null {
  const names = SETTINGS.map((one) => one.toLowerCase());
  return meantBy(word, 'settings', names)?.toUpperCase() ?? nearest(word, SETTINGS);
}
