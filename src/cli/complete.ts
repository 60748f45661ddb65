// Finds the words that may stand next on a command line that is being typed. Commands and options are those of the
// program itself. Names of jobs come from the files of the jobs folder. Runs and schedules come from the daemon if one
// answers at once, else from the files. Any error is an empty answer: a shell has no place to show it.
import { existsSync } from 'node:fs';
import { askDaemon } from '../api/client.ts';
import { scanJobs } from '../catalog/loader.ts';
import { handle } from '../commands/dispatch.ts';
import {
  type Entry,
  flagsOf,
  isArgument,
  isOption,
  isVariadic,
  type Offer,
  type Options,
  takesValue,
} from '../commands/shared/options.ts';
import type { Listed } from '../commands/shared/run-list.ts';
import type { StateName } from '../run/run.ts';
import type { ShortSchedule } from '../run/schedule.ts';
import { type Config, loadConfig } from '../support/config.ts';
import { SECOND } from '../support/limits.ts';
import { plainLine } from '../support/text.ts';
import { commandAt, ENTRIES, entryOf, GENERAL_OPTIONS, WITH_VALUE } from './entries.ts';
import { FILES } from './shells.ts';

interface Typed {
  readonly command: string | null;
  /** The words after the command, but for the one that is being typed. */
  readonly words: readonly string[];
  readonly current: string;
  readonly general: Readonly<Record<string, string>>;
}

type Candidate = readonly [value: string, about: string];

const RUNS_OFFERED = 50;
const ANSWER_MS = 2 * SECOND;
/** Lines for the shell. `words` are all that stand after `jobrun`, the last of them as far as it was typed. */
export async function complete(words: readonly string[]): Promise<readonly string[]> {
  try {
    const typed = typedIn(words);
    const [before, current] = splitAt(typed.current);
    const candidates = await candidatesFor({ ...typed, current }, before.replace(/=$/, ''));
    return candidates
      .filter(([value]) => value === FILES || value.startsWith(current))
      .map(([value, about]) =>
        value === FILES ? FILES : `${before}${value}${about && `\t${plainLine(about)}`}`,
      );
  } catch {
    // A defect too: a message would stand in the middle of the line that is being typed.
    return [];
  }
}

/** `--job=imp` is an option and what is typed of its value. */
function splitAt(current: string): readonly [before: string, current: string] {
  const [, option, value] = /^(--[\w-]+=)(.*)$/s.exec(current) ?? [];
  return option === undefined ? ['', current] : [option, value ?? ''];
}

/** bash takes `=` for a word of its own. */
function typedIn(all: readonly string[]): Typed {
  const typed = all.filter((word, i) => word !== '=' || i === 0);
  const current = all.at(-1) === '=' ? '' : (typed.at(-1) ?? '');
  const words = all.at(-1) === '=' ? typed : typed.slice(0, -1);
  const general: Record<string, string> = {};
  for (const [i, word] of words.entries()) {
    if (WITH_VALUE.has(word)) general[word] = words[i + 1] ?? '';
  }
  const at = commandAt(words);
  if (at < 0) return { command: null, words, current, general };
  return { command: words[at] ?? '', words: words.slice(at + 1), current, general };
}

async function candidatesFor(typed: Typed, option: string): Promise<readonly Candidate[]> {
  const { command, words, current } = typed;
  if (words.includes('--')) return offered('files', typed, []);
  const last = option || (words.at(-1) ?? '');
  if (command === null) {
    const general = entryIn(GENERAL_OPTIONS, last);
    if (general && takesValue(general)) return offered(general.kind.offer, typed, []);
    if (current.startsWith('-')) return flagsIn(GENERAL_OPTIONS, []);
    return ENTRIES.map(({ name, summary }): Candidate => [name, summary]);
  }
  const loaded = await entryOf(command)?.load();
  if (!loaded) return [];
  const table: Options = { ...loaded.options, ...GENERAL_OPTIONS };
  const known = entryIn(table, last);
  if (known && takesValue(known)) return offered(known.kind.offer, typed, []);
  if (current.startsWith('-')) return flagsIn(table, words);
  const all = Object.values(table).filter(isArgument);
  const next = all[positionals(words, table)] ?? all.find(isVariadic);
  return next ? offered(next.kind.offer, typed, words) : [];
}

