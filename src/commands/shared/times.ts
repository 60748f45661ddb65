// When something is due, from `--at` and `--in`. The parsers of words and zones are loaded only if they are needed.
import { parseDuration, spelledDuration } from '../../support/durations.ts';
import { JobrunError } from '../../support/errors.ts';
import { LAST_TYPED } from '../../support/limits.ts';
import type { TimeReference } from '../../support/typed-times.ts';

export interface GivenTime {
  readonly at?: unknown;
  readonly in?: unknown;
  readonly now?: unknown;
}

export interface Due {
  readonly dueAt?: number;
  readonly inMs?: number;
}

/** `note` says what the asker should know: a past time, a doubled one. */
export async function readDue(
  given: GivenTime,
  here: TimeReference,
): Promise<{ readonly due: Due; readonly note: string | null }> {
  const { at, in: within, now } = given;
  const times = Object.entries(given).filter(([, one]) => one !== undefined && one !== false);
  if (times.length > 1) {
    const hint = `Give one of ${times.map(([name]) => `--${name}`).join(' and ')}.`;
    throw new JobrunError('bad-option', 'two times were given for one run', hint);
  }
  if (within !== undefined) {
    return { due: { inMs: readIn(String(within), here) }, note: null };
  }
  if (now === true) return { due: { inMs: 0 }, note: null };
  if (at === undefined) return { due: {}, note: null };
  const { parseInstant } = await import('../../support/typed-times.ts');
  const { at: dueAt, inMs, note } = parseInstant(String(at), here);
  return { due: inMs === undefined ? { dueAt } : { inMs }, note };
}

function readIn(text: string, { now }: TimeReference): number {
  const ms = spelledDuration(text.trim().replace(/^in\s+/i, '')) ?? parseDuration(text, '--in');
  if (now + ms <= LAST_TYPED) return ms;
  throw new JobrunError(
    'bad-time',
    `--in: "${text}" ends after the year 9999`,
    'Give a shorter one.',
  );
}

/** The milliseconds of an instant that one of our own views wrote. */
export const instantOf = (iso: string): number => Date.parse(iso);
