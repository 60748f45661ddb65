// Words that are no commands here, each with the line that does the same, and times that were typed without their
// option.
import { checkCron } from '../run/cron.ts';
import { STATE_NAMES } from '../run/run.ts';
import { systemClock } from '../support/clock.ts';
import { durationOf, spelledDuration } from '../support/durations.ts';
import { JobrunError } from '../support/errors.ts';
import { parseInstant } from '../support/typed-times.ts';

/** The words behind `jobrun`. */
export type Line = readonly string[];
/** A line, or a sentence where no line does the same; null if it is unknown what was meant. */
export type Guess = Line | string | null;

export const isSentence = (guess: Guess): guess is string => typeof guess === 'string';

export const JOB = '<job>';
const ID = '<id>';

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
const follow = as(['logs', '-f'], ID);
const update = (rest: Line): Guess => timeLine('update', rest) ?? as('update', ID)(rest);
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
  start: (rest) => (rest.length > 0 ? ['run', ...rest] : ['daemon']),
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
  at: ([at = '18:30', job = JOB]) => ['schedule', job, '--at', at],
  every: ([every = '1h', job = JOB]) => ['schedule', job, '--every', every],
  cron: only('schedule', JOB, '--cron', '0 3 * * *'),
  delay: later,
  defer: later,
  later,
  reschedule: update,
  postpone: update,
  edit: update,
  change: update,
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
  log: as('logs', ID),
  tail: follow,
  follow,
  attach: follow,
  'logs:tail': follow,
  watch: only('list', '--watch'),
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
  upgrade: () => 'The package is upgraded with npm: npm install jobrun@latest',
};

export function wordGuess(word: string, rest: Line): Guess {
  if (STATE_NAMES.some((name) => name === word)) return ['list', '--state', word];
  return Object.hasOwn(WORDS, word) ? (WORDS[word]?.(rest) ?? null) : null;
}

/** `run hello n=5`, `schedule hello tomorrow 9:00`, `schedule hello '0 3 * * *'`: what came after the job. */
export function scheduleLine(command: 'run' | 'schedule', [job = JOB, ...rest]: Line): Guess {
  const end = rest.findIndex((word) => word.startsWith('-'));
  const loose = end < 0 ? rest : rest.slice(0, end);
  const tail = end < 0 ? [] : rest.slice(end);
  const [first = ''] = loose;
  if (loose.length === 0) return null;
  if (loose.every((word) => /^[a-z_][\w.-]*:?=/i.test(word)))
    return [command, job, ...loose.flatMap((word) => ['-p', word]), ...tail];
  if (loose.length === 1 && /^[{[]|^@.*[./]/.test(first))
    return [command, job, '--params', first, ...tail];
  const time = command === 'schedule' ? timeOf(loose.join(' ')) : null;
  return time && [command, job, ...time, ...tail];
}

/** `update 5 tomorrow`. */
export function timeLine(command: string, [id = ID, ...rest]: Line): Guess {
  const time = rest.length > 0 && !rest[0]?.startsWith('-') ? timeOf(rest.join(' ')) : null;
  return time === null || time[0] === '--cron' || time[0] === '--every'
    ? null
    : [command, id, ...time];
}

/** The option for a time, with it; null where it is none. */
function timeOf(typed: string): Line | null {
  const [, word = '', text = ''] = /^(?:(in|at|on|every|cron)\s+)?(.*)$/is.exec(typed) ?? [];
  const isDuration = durationOf(text) !== null || spelledDuration(text) !== null;
  if (word.toLowerCase() === 'every') return isDuration ? ['--every', text] : null;
  if (isDuration) return ['--in', text];
  if (isRead(() => checkCron(text, 'UTC'))) return ['--cron', text];
  const here = { now: systemClock.now(), timezone: 'UTC' };
  // A day alone is refused, because it could be any hour of it.
  const time = [text, `${text} 9:00`].find((one) => isRead(() => parseInstant(one, here)));
  return time === undefined ? null : ['--at', time];
}

function isRead(read: () => unknown): boolean {
  try {
    read();
    return true;
  } catch (error) {
    if (!(error instanceof JobrunError)) throw error;
    return false;
  }
}
