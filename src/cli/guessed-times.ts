// Times and params that were typed without their options, and the line of jobrun with them.
import { checkCron } from '../run/cron.ts';
import { systemClock } from '../support/clock.ts';
import { durationOf, spelledDuration } from '../support/durations.ts';
import { JobrunError } from '../support/errors.ts';
import { parseInstant, parseSince, type TimeReference } from '../support/typed-times.ts';

/** The words behind `jobrun`. */
export type Line = readonly string[];
/** A line, or a sentence where no line does the same; null if it is unknown what was meant. */
export type Guess = Line | string | null;

export const JOB = '<job>';
export const ID = '<id>';

/** `run hello n=5`, `schedule hello tomorrow 9:00`, `schedule hello '0 3 * * *'`: what came after the job. */
export function scheduleLine(command: 'run' | 'schedule', [job = JOB, ...rest]: Line): Guess {
  const { loose, tail } = parted(rest);
  const [first = ''] = loose;
  const pairs = withPairs(rest);
  if (pairs !== null) return [command, job, ...pairs];
  if (loose.length === 0) return null;
  if (loose.every((word) => /^[a-z_][\w.-]*:?=/i.test(word)))
    return [command, job, ...loose.flatMap((word) => ['-p', word]), ...tail];
  if (loose.length === 1 && /^[{[]|^@.*[./]/.test(first))
    return [command, job, '--params', first, ...tail];
  const time = command === 'schedule' ? timeOf(loose.join(' ')) : null;
  return time && [command, job, ...time, ...tail];
}

/** Words before the first option, and those from there. */
function parted(rest: Line): { readonly loose: Line; readonly tail: Line } {
  const end = rest.findIndex((word) => word.startsWith('-'));
  return end < 0 ? { loose: rest, tail: [] } : { loose: rest.slice(0, end), tail: rest.slice(end) };
}

/** `-p name Ada` as `-p name=Ada`; null where no param was typed so. */
function withPairs(rest: Line): Line | null {
  const isName = (word = ''): boolean => /^[a-z_][\w.]*$/i.test(word);
  const at = rest.findIndex(
    (word, i) => word === '-p' && isName(rest[i + 1]) && /^[^-]/.test(rest[i + 2] ?? ''),
  );
  if (at < 0) return null;
  const after = rest.slice(at + 3);
  return [
    ...rest.slice(0, at),
    '-p',
    `${rest[at + 1]}=${rest[at + 2]}`,
    ...(withPairs(after) ?? after),
  ];
}

/** `update 5 tomorrow`. */
export function timeLine(command: string, [id = ID, ...rest]: Line): Guess {
  const time = rest.length > 0 && !rest[0]?.startsWith('-') ? timeOf(rest.join(' ')) : null;
  return time === null || time[0] === '--cron' || time[0] === '--every'
    ? null
    : [command, id, ...time];
}

/** `17:30 hello` and `hello 17:30`; where no word is a time, with `otherwise`. */
export function jobAndTime(rest: Line, read: (text: string) => Line | null, otherwise: Line): Line {
  const { loose, tail } = parted(rest);
  const splits: readonly (readonly [time: Line, job: string | undefined])[] = [
    [loose.slice(0, -1), loose.at(-1)],
    [loose.slice(1), loose[0]],
    [loose, JOB],
  ];
  for (const [words, job = JOB] of splits) {
    const time = words.length > 0 ? read(words.join(' ')) : null;
    if (time !== null) return ['schedule', job, ...time, ...tail];
  }
  return ['schedule', loose[0] ?? JOB, ...otherwise, ...tail];
}

export const cronOf = (text: string): Line | null =>
  isRead(() => checkCron(text, 'UTC')) ? ['--cron', text] : null;

export const everyOf = (text: string): Line | null =>
  durationOf(text) !== null || spelledDuration(text) !== null ? ['--every', text] : null;

/** True for a word that stands before a time, or is a length of time. */
export const namesTime = (word: string): boolean =>
  /^(?:in|at|on|every|cron)$/i.test(word) || durationOf(word) !== null;

/** True for what `list --since` reads. */
export const isSince = (text: string): boolean => isRead(() => parseSince(text, inUtc()));

const inUtc = (): TimeReference => ({ now: systemClock.now(), timezone: 'UTC' });

/** The option for a time, with it; null where it is none. */
export function timeOf(typed: string): Line | null {
  const [, word = '', text = ''] = /^(?:(in|at|on|to|every|cron)\s+)?(.*)$/is.exec(typed) ?? [];
  const isDuration = durationOf(text) !== null || spelledDuration(text) !== null;
  if (word.toLowerCase() === 'every') return isDuration ? ['--every', text] : null;
  if (isDuration) return ['--in', text];
  if (isRead(() => checkCron(text, 'UTC'))) return ['--cron', text];
  // A day alone is refused, because it could be any hour of it.
  const time = [text, `${text} 9:00`].find((one) => isRead(() => parseInstant(one, inUtc())));
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
