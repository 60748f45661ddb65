// `-p n=41` is the text "41" where no schema says that n is a number. The job may expect a number, so the command says it
// once, on stderr, and how to pass one.

import { parseJson } from '../support/json.ts';
import type { Tools } from './command.ts';
import type { Output } from './output.ts';
import type { Texts } from './params.ts';

/** Part of a reply to what was typed; no part of what `--json` prints. */
export interface TextNote {
  readonly textNote?: string;
}

/** Empty where the job has a schema, or no text looks like anything else. */
export function textNoteOf(
  job: string,
  texts: Texts | undefined,
  { catalog, config }: Pick<Tools, 'catalog' | 'config'>,
): TextNote {
  const entry = catalog.find(job);
  if (texts === undefined || entry?.state !== 'ok' || entry.data.has.has('params')) return {};
  const typed = texts.filter(([name, text]) => isTyped(text) && !config.redact.includes(name));
  if (typed.length === 0) return {};
  const names = [...new Set(typed.map(([name]) => name))];
  const are = names.length === 1 ? `${names[0]} is text` : `${names.join(', ')} are texts`;
  const better = typed.map(([name, text]) => `-p ${name}:=${quoted(text)}`).join(' ');
  return { textNote: `${are}: the job ${job} has no schema. To pass JSON: ${better}` };
}

/** A number, true, false, null, a list or an object. */
function isTyped(text: string): boolean {
  const value = parseJson(text);
  return value !== undefined && typeof value !== 'string';
}

const quoted = (text: string): string =>
  /^[\w.+-]+$/.test(text) ? text : `'${text.replaceAll("'", `'\\''`)}'`;

/** Says it, and gives the reply back without it. */
export function tellTextNote<Reply extends TextNote>(
  reply: Reply,
  out: Output,
): Omit<Reply, 'textNote'> {
  const { textNote, ...rest } = reply;
  if (textNote !== undefined) out.note`note: ${textNote}`;
  return rest;
}
