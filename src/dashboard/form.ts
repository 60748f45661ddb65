// The form for a new run, made from the schema of the job's params: a field for each of them, and when, key and
// priority. It gives texts, as `-p name=text` does; the daemon turns them into what the schema asks for. A fault stands
// at its field: some are seen while the field is typed, the others are in the daemon's refusal.
import { type ParamField, paramFields, paramHint } from '../commands/shared/param-fields.ts';
import { typedFrom, wrongIn } from '../commands/shared/param-texts.ts';
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
  /**
   * Null for the built-in job, whose programs come from a command line and never from a form, and for a job of another
   * host.
   */
  readonly file: string | null;
  readonly params: Json;
}

/** The jobs whose names have what was typed. */
export const matching = (jobs: readonly FormJob[] | null, { text }: Line): readonly FormJob[] =>
  (jobs ?? []).filter(({ name }) => name.toLowerCase().includes(text.trim().toLowerCase()));

export interface Form {
  readonly job: string;
  /** The run whose params the fields had first; null for a form of its own. */
  readonly like: string | null;
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
  /** The kind of its value: `number`, `one of a, b`. */
  readonly hint: string;
  readonly choices: readonly string[];
  readonly required: boolean;
  /** The type by the schema; empty if it names none, or several. */
  readonly type: string;
  /** The daemon's answer to this text. */
  readonly refused: string;
  /** The caret has been here and is elsewhere: only then is an empty field a fault. */
  readonly left: boolean;
}

/** A run that is run again with other params. */
export interface LikeRun {
  readonly id: string;
  readonly params: Json;
  readonly priority: number;
}

export function formFor(job: FormJob, like: LikeRun | null = null): Form {
  const params = fieldsFor(job.params, like?.params ?? null);
  const texts = like ? typedFrom(like.params, params) : {};
  const fields = [
    ...params.map((one) => {
      const { name, kind, choices, required, type } = one;
      const text = texts[name] ?? '';
      const line = lineOf(kind === 'json' ? text.replace(/\n\s*/g, ' ') : text);
      return field(name, kind, paramHint(one), { choices, required, type, line });
    }),
    field('when', 'when', 'now, 18:30, in 20m, tomorrow 9:00, 2026-12-01 18:30'),
    field('key', 'key', 'one unfinished run per key'),
    field('priority', 'priority', 'a number; higher runs first', {
      line: lineOf(like && like.priority !== 1 ? String(like.priority) : ''),
    }),
  ];
  return { job: job.name, like: like?.id ?? null, fields, at: 0, error: '', busy: false };
}

/** One field for all params where the schema does not tell apart what the other run has: nothing of it is lost. */
function fieldsFor(schema: Json, given: Json): readonly ParamField[] {
  const fields = paramFields(schema);
  const known = new Set(fields.map(({ name }) => name));
  const isKnown = given === null || Object.keys(given).every((name) => known.has(name));
  return isKnown ? fields : paramFields(null);
}

const field = (
  name: string,
  kind: Field['kind'],
  hint: string,
  more: Partial<Field> = {},
): Field => ({
  ...{ name, kind, hint, line: EMPTY, choices: [], required: false },
  ...{ type: '', refused: '', left: false, ...more },
});

/** The form after a key; null where the key means nothing to it. Enter on the button is the caller's. */
export function editForm(form: Form, key: Key): Form | null {
  const last = form.fields.length;
  const to = (at: number): Form => ({
    ...form,
    fields: form.fields.map((one, i) => (i === form.at ? { ...one, left: true } : one)),
    at: Math.max(0, Math.min(at, last)),
  });
  const present = form.fields[form.at];
  switch (key.name) {
    case 'tab':
      return to(form.at === last ? 0 : form.at + 1);
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
  const fields = form.fields.map((one, i) => (i === form.at ? { ...one, line, refused: '' } : one));
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

/** The fault of a field as it stands; empty if there is none, as far as can be told here. */
export function faultOf(field: Field, here: TimeReference): string {
  const { kind, line, required, left, refused, choices, name } = field;
  const text = kind === 'param' ? line.text : line.text.trim();
  if (text === '') return required && left ? `${name} is needed` : refused;
  if (kind === 'json') return parseJson(text) === undefined ? 'that is no JSON' : refused;
  if (kind === 'priority') return /^-?\d{1,7}$/.test(text) ? refused : PRIORITY;
  if (kind === 'when') {
    const when = readWhen(text, here);
    return when.ok ? refused : when.error;
  }
  if (choices.length > 0 && !choices.includes(text)) return `one of ${choices.join(', ')}`;
  return refused || typeFault(field, text);
}

const PRIORITY = 'the priority is a whole number';

/** The daemon has the last word: what a schema makes of a text is not known here. */
function typeFault({ type }: Field, text: string): string {
  const value = parseJson(text);
  if (type === 'number') return typeof value === 'number' ? '' : 'a number is asked for';
  if (type === 'integer') return Number.isInteger(value) ? '' : 'a whole number is asked for';
  return '';
}

/** The form with what the daemon said of it: each at its field, and all of it below where that is of none. */
export function refusedForm(form: Form, error: string): Form {
  const params = form.fields.filter(({ kind }) => kind === 'param');
  const wrong = wrongIn(error, params);
  const first = form.fields.findIndex(({ name, kind }) => kind === 'param' && name in wrong);
  const fields = form.fields.map((one) =>
    one.kind === 'param' ? { ...one, refused: wrong[one.name] ?? '' } : one,
  );
  const [all, at] = first < 0 ? [error, form.at] : ['', first];
  return { ...form, fields, error: all, busy: false, at };
}

/** The request of the form, or the first fault in it. */
export function readForm(form: Form, here: TimeReference): Read {
  const texts: [string, string][] = [];
  let run: Record<string, Json> = { job: form.job };
  for (const [at, one] of form.fields.entries()) {
    const { name, kind, line, required } = one;
    const text = kind === 'param' ? line.text : line.text.trim();
    if (text === '' && !required) continue;
    // A param that seems not to fit is the daemon's to judge.
    const error = kind === 'param' && text !== '' ? '' : faultOf({ ...one, left: true }, here);
    if (error !== '') return { ok: false, error, at };
    if (kind === 'param') texts.push([name, text]);
    else if (kind === 'key') run = { ...run, key: text };
    else if (kind === 'json') run = { ...run, params: parseJson(text) as Json };
    else if (kind === 'priority') run = { ...run, priority: Number(text) };
    else {
      const when = readWhen(text, here);
      if (when.ok) run = { ...run, ...when.due };
    }
  }
  const args = { ...run, ...(texts.length > 0 && { texts }) } as Json;
  return {
    ok: true,
    request: { command: 'schedule', args, ids: [], doing: `scheduling ${form.job}`, done: '' },
  };
}
