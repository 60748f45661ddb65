// The form for a new run, made from the schema of the job's params: a field for each of them, and when, key and
// priority. It gives texts, as `-p name=text` does; the daemon turns them into what the schema asks for, and says what
// does not fit.
import { paramFields, paramHint } from '../commands/shared/param-fields.ts';
import { type Json, parseJson } from '../support/json.ts';
import type { TimeReference } from '../support/typed-times.ts';
import type { Key } from './key-reader.ts';
import { EMPTY, edit, type Line, lineOf } from './line.ts';
import type { Request } from './request.ts';
import { readWhen } from './when.ts';

/** A job that a form can be made for. */
export interface FormJob {
  readonly name: string;
  readonly state: string;
  readonly description: string | null;
  readonly params: Json;
}

/** The jobs whose names have what was typed. */
export const matching = (jobs: readonly FormJob[] | null, { text }: Line): readonly FormJob[] =>
  (jobs ?? []).filter(({ name }) => name.toLowerCase().includes(text.trim().toLowerCase()));

export interface Form {
  readonly job: string;
  readonly fields: readonly Field[];
  /** The field with the caret; the one after the last is the button. */
  readonly at: number;
  readonly error: string;
  readonly busy: boolean;
}

export interface Field {
  readonly name: string;
  readonly kind: 'param' | 'json' | 'when' | 'key' | 'priority';
  readonly line: Line;
  /** What it takes: `number`, `one of a, b`. */
  readonly hint: string;
  readonly choices: readonly string[];
  readonly required: boolean;
}

export function formFor(job: FormJob): Form {
  const fields = [
    ...paramFields(job.params).map((one) => {
      const { name, kind, choices, required } = one;
      return field(name, kind, paramHint(one), { choices, required });
    }),
    field('when', 'when', 'now, 18:30, in 20m, tomorrow 9:00, 2026-12-01 18:30'),
    field('key', 'key', 'at most one unsettled run has it'),
    field('priority', 'priority', 'a number; higher runs first'),
  ];
  return { job: job.name, fields, at: 0, error: '', busy: false };
}

const field = (
  name: string,
  kind: Field['kind'],
  hint: string,
  more: Partial<Field> = {},
): Field => ({ name, kind, hint, line: EMPTY, choices: [], required: false, ...more });

/** The form after a key; null where the key means nothing to it. Enter on the button is the caller's. */
export function editForm(form: Form, key: Key): Form | null {
  const last = form.fields.length;
  const to = (at: number): Form => ({ ...form, at: Math.max(0, Math.min(at, last)) });
  const present = form.fields[form.at];
  switch (key.name) {
    case 'tab':
      return { ...form, at: form.at === last ? 0 : form.at + 1 };
    case 'enter':
    case 'down':
      return to(form.at + 1);
    case 'shift-tab':
    case 'up':
      return to(form.at - 1);
    case 'pagedown':
      return to(last);
    case 'pageup':
      return to(0);
  }
  if (!present) return null;
  const line = chosen(present, key) ?? edit(present.line, key);
  if (!line) return null;
  const fields = form.fields.map((one, i) => (i === form.at ? { ...one, line } : one));
  return { ...form, fields, error: '' };
}

/** Space and the arrows go through the choices, and past the last one to none. */
function chosen({ choices, line }: Field, key: Key): Line | null {
  const step = key.name === 'space' || key.name === 'right' ? 1 : key.name === 'left' ? -1 : 0;
  if (choices.length === 0 || step === 0) return null;
  const all = ['', ...choices];
  const at = Math.max(0, all.indexOf(line.text));
  return lineOf(all[(at + step + all.length) % all.length] ?? '');
}

export type Read =
  | { readonly ok: true; readonly request: Request }
  | { readonly ok: false; readonly error: string; readonly at: number };

/** What the form asks for, or the first thing in it that cannot be. */
export function readForm(form: Form, here: TimeReference): Read {
  const wrong = (at: number, error: string): Read => ({ ok: false, error, at });
  const texts: [string, string][] = [];
  let run: Record<string, Json> = { job: form.job };
  for (const [at, { name, kind, line, required }] of form.fields.entries()) {
    const text = kind === 'param' ? line.text : line.text.trim();
    if (text === '') {
      if (required) return wrong(at, `${name} is needed`);
      continue;
    }
    if (kind === 'param') texts.push([name, text]);
    else if (kind === 'key') run = { ...run, key: text };
    else if (kind === 'json') {
      const params = parseJson(text);
      if (params === undefined) return wrong(at, 'that is no JSON');
      run = { ...run, params };
    } else if (kind === 'priority') {
      if (!/^-?\d{1,7}$/.test(text)) return wrong(at, 'the priority is a whole number');
      run = { ...run, priority: Number(text) };
    } else {
      const when = readWhen(text, here);
      if (!when.ok) return wrong(at, when.error);
      run = { ...run, ...when.due };
    }
  }
  const args = { ...run, ...(texts.length > 0 && { texts }) } as Json;
  return {
    ok: true,
    request: { command: 'schedule', args, ids: [], doing: `scheduling ${form.job}`, done: '' },
  };
}