const entryIn = (table: Options, word: string): Entry | undefined =>
  Object.values(table).find((entry) => isOption(entry) && flagsOf(entry).includes(word));

function flagsIn(table: Options, words: readonly string[]): readonly Candidate[] {
  const flags = Object.values(table)
    .filter((entry) => isOption(entry))
    .map((entry) => ({ ...entry, long: flagsOf(entry).at(-1) ?? '' }))
    .filter((entry) => isVariadic(entry) || !words.includes(entry.long))
    .map(({ long, about }): Candidate => [long, about]);
  return [...flags, ['--help', 'print help']];
}

/** How many words before stand for arguments. */
function positionals(words: readonly string[], table: Options): number {
  const takes = (word: string): boolean => {
    const entry = entryIn(table, word);
    return entry !== undefined && takesValue(entry);
  };
  return words.filter((word, i) => !word.startsWith('-') && !takes(words[i - 1] ?? '')).length;
}

async function offered(
  offer: Offer | undefined,
  { current, general }: Typed,
  taken: readonly string[],
): Promise<readonly Candidate[]> {
  if (offer === undefined) return [];
  if (offer === 'files') return [[FILES, '']];
  if (offer === 'zones')
    return Intl.supportedValuesOf('timeZone').map((zone): Candidate => [zone, '']);
  if (typeof offer === 'object' && 'values' in offer)
    return offer.values.map((value): Candidate => [value, '']);
  if (typeof offer === 'object' && 'list' in offer) return partsAfter(current, offer.list);
  const dir = general['--dir'];
  const stateDir = general['--state-dir'];
  const given = { ...(dir && { dir }), ...(stateDir && { stateDir }) };
  const config = loadConfig(given, process.env, process.cwd());
  if (typeof offer === 'object') return runsOf(config, offer.runs, taken);
  const jobs = offer === 'schedules' ? [] : jobsOf(config);
  return offer === 'jobs' ? jobs : [...jobs, ...(await schedulesOf(config))];
}

/** Returns the part of a comma-separated list that is being typed. */
function partsAfter(current: string, list: readonly string[]): readonly Candidate[] {
  const before = current.slice(0, current.lastIndexOf(',') + 1);
  return list.map((name): Candidate => [before + name, '']);
}

const jobsOf = ({ jobs }: Config): readonly Candidate[] =>
  scanJobs(jobs).map(({ name }): Candidate => [name, '']);

async function runsOf(
  config: Config,
  states: readonly StateName[] | null,
  taken: readonly string[],
): Promise<readonly Candidate[]> {
  const request = { limit: RUNS_OFFERED, short: true, ...(states && { states }) };
  const { runs } = (await quickAnswer(config, 'list', request)) as Listed;
  return runs
    .filter(({ id }) => !taken.includes(id))
    .map(({ id, job, state }): Candidate => [id, `${job}, ${state}`]);
}

async function schedulesOf(config: Config): Promise<readonly Candidate[]> {
  const reply = (await quickAnswer(config, 'schedules', { short: true })) as {
    readonly schedules: ShortSchedule[];
  };
  return reply.schedules.map(
    ({ name, job, cron }): Candidate => [name, `${job}${cron === null ? '' : `, ${cron}`}`],
  );
}

/** The reply of the daemon if it answers at once, else from the files. */
export async function quickAnswer(
  config: Config,
  name: 'list' | 'schedules',
  request: object,
): Promise<unknown> {
  const { state } = config;
  const reply = await askDaemon(state, name, { ...request }, ANSWER_MS);
  if (reply !== null) return reply;
  if (!config.store && !existsSync(state)) return { runs: [], schedules: [] };
  const { openOffline } = await import('../daemon/offline.ts');
  const command = await entryOf(name)?.load();
  // Read only: a Tab makes nothing, and does not wait for a process that holds the files.
  const context = await openOffline(config, { readOnly: true });
  try {
    return command ? await handle(command, request, context) : null;
  } finally {
    await context.close();
  }
}
