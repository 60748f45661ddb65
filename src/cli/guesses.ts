// Words that people know from other programs, and the line of jobrun that does the same. Loaded only when what was typed is
// refused: the refusal stays, with that line as its hint.
import { STATE_NAMES } from '../run/run.ts';
import { JobrunError } from '../support/errors.ts';
import { shellQuoted } from '../support/text.ts';
import { commandAt } from './entries.ts';

type Rest = readonly string[];

const ID = '<id>';
const JOB = '<job>';
/** The extensions of job files. */
const EXTENSION = /\.(?:[cm]?[jt]s|sh|py|rb|pl)$/;

/** A word as a shell takes it. */
const quoted = (word: string): string => (/^[\w@%+=:,./-]+$/.test(word) ? word : shellQuoted(word));

/** Appends what was typed after the word; what it takes where nothing was. */
const as =
  (command: string, takes: string) =>
  (rest: Rest): string =>
    [command, ...(rest.length > 0 ? rest.map(quoted) : [takes])].join(' ');

const abort = as('abort', ID);
const remove = as('remove', ID);
const schedule = as('schedule', JOB);
const show = as('show', ID);
const follow = as('logs -f', ID);

/** Words that are no commands here. */
const WORDS: Readonly<Record<string, (rest: Rest) => string>> = {
  start: (rest) => (rest.length > 0 ? as('run', '')(rest) : 'daemon'),
  serve: () => 'daemon',
  server: () => 'daemon',
  up: () => 'daemon',
  worker: () => 'daemon',
  work: () => 'daemon',
  down: () => 'stop',
  shutdown: () => 'stop',
  quit: () => 'stop',
  cancel: abort,
  terminate: abort,
  end: abort,
  delete: remove,
  del: remove,
  add: schedule,
  submit: schedule,
  enqueue: schedule,
  queue: schedule,
  push: schedule,
  batch: as('schedule --batch', '<file>'),
  at: ([at = '18:30', job = JOB]) => `schedule ${job} --at ${quoted(at)}`,
  every: ([every = '1h', job = JOB]) => `schedule ${job} --every ${quoted(every)}`,
  cron: () => `schedule <job> --cron '0 3 * * *'`,
  exec: as('run', JOB),
  info: show,
  inspect: show,
  describe: show,
  get: show,
  log: as('logs', ID),
  tail: follow,
  follow,
  watch: () => 'list --watch',
  ui: () => 'dashboard',
  config: () => 'doctor',
};

/** The line that was meant, without `jobrun`; null if that is unknown. */
function meant(argv: readonly string[], error: JobrunError): string | null {
  const at = commandAt(argv);
  const word = argv[at] ?? '';
  const rest = argv.slice(at + 1);
  const [first = ''] = rest;
  if (error.message.startsWith('unknown command'))
    return Object.hasOwn(WORDS, word) ? (WORDS[word]?.(rest) ?? null) : null;
  if (word === 'stop' && /^\d+$/.test(first)) return abort(rest);
  if ((word === 'list' || word === 'ls' || word === 'ps') && !error.message.includes('--'))
    return listOf(rest);
  if (word === 'logs' && /^[a-z]/i.test(first)) return `list --job ${quoted(first)} --limit 1`;
  const name = fileJob(first);
  if (name !== null) return [word, name, ...rest.slice(1).map(quoted)].join(' ');
  return null;
}

/** `list failed`, `list mail`, `list -n 3`. */
function listOf(rest: Rest): string | null {
  const [first = '', second] = rest;
  if (first === '-n') return `list --limit ${second ?? 10}`;
  const [, many] = /^-n?(\d+)$/.exec(first) ?? [];
  if (many !== undefined) return `list --limit ${many}`;
  if (first.startsWith('-') || first === '') return null;
  const isState = STATE_NAMES.some((state) => state === first.toLowerCase());
  return isState ? `list --state ${first.toLowerCase()}` : `list --job ${quoted(first)}`;
}

/** The job of a file that was named by its path; null where that is no path of one. */
function fileJob(typed: string): string | null {
  const [, below] = /^(?:.*\/)?jobs\/(.+)$/.exec(typed) ?? /^\.\/(.+)$/.exec(typed) ?? [];
  if (below === undefined && !EXTENSION.test(typed)) return null;
  return quoted((below ?? typed).replace(EXTENSION, ''));
}

/** `--name=Ada`, typed as if it were an option: a param. */
function paramOf({ message }: JobrunError): string | null {
  const [, name, value = '<value>'] =
    /^unknown option '--?(\w[\w-]*)(?:=(.*))?'/s.exec(message) ?? [];
  return name === undefined ? null : `A param is given with -p ${quoted(`${name}=${value}`)}.`;
}

/** The same error, and how to type what was meant where that is known. */
export function withGuess(error: JobrunError, argv: readonly string[]): JobrunError {
  const line = meant(argv, error);
  const takesParams = ['run', 'schedule', 'rerun', 'update'].includes(argv[commandAt(argv)] ?? '');
  const param = line === null && takesParams ? (paramOf(error) ?? fileParams(error, argv)) : null;
  const typed = `jobrun ${line}`;
  const hint = line === null ? param : `Try: ${typed}`;
  if (hint === null) return error;
  // A suggestion for a misspelt option stays: it may be right.
  const kept = error.hint.startsWith('Did you mean') && param !== null ? `${error.hint} ` : '';
  return new JobrunError(error.code, error.message, `${kept}${hint}`, error.cause);
}

function fileParams({ message }: JobrunError, argv: readonly string[]): string | null {
  const at = argv.findIndex((word) => word === '--params' || word.startsWith('--params='));
  const [, inline] = /^--params=(.*)$/s.exec(argv[at] ?? '') ?? [];
  const typed = inline ?? argv[at + 1] ?? '';
  if (at < 0 || !message.includes('no JSON') || !/^[\w./~-]+$/.test(typed)) return null;
  return `From a file: --params @${typed}`;
}
