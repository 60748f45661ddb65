// Lines that people type first who know another program, and the line of jobrun that does the same. Loaded only when a
// line is refused: the refusal stays, with that line as its hint. No line is printed that the parser would refuse.
import { STATE_NAMES } from '../run/run.ts';
import { JobrunError } from '../support/errors.ts';
import { shellWord } from '../support/text.ts';
import { commandAt, entryOf, WITH_VALUE } from './entries.ts';
import { type Facts, NO_FACTS } from './guess-facts.ts';
import { optionGuess } from './guessed-options.ts';
import { isSince, jobAndTime, namesTime, scheduleLine, timeLine, timeOf } from './guessed-times.ts';
import { type Guess, isSentence, JOB, type Line, RESTART, wordGuess } from './guessed-words.ts';
import { parse } from './program.ts';

/** The extensions of job files. */
const EXTENSION = /\.(?:[cm]?[jt]s|sh|py|rb|pl)$/;

/** The same error, and how to type what was meant where that is known. */
export async function withGuess(
  error: JobrunError,
  argv: readonly string[],
  facts: Facts = NO_FACTS,
): Promise<JobrunError> {
  // A hint that names the file of the job knows better.
  if (error.code === 'unknown-job' && !/^(?:See|Did) /.test(error.hint)) return error;
  const said = await meant(argv, error, facts);
  const line = said === null || isSentence(said) ? said : await typable(said);
  const hint =
    line !== null && !isSentence(line) ? `Try: ${textOf([...projectOf(argv), ...line])}` : line;
  const param = paramHint(error, argv, hint !== null);
  if (hint === null && param === null) return error;
  // A suggestion for a misspelt option stays, because it may be right; so does the way without the option.
  const first = hint ?? (/^(?:Did you mean|Leave it out)/.test(error.hint) ? error.hint : null);
  // The name may be that of no job.
  const more = hint !== null && error.message.includes('no id of a run') ? error.hint : null;
  const all = [first, more, param].filter((one) => one !== null).join('\n');
  return new JobrunError(error.code, error.message, all, error.cause);
}

/** The line or sentence that was meant; null if that is unknown. */
async function meant(argv: readonly string[], error: JobrunError, facts: Facts): Promise<Guess> {
  const at = commandAt(argv);
  const word = argv[at] ?? '';
  const rest = argv.slice(at + 1);
  if (error.message.startsWith('unknown command'))
    return corrected(jobLine(word, rest, facts) ?? wordGuess(word, rest), facts);
  const entry = entryOf(word);
  const command = entry?.name ?? word;
  if (error.message.startsWith('unknown option')) {
    const own = switchGuess(command, error.message);
    return corrected(
      own ?? (entry ? optionGuess(await entry.load(), rest, error.message) : null),
      facts,
    );
  }
  const own = (await ownGuess(command, rest, facts)) ?? null;
  if (own !== null) return own;
  const [first = ''] = rest;
  const name = fileJob(first);
  if (command === 'run' && error.message.startsWith('too many') && !facts.hasJob(name ?? first))
    return ['run', '--', ...rest];
  if (name !== null) return [word, name, ...rest.slice(1)];
  const isProgram = error.hint.startsWith('See which') && facts.hasProgram(first);
  return command === 'run' && isProgram ? ['run', ...rest.slice(1), '--', first] : null;
}

/** The name of a job alone, or its file: `hello`, `./jobs/hello.ts`. */
function jobLine(word: string, rest: Line, facts: Facts): Line | null {
  const name = [word, fileJob(word)].find((one) => one !== null && facts.hasJob(one));
  return name ? ['run', name, ...rest] : null;
}

/** A guess is a line that was typed too: its arguments may mean something else to that command. */
async function corrected(guess: Guess, facts: Facts): Promise<Guess> {
  if (guess === null || isSentence(guess)) return guess;
  const [command = '', ...rest] = guess;
  const own = rest.length > 0 ? await ownGuess(command, rest, facts) : null;
  if (own !== null || !OF_NO_RUN[command]) return own ?? guess;
  // The name is that of no job.
  return [command, ...rest.map((word) => (word === jobIn(rest) ? '<id>' : word))];
}

