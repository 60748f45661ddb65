// Lines that people type first who know another program, and the line of jobrun that does the same. Loaded only when a
// line is refused: the refusal stays, with that line as its hint. No line is printed that the parser would refuse.
import { STATE_NAMES } from '../run/run.ts';
import { JobrunError } from '../support/errors.ts';
import { shellWord } from '../support/text.ts';
import { commandAt, entryOf } from './entries.ts';
import { optionGuess } from './guessed-options.ts';
import {
  type Guess,
  isSentence,
  JOB,
  type Line,
  RESTART,
  scheduleLine,
  timeLine,
  wordGuess,
} from './guessed-words.ts';
import { parse } from './program.ts';

/** The extensions of job files. */
const EXTENSION = /\.(?:[cm]?[jt]s|sh|py|rb|pl)$/;

/** The same error, and how to type what was meant where that is known. */
export async function withGuess(error: JobrunError, argv: readonly string[]): Promise<JobrunError> {
  // A hint that names the file of the job knows better.
  if (error.code === 'unknown-job' && !/^(?:See|Did) /.test(error.hint)) return error;
  const said = await meant(argv, error);
  const line = said === null || isSentence(said) ? said : await typable(said);
  const hint = line !== null && !isSentence(line) ? `Try: ${textOf(line)}` : line;
  const param = paramHint(error, argv, hint !== null);
  if (hint === null && param === null) return error;
  // A suggestion for a misspelt option stays: it may be right.
  const first = hint ?? (error.hint.startsWith('Did you mean') ? error.hint : null);
  // The name may be that of no job.
  const more = hint !== null && error.message.includes('no id of a run') ? error.hint : null;
  const all = [first, more, param].filter((one) => one !== null).join('\n');
  return new JobrunError(error.code, error.message, all, error.cause);
}

/** The line or sentence that was meant; null if that is unknown. */
async function meant(argv: readonly string[], error: JobrunError): Promise<Guess> {
  const at = commandAt(argv);
  const word = argv[at] ?? '';
  const rest = argv.slice(at + 1);
  if (error.message.startsWith('unknown command')) return wordGuess(word, rest);
  const entry = entryOf(word);
  if (error.message.startsWith('unknown option'))
    return entry ? optionGuess(await entry.load(), rest, error.message) : null;
  const command = entry?.name ?? word;
  const names = rest.filter((one) => !one.startsWith('-'));
  const own = OF_COMMANDS[command]?.(names, rest) ?? null;
  if (own !== null) return own;
  const [first = ''] = rest;
  const name = fileJob(first);
  return name === null ? null : [word, name, ...rest.slice(1)];
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
  logs: ([name = '']) => (isName(name) ? ['list', '--job', name, '--limit', '1'] : null),
  show: ([name = '']) => (isName(name) ? ['jobs', name] : null),
  wait: ([name = '']) => (isName(name) ? ['list', '--job', name] : null),
  abort(names, rest) {
    const [name = ''] = names;
    if (rest[0] === '-9' || rest[0] === '-KILL') return ['abort', '--force', ...rest.slice(1)];
    if (name === 'all') return ['abort', '--all'];
    return isName(name) ? ['abort', '--job', name] : null;
  },
  retry([name = '']) {
    if (name === 'all' || name === 'failed') return ['retry', '--failed'];
    return isName(name) ? ['retry', '--job', name] : null;
  },
  rerun: ([name = '']) => (isName(name) ? ['run', name] : null),
  remove: ([name = '']) => (name === 'all' ? ['prune', '--keep', '0'] : null),
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
    return scheduleLine('schedule', rest);
  },
  run: ([word = ''], rest) => (LIST.has(word) ? ['list'] : scheduleLine('run', rest)),
  update: (_, rest) => timeLine('update', rest),
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
  init: ([folder = '']) => (folder === '.' ? ['init'] : ['init', '--dir', folder]),
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
  const [job, ...more] = words.filter((word) => !isState(word));
  if (more.length > 0) return null;
  return [
    'list',
    ...(job === undefined ? [] : ['--job', job]),
    ...(states.length > 0 ? ['--state', states.join(',')] : []),
    ...rest.slice(words.length),
  ];
}

/** The job of a file that was named by its path; null where that is no path of one. */
function fileJob(typed: string): string | null {
  const [, below] = /^(?:.*\/)?jobs\/(.+)$/.exec(typed) ?? /^\.\/(.+)$/.exec(typed) ?? [];
  if (below === undefined && !EXTENSION.test(typed)) return null;
  return (below ?? typed).replace(EXTENSION, '');
}

/** The line with a placeholder for an argument that is missing; null where the parser refuses it all the same. */
async function typable(line: Line, may = 2): Promise<Line | null> {
  try {
    await parse(line);
    return line;
  } catch (error) {
    const [, missing] = /^missing required argument '(.+)'/.exec((error as Error).message) ?? [];
    return missing === undefined || may === 0 ? null : typable([...line, `<${missing}>`], may - 1);
  }
}

const textOf = (line: Line): string =>
  ['jobrun', ...line.map((word) => (/^<.*>$/.test(word) ? word : shellWord(word)))].join(' ');

const WITH_PARAMS = ['run', 'schedule', 'rerun', 'update'];

/** How params are given, where they were typed in another way. `isGuessed`: the option may have been meant as one. */
function paramHint(error: JobrunError, argv: readonly string[], isGuessed: boolean): string | null {
  if (!WITH_PARAMS.includes(argv[commandAt(argv)] ?? '')) return null;
  const [, name, inline] = /^unknown option '--?(\w[\w-]*)(?:=(.*))?'/s.exec(error.message) ?? [];
  if (name === undefined) return fileParams(error, argv);
  const at = argv.indexOf(`--${name}`);
  const next = argv[at + 1];
  const value = inline ?? (at >= 0 && next !== undefined && !next.startsWith('-') ? next : null);
  // A mere switch is no param.
  if (isGuessed && value === null) return null;
  return `A param is given with -p ${shellWord(`${name}=${value ?? '<value>'}`)}.`;
}

function fileParams({ message }: JobrunError, argv: readonly string[]): string | null {
  const at = argv.findIndex((word) => word === '--params' || word.startsWith('--params='));
  const [, inline] = /^--params=(.*)$/s.exec(argv[at] ?? '') ?? [];
  const typed = inline ?? argv[at + 1] ?? '';
  if (at < 0 || !message.includes('no JSON') || !/^[\w./~-]+$/.test(typed)) return null;
  return `From a file: --params @${typed}`;
}
