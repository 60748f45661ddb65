// The time that is typed into a form, and what it comes to: said at once, at every key.
import { parseDuration, showDuration } from '../support/durations.ts';
import { errorLine, JobrunError } from '../support/errors.ts';
import { parseInstant, showInstant } from '../support/instants.ts';
import { LAST_INSTANT } from '../support/limits.ts';
import type { Here } from './clock-texts.ts';

export type When =
  | {
      readonly ok: true;
      readonly due: { readonly dueAt?: number; readonly inMs?: number };
      readonly echo: string;
    }
  | {
      readonly ok: false;
      readonly error: string;
      /** How it is written. */
      readonly hint: string;
    };

const FROM_NOW = /^(?:in\s+|\+\s*)?((?:\d+(?:\.\d+)?\s*(?:ms|[smhdw])\s*)+|PT?\d\w*)$/i;

export function readWhen(text: string, here: Here): When {
  const typed = text.trim();
  if (typed === '' || /^now$/i.test(typed)) return { ok: true, due: {}, echo: 'runs at once' };
  try {
    const [, duration = ''] = FROM_NOW.exec(typed) ?? [];
    if (duration !== '') {
      const inMs = parseDuration(duration.replace(/\s+/g, ''), 'the time');
      return { ok: true, due: { inMs }, echo: `runs ${shown(here.now + inMs, here)}` };
    }
    const { at, note } = parseInstant(typed, here);
    const echo = `runs ${shown(at, here)}`;
    return { ok: true, due: { dueAt: at }, echo: note ? `${echo} (${note})` : echo };
  } catch (error) {
    if (!(error instanceof JobrunError)) throw error;
    return { ok: false, error: errorLine(error), hint: error.hint };
  }
}

function shown(at: number, { now, timezone }: Here): string {
  return at > LAST_INSTANT ? `in ${showDuration(at - now)}` : showInstant(at, timezone, now);
}