/** The options before the command that say which project is meant. */
function projectOf(argv: readonly string[]): Line {
  const before = argv.slice(0, Math.max(0, commandAt(argv)));
  const names = (word = ''): boolean => /^--(?:dir|state-dir)(?:=|$)/.test(word);
  return before.filter(
    (word, i) => names(word) || (WITH_VALUE.has(before[i - 1] ?? '') && names(before[i - 1])),
  );
}

async function ownGuess(command: string, rest: Line, facts: Facts): Promise<Guess> {
  const names = rest.filter((one, i) => !one.startsWith('-') && !WITH_VALUE.has(rest[i - 1] ?? ''));
  return OF_COMMANDS[command]?.(names, rest) ?? (await latestLine(command, rest, facts));
}

/** The first word that may name a job; what a general option takes is none. */
const jobIn = (rest: Line): string | undefined =>
  rest.find((word, i) => isName(word) && !WITH_VALUE.has(rest[i - 1] ?? ''));

/** For commands that take a run: the line where a job without runs was named. */
const OF_NO_RUN: Readonly<Record<string, (job: string) => Line>> = {
  logs: (job) => ['list', '--job', job, '--limit', '1'],
  show: (job) => ['jobs', job],
  wait: (job) => ['list', '--job', job],
};

/** `logs -f hello`: the same for the latest run of that job. */
async function latestLine(command: string, rest: Line, facts: Facts): Promise<Line | null> {
  const otherwise = OF_NO_RUN[command];
  const name = jobIn(rest);
  if (!otherwise || name === undefined) return null;
  const id = await facts.latestRun(name);
  if (id !== null) return [command, ...rest.map((word) => (word === name ? id : word))];
  return facts.hasJob(name) ? otherwise(name) : null;
}

/** Switches for what is a command here. */
function switchGuess(command: string, message: string): Guess {
  const [, flag = ''] = /^unknown option '--?([a-z]+)'/.exec(message) ?? [];
  if (command === 'daemon' && ['stop', 'status', 'reload', 'restart'].includes(flag))
    return flag === 'restart' ? RESTART : [flag];
  const watches = ['watch', 'w', 'follow', 'f'];
  return command === 'status' && watches.includes(flag) ? ['dashboard'] : null;
}

const ID = /^\d+$/;
const isName = (word: string): boolean => /^[a-z]/i.test(word);
const LIST = new Set(['list', 'ls', 'all']);
const REMOVE = new Set(['remove', 'rm', 'delete', 'del']);
const ADD = new Set(['new', 'add', 'create']);

/** For a command: what its arguments mean, which are refused. `names`: those that are no options. */
type OfCommand = (names: Line, rest: Line) => Guess;

