// Words that are no commands here, each with the line that does the same.
import { STATE_NAMES } from '../run/run.ts';
import { durationOf } from '../support/durations.ts';
import { entryOf } from './entries.ts';
import {
  cronOf,
  everyOf,
  type Guess,
  ID,
  JOB,
  jobAndTime,
  type Line,
  timeLine,
  timeOf,
} from './guessed-times.ts';

export { type Guess, JOB, type Line };

export const isSentence = (guess: Guess): guess is string => typeof guess === 'string';

/** Appends what was typed after the word; what it takes where nothing was. */
const as =
  (command: Line | string, takes?: string) =>
  (rest: Line): Line => [
    ...[command].flat(),
    ...(rest.length > 0 ? rest : takes === undefined ? [] : [takes]),
  ];
/** The same whatever came after the word. */
const only =
  (...line: Line) =>
  (): Line =>
    line;

const abort = as('abort', ID);
const remove = as('remove', ID);
const schedule = as('schedule', JOB);
const run = as('run', JOB);
const show = as('show', ID);
const logs = as('logs', ID);
const follow = (rest: Line): Line =>
  as(['logs', '-f'], ID)(rest.filter((word) => !['-f', '-F', '--follow'].includes(word)));
/** A change needs something that is changed. */
const update = ([id = ID, ...rest]: Line): Guess =>
  timeLine('update', [id, ...rest]) ?? [
    'update',
    id,
    ...(rest.length > 0 ? rest : ['--at', '18:30']),
  ];
const help = ([word = '']: Line): string =>
  `Try: jobrun help${entryOf(word) === undefined ? '' : ` ${word}`}`;
const later = ([first = '20m', second]: Line): Line => {
  const isFirst = durationOf(first) !== null;
  return [
    'schedule',
    (isFirst ? second : first) ?? JOB,
    '--in',
    (isFirst ? first : second) ?? '20m',
  ];
};
const prune = only('prune', '--older-than', '7d');
const create = as('new', JOB);
const pause = as('pause');
const resume = as('resume');
const crons = only('schedules');
export const RESTART = 'Restart it: jobrun stop && jobrun daemon --detach';

const WORDS: Readonly<Record<string, (rest: Line) => Guess>> = {
  start([first, ...rest]) {
    if (first === undefined || first === 'daemon') return ['daemon', ...rest];
    return [/^\d+$/.test(first) ? 'retry' : 'run', first, ...rest];
  },
  serve: only('daemon'),
  server: only('daemon'),
  up: (rest) => (rest.includes('-d') ? ['daemon', '--detach'] : ['daemon']),
  worker: only('daemon'),
  work: only('daemon'),
  'jobs:work': only('daemon'),
  'queue:work': only('daemon'),
  scale: ([n = '8']) => ['daemon', '--workers', n.replace(/^.*=/, '')],
  down: only('stop'),
  shutdown: only('stop'),
  quit: only('stop'),
  drain: only('stop'),
  restart([first]) {
    if (first === undefined) return RESTART;
    return /^\d+$/.test(first) ? ['rerun', first] : ['run', first];
  },
  replay: as('rerun', ID),
  cancel: abort,
  terminate: abort,
  end: abort,
  delete: remove,
  del: remove,
  clear: prune,
  clean: prune,
  cleanup: prune,
  purge: prune,
  flush: prune,
  gc: prune,
  reset: prune,
  add: schedule,
  submit: schedule,
  enqueue: schedule,
  queue: schedule,
  push: schedule,
  batch: as(['schedule', '--batch'], '<file>'),
  at: (rest) => jobAndTime(rest, timeOf, ['--at', '18:30']),
  every: (rest) => jobAndTime(rest, everyOf, ['--every', '1h']),
  cron: (rest) =>
    rest[0] === '-l' ? ['schedules'] : jobAndTime(rest, cronOf, ['--cron', '0 3 * * *']),
  delay: later,
  defer: later,
  later,
  reschedule: update,
  postpone: update,
  edit: update,
  change: update,
  move: update,
  set: update,
  promote: ([id = ID]) => ['update', id, '--now'],
  exec: run,
  execute: run,
  trigger: run,
  invoke: run,
  call: run,
  dispatch: run,
  perform: run,
  fire: run,
  launch: run,
  test: ([job = JOB]) => ['run', job, '--local'],
  info: show,
  inspect: show,
  describe: show,
  get: show,
  output: show,
  result: show,
  results: show,
  log: logs,
  cat: logs,
  out: logs,
  tail: follow,
  follow,
  attach: follow,
  'logs:tail': follow,
  watch: (rest) =>
    rest.some((word) => !word.startsWith('-')) ? follow(rest) : ['list', '--watch'],
  runs: as('list'),
  history: ([job = JOB]) => ['list', '--job', job],
  errors: only('list', '--state', 'failed,aborted'),
  job: as('jobs'),
  queues: only('jobs'),
  check: only('jobs', '--check'),
  validate: only('jobs', '--check'),
  lint: only('jobs', '--check'),
  create,
  generate: create,
  g: create,
  make: create,
  crons,
  crontab: crons,
  timers: crons,
  'list-timers': crons,
  suspend: pause,
  hold: pause,
  disable: pause,
  unpause: resume,
  enable: resume,
  continue: resume,
  stats: only('status'),
  workers: only('status'),
  ping: only('status'),
  ui: only('dashboard'),
  monit: only('dashboard'),
  monitor: only('dashboard'),
  open: only('web'),
  browser: only('web'),
  metrics: () => 'A daemon serves /metrics: jobrun daemon --http 127.0.0.1:9464',
  config: only('doctor'),
  setup: only('init'),
  install: only('service', '--user'),
  startup: only('service', '--user'),
  systemd: only('service', '--user'),
  backup: () => 'The whole state: jobrun export > backup.jsonl',
  dump: () => 'The whole state: jobrun export > backup.jsonl',
  restore: as('import', '<file>'),
  load: as('import', '<file>'),
  docs: help,
  man: help,
  upgrade: () => 'The package is upgraded with npm: npm install jobrun@latest',
};

export function wordGuess(word: string, rest: Line): Guess {
  if (STATE_NAMES.some((name) => name === word)) return ['list', '--state', word];
  return Object.hasOwn(WORDS, word) ? (WORDS[word]?.(rest) ?? null) : null;
}
