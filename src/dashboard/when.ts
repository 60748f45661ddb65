// The time that is typed into a form, and what it comes to: said at once, at every key.
import { errorLine, JobrunError } from '../support/errors.ts';
import { showInstant } from '../support/instants.ts';
import { parseInstant, type TimeReference } from '../support/typed-times.ts';

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

export function readWhen(text: string, here: TimeReference): When {
  const typed = text.trim();
  if (typed === '' || /^now$/i.test(typed)) return { ok: true, due: {}, echo: 'runs at once' };
  try {
    const { at, inMs, note } = parseInstant(typed, here);
    const due = inMs === undefined ? { dueAt: at } : { inMs };
    const echo = `runs ${showInstant(at, here.timezone, here.now)}`;
    return { ok: true, due, echo: note ? `${echo} (${note})` : echo };
  } catch (error) {
    if (!(error instanceof JobrunError)) throw error;
    return { ok: false, error: errorLine(error), hint: error.hint };
  }
}

/** A new due time: nothing typed is none, and does not start the run. */
export function readDue(text: string, here: TimeReference): When {
  if (text.trim() !== '') return readWhen(text, here);
  const hint = 'now, 18:30, in 20m, tomorrow 9:00, 2026-12-01 18:30';
  return { ok: false, error: `type a time: ${hint}`, hint };
}