const OF_COMMANDS: Readonly<Record<string, OfCommand>> = {
  list: (_, rest) => listOf(rest),
  abort(names, rest) {
    const [name = ''] = names;
    const isKill = (word: string): boolean => word === '-9' || word === '-KILL';
    if (rest.some(isKill)) return ['abort', ...rest.map((one) => (isKill(one) ? '--force' : one))];
    if (name === 'all') return ['abort', '--all'];
    // Beside an id, a name is the value of an option.
    return isName(name) && !names.some((one) => ID.test(one)) ? ['abort', '--job', name] : null;
  },
  retry([name = '']) {
    if (name === 'all' || name === 'failed') return ['retry', '--failed'];
    return isName(name) ? ['retry', '--job', name] : null;
  },
  rerun: ([name = '']) => (isName(name) ? ['run', name] : null),
  remove([name = '']) {
    if (name === 'all') return ['prune', '--keep', '0'];
    const settled = `--job ${shellWord(name)} --state done,failed,aborted`;
    return isName(name) ? `Try: jobrun remove $(jobrun list ${settled} -q)` : null;
  },
  status: ([name = '']) => (ID.test(name) ? ['show', name] : name === '' ? null : ['jobs', name]),
  stop(names) {
    const [name = ''] = names;
    if (ID.test(name)) return ['abort', ...names];
    return isName(name) ? ['abort', '--job', name] : null;
  },
  reload: () => ['reload'],
  daemon([word = '', ...more]) {
    if (word === 'start' || word === 'run' || word === 'up')
      return more.length > 0 ? null : ['daemon', '--detach'];
    if (word === 'restart') return RESTART;
    return ['stop', 'status', 'reload'].includes(word) ? [word] : null;
  },
  jobs([word = '', name = JOB]) {
    if (LIST.has(word)) return ['jobs'];
    if (ADD.has(word)) return ['new', name];
    return word === 'show' ? ['jobs', name] : null;
  },
  new: ([word = '', name]) => (word === 'job' && name !== undefined ? ['new', name] : null),
  schedules: ([word = '', name]) => schedulesOf(word, name),
  schedule([word = '', ...more], rest) {
    if (LIST.has(word) || REMOVE.has(word)) return schedulesOf(word, more[0]);
    return namesTime(word) ? jobAndTime(rest, timeOf, []) : scheduleLine('schedule', rest);
  },
  run: ([word = ''], rest) => (LIST.has(word) ? ['list'] : scheduleLine('run', rest)),
  update(_, rest) {
    const [job = ''] = rest;
    // The latest run of the job may have started.
    if (isName(job)) return ['list', '--job', job, '--state', 'scheduled,waiting,queued'];
    return timeLine('update', rest);
  },
  pause([name = '']) {
    if (name === 'all') return ['pause'];
    return ID.test(name)
      ? 'Jobs and schedules are paused; a run is ended: jobrun abort <id>'
      : null;
  },
  resume([name = '']) {
    if (name === 'all') return ['resume'];
    return ID.test(name) ? ['retry', name] : null;
  },
  init: ([folder = '.']) => (folder === '.' ? ['init'] : ['init', '--dir', folder]),
};

function schedulesOf(word: string, name = '<name>'): Guess {
  if (LIST.has(word)) return ['schedules'];
  if (REMOVE.has(word)) return ['unschedule', name];
  if (ADD.has(word)) return ['schedule', JOB, '--cron', '0 3 * * *', '--name', name];
  return word === 'pause' || word === 'resume' ? [word, '--schedule', name] : null;
}

/** `list failed`, `list mail`, `list mail failed`. */
function listOf(rest: Line): Guess {
  const [first = ''] = rest;
  if (first.startsWith('-') || first === '') return null;
  const isState = (word: string): boolean =>
    STATE_NAMES.some((name) => name === word.toLowerCase());
  const end = rest.findIndex((word) => word.startsWith('-'));
  const words = end < 0 ? rest : rest.slice(0, end);
  const states = words.filter(isState).map((word) => word.toLowerCase());
  const others = words.filter((word) => !isState(word) && word !== 'aux');
  const isTime = others.length > 0 && isSince(others.join(' '));
  if (others.length > 1 && !isTime) return null;
  const [job] = isTime ? [] : others;
  return [
    'list',
    ...(job === undefined ? [] : ['--job', job]),
    ...(states.length > 0 ? ['--state', states.join(',')] : []),
    ...(isTime ? ['--since', others.join(' ')] : []),
    ...rest.slice(words.length),
  ];
}

/** The job of a file that was named by its path; null where that is no path of one. */
function fileJob(typed: string): string | null {
  const [, below] = /^(?:.*\/)?jobs\/(.+)$/.exec(typed) ?? /^\.\/(.+)$/.exec(typed) ?? [];
  if (below === undefined && !EXTENSION.test(typed)) return null;
  return (below ?? typed).replace(EXTENSION, '');
}

