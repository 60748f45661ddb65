// What may stand next on a command line that is being typed. Commands and options are those of the program itself;
// names of jobs come from the files of the jobs folder, runs and schedules from the daemon where one answers at once,
// else from the files. Whatever goes wrong is an empty answer: a shell has nobody to tell it to.
import { existsSync } from 'node:fs';
import { Command as Program } from 'commander';
import { askDaemon } from '../api/client.ts';
import { scanJobs } from '../catalog/loader.ts';
import { handle } from '../commands/dispatch.ts';
import type { Listed } from '../commands/list.ts';
import { SETTLED, STATE_NAMES, type StateName, UNSETTLED } from '../run/run.ts';
import type { ScheduleView } from '../run/schedule.ts';
import { CATCH_UPS, OVERLAPS } from '../run/slot-policy.ts';
import { type Config, loadConfig } from '../support/config.ts';
import { SECOND } from '../support/limits.ts';
import { plainLine } from '../support/text.ts';
import { ENTRIES, entryOf } from './entries.ts';
import { define, generalOptions } from './program.ts';
import { FILES, SHELLS } from './shells.ts';
import { COLORS, commandAt, WITH_VALUE } from './words.ts';

interface Typed {
  readonly command: string | null;
  /** What stands after the command, but for the word that is being typed. */
  readonly words: readonly string[];
  readonly current: string;
  readonly general: Readonly<Record<string, string>>;
}

type Candidate = readonly [value: string, about: string];

const RUNS_OFFERED = 50;
const ANSWER_MS = 2 * SECOND;
const UNSTARTED: readonly StateName[] = ['scheduled', 'waiting', 'queued'];
/** Runs that a command has something to do with; of all the others any. */
const RUNS_OF: Readonly<Record<string, readonly StateName[]>> = {
  abort: UNSETTLED,
  update: UNSTARTED,
  retry: ['failed', 'aborted'],
  remove: SETTLED,
  complete: ['waiting'],
  fail: ['waiting'],
};
const VALUES: Readonly<Record<string, readonly string[]>> = {
  '--color': COLORS,
  '--catch-up': CATCH_UPS,
  '--overlap': OVERLAPS,
};

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
  const last = option || (words.at(-1) ?? '');
  if (command === null) {
    if (WITH_VALUE.has(last)) return valuesOf(typed, last, '');
    if (current.startsWith('-')) return optionsOf(new Program(), []);
    return ENTRIES.map(({ name, summary }): Candidate => [name, summary]);
  }
  const loaded = await entryOf(command)?.load();
  if (!loaded) return [];
  const program = new Program(loaded.name);
  define(loaded, program);
  const known = program.options.find(
    ({ long, short }) => last !== '' && [long, short].includes(last),
  );
  if (known && (known.required || known.optional))
    return valuesOf(typed, known.long ?? last, known.flags);
  if (current.startsWith('-')) return optionsOf(program, words);
  const argument = program.registeredArguments;
  const position = positionals(words, program);
  const own = argument[position] ?? (argument.at(-1)?.variadic ? argument.at(-1) : undefined);
  return own ? namesFor(typed, own.name(), words) : [];
}

function optionsOf(program: Program, words: readonly string[]): readonly Candidate[] {
  const options = program.options.length > 0 ? program.options : generalOptions();
  return [...options, { long: '--help', description: 'print help', hidden: false, variadic: false }]
    .filter(({ hidden, long, variadic }) => !hidden && (variadic || !words.includes(long ?? '')))
    .map(({ long, description }): Candidate => [long ?? '', description]);
}

/** How many words before stand for arguments. */
function positionals(words: readonly string[], program: Program): number {
  const takes = (word: string): boolean =>
    program.options.some(
      ({ long, short, required }) => required && word !== '' && [long, short].includes(word),
    );
  return words.filter((word, i) => !word.startsWith('-') && !takes(words[i - 1] ?? '')).length;
}

async function valuesOf(typed: Typed, long: string, flags: string): Promise<readonly Candidate[]> {
  const fixed = VALUES[long];
  if (fixed) return fixed.map((value): Candidate => [value, '']);
  if (long === '--tz') {
    return Intl.supportedValuesOf('timeZone').map((zone): Candidate => [zone, '']);
  }
  const [, what = ''] = /<([^>]*)>/.exec(flags) ?? [];
  if (what === 'states') return statesAfter(typed.current);
  if (long === '--schedule') return namesFor(typed, 'schedule', []);
  if (what === 'job' || what.startsWith('id')) return namesFor(typed, what.replace('...', ''), []);
  return /file|folder|project/.test(what) || WITH_VALUE.has(long) ? [[FILES, '']] : [];
}

/** Of a list with commas, the part that is being typed. */
function statesAfter(current: string): readonly Candidate[] {
  const before = current.slice(0, current.lastIndexOf(',') + 1);
  return STATE_NAMES.map((name): Candidate => [before + name, '']);
}

async function namesFor(
  typed: Typed,
  what: string,
  taken: readonly string[],
): Promise<readonly Candidate[]> {
  const { command, general } = typed;
  if (what === 'shell') return Object.keys(SHELLS).map((name): Candidate => [name, '']);
  const dir = general['--dir'];
  const stateDir = general['--state-dir'];
  const given = { ...(dir && { dir }), ...(stateDir && { stateDir }) };
  const config = loadConfig(given, process.env, process.cwd());
  const schedules = command === 'schedules' || command === 'unschedule' || what === 'schedule';
  if (what === 'id') return runsOf(config, RUNS_OF[command ?? ''] ?? null, taken);
  if (schedules) return schedulesOf(config);
  const jobs = command === 'new' ? [] : jobsOf(config);
  return what.includes('schedule') ? [...jobs, ...(await schedulesOf(config))] : jobs;
}

const jobsOf = ({ jobs }: Config): readonly Candidate[] =>
  scanJobs(jobs).map(({ name }): Candidate => [name, '']);

async function runsOf(
  config: Config,
  states: readonly StateName[] | null,
  taken: readonly string[],
): Promise<readonly Candidate[]> {
  const request = { limit: RUNS_OFFERED, ...(states && { states }) };
  const { runs } = (await ask(config, 'list', request)) as Listed;
  return runs
    .filter(({ id }) => !taken.includes(id))
    .map(({ id, job, state }): Candidate => [id, `${job}, ${state}`]);
}

async function schedulesOf(config: Config): Promise<readonly Candidate[]> {
  const reply = (await ask(config, 'schedules', {})) as { readonly schedules: ScheduleView[] };
  return reply.schedules.map(
    ({ name, job, cron }): Candidate => [name, `${job}${cron === null ? '' : `, ${cron}`}`],
  );
}

async function ask(config: Config, name: 'list' | 'schedules', request: object): Promise<unknown> {
  const { state } = config;
  const reply = await askDaemon(state, name, { ...request }, ANSWER_MS);
  if (reply !== null) return reply;
  if (!existsSync(state)) return { runs: [], schedules: [] };
  const { openOffline } = await import('../daemon/offline.ts');
  const command = await entryOf(name)?.load();
  // Read only: a Tab makes nothing, and waits for nobody who holds the files.
  const tools = await openOffline(config, { readOnly: true });
  try {
    return command ? await handle(command, request, tools) : null;
  } finally {
    await tools.close();
  }
}