/**
 * The line with a placeholder for an argument that is missing, and with the options of this program; null where the
 * parser refuses it all the same.
 */
async function typable(line: Line, may = 3): Promise<Line | null> {
  try {
    await parse(line);
    return withNameParam(line);
  } catch (error) {
    const { message } = error as Error;
    const [, missing] = /^missing required argument '(.+)'/.exec(message) ?? [];
    if (may === 0) return null;
    if (missing !== undefined) return typable([...line, `<${missing}>`], may - 1);
    const other = await withOwnOption(line, message);
    return other && typable(other, may - 1);
  }
}

/** The line with the option that was meant, or with the param that has its name. */
async function withOwnOption([command = '', ...rest]: Line, message: string): Promise<Line | null> {
  const [, name] = /^unknown option '--?(\w[\w-]*)/.exec(message) ?? [];
  const entry = entryOf(command);
  if (name === undefined || !entry) return null;
  const guess = optionGuess(await entry.load(), rest, message);
  if (guess !== null) return isSentence(guess) ? null : guess;
  return WITH_PARAMS.includes(command) ? asParam([command, ...rest], name) : null;
}

/** The name of a schedule, without one, is a param. */
function withNameParam(line: Line): Line {
  const isRule = line.some((word) => /^--(?:cron|every)(?:=|$)/.test(word));
  return line[0] === 'schedule' && !isRule && !line.includes('--')
    ? (asParam(line, 'name') ?? line)
    : line;
}

/** `--name=Ada` and `--name Ada` as `-p name=Ada`. */
function asParam(line: Line, name: string): Line | null {
  const at = line.findIndex((word) => word === `--${name}` || word.startsWith(`--${name}=`));
  const [, inline] = /=(.*)$/s.exec(line[at] ?? '') ?? [];
  const value = inline ?? line[at + 1];
  if (at < 0 || value === undefined || (inline === undefined && value.startsWith('-'))) return null;
  const after = line.slice(at + (inline === undefined ? 2 : 1));
  return [...line.slice(0, at), '-p', `${name}=${value}`, ...after];
}

const textOf = (line: Line): string =>
  ['jobrun', ...line.map((word) => (/^<.*>$/.test(word) ? word : shellWord(word)))].join(' ');

const WITH_PARAMS = ['run', 'schedule', 'rerun', 'update'];

/** How params are given, where they were typed in another way. `isGuessed`: the option may have been meant as one. */
function paramHint(error: JobrunError, argv: readonly string[], isGuessed: boolean): string | null {
  if (!WITH_PARAMS.includes(argv[commandAt(argv)] ?? '')) return null;
  const isLone = error.message.startsWith('--name has a meaning');
  const [, name = isLone ? 'name' : undefined, inline = inlineOf(argv, name)] =
    /^unknown option '--?(\w[\w-]*)(?:=(.*))?'/s.exec(error.message) ?? [];
  if (name === undefined) return fileParams(error, argv);
  const at = argv.indexOf(`--${name}`);
  const next = argv[at + 1];
  const value = inline ?? (at >= 0 && next !== undefined && !next.startsWith('-') ? next : null);
  // A mere switch is no param.
  if (isGuessed && value === null) return null;
  return `A param is given with -p ${shellWord(`${name}=${value ?? '<value>'}`)}.`;
}

const inlineOf = (argv: readonly string[], name = ''): string | undefined =>
  argv.find((word) => word.startsWith(`--${name}=`))?.slice(name.length + 3);

function fileParams({ message }: JobrunError, argv: readonly string[]): string | null {
  const at = argv.findIndex((word) => word === '--params' || word.startsWith('--params='));
  const [, inline] = /^--params=(.*)$/s.exec(argv[at] ?? '') ?? [];
  const typed = inline ?? argv[at + 1] ?? '';
  if (at < 0 || !message.includes('no JSON') || !/^[\w./~-]+$/.test(typed)) return null;
  return `From a file: --params @${typed}`;
}
