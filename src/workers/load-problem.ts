// The place of the fault in a job file: the line that threw, that does not parse, or that has the field which is
// refused. A place in jobrun's own code, or in a package, is none: it is not where the mistake can be mended.
import { readFileSync } from 'node:fs';
import { pathToFileURL } from 'node:url';
import { fieldOf } from '../catalog/definition.ts';
import { isOurs } from '../catalog/resolution.ts';
import { JobrunError } from '../support/errors.ts';
import { shortPath } from '../support/read-file.ts';
import { plainLine } from '../support/text.ts';
import { syntaxErrorIn } from './project-files.ts';
import { toRunError } from './thrown.ts';

/** Why a file could not be loaded, with path and line where they are known. */
export function loadProblem(file: string, thrown: unknown): string {
  const { name, message, stack } = toRunError(thrown);
  const place =
    placeIn(stack, file) ??
    syntaxPlace(file, thrown) ??
    fieldPlace(file, thrown) ??
    anyPlace(stack) ??
    shortPath(process.cwd(), file);
  const isNamed = thrown instanceof JobrunError || /^\w+Error: /.test(message);
  const text = isNamed ? message : `${name}: ${message}`;
  return `${place}: ${plainLine(text.trim())}`;
}

/** `jobs/mail.ts:12` where the text names a line of the file. */
function placeIn(text: string, file: string): string | null {
  for (const form of [file, pathToFileURL(file).href]) {
    const at = text.indexOf(`${form}:`);
    const line = at < 0 ? null : /^\d+/.exec(text.slice(at + form.length + 1));
    if (line) return `${shortPath(process.cwd(), file)}:${line[0]}`;
  }
  return null;
}

const syntaxPlace = (file: string, thrown: unknown): string | null =>
  thrown instanceof SyntaxError ? placeIn(syntaxErrorIn(file), file) : null;

/** The line of the wrong field of a definition, if it stands in the file itself. */
function fieldPlace(file: string, thrown: unknown): string | null {
  const field = fieldOf(thrown);
  const line = field === null ? null : lineOfField(readFileSync(file, 'utf8'), field);
  return line === null ? null : `${shortPath(process.cwd(), file)}:${line}`;
}

const COMMENT = /("(?:\\.|[^"\\\n])*"|'(?:\\.|[^'\\\n])*')|\/\*[\s\S]*?\*\/|\/\/[^\n]*/g;
const DEFINITION = /\bexport\s+default\b|\bmodule\s*\.\s*exports\b|\bdefineJob\s*\(/;

/** From 1. The parts of `retries.delay` are looked for one behind the other, first below where a definition begins. */
function lineOfField(source: string, field: string): number | null {
  const text = source.replace(
    COMMENT,
    (whole, string?: string) => string ?? whole.replace(/[^\n]/g, ' '),
  );
  const begin = Math.max(0, text.search(DEFINITION));
  let at = -1;
  for (const part of field.replace(/\[\d+\]/g, '').split('.')) {
    const next =
      keyAfter(text, part, at < 0 ? begin : at) ?? (at < 0 ? keyAfter(text, part, 0) : null);
    if (next === null) break;
    at = next;
  }
  return at < 0 ? null : text.slice(0, at).split('\n').length;
}

function keyAfter(text: string, name: string, from: number): number | null {
  const key = new RegExp(`(?<![\\w$.])(['"]?)${escapeRegExp(name)}\\1\\s*(?:[:(,}]|$)`, 'gm');
  key.lastIndex = from;
  return key.exec(text)?.index ?? null;
}

const escapeRegExp = (text: string): string => text.replace(/[\\^$.*+?()[\]{}|]/g, '\\$&');

/** The first line of any file of the project that the text names: the fault may lie in what the job imports. */
function anyPlace(text: string): string | null {
  for (const [, path = '', line] of text.matchAll(
    /(?:file:\/\/)?(\/[^\s:()]+\.[cm]?[jt]s):(\d+)/g,
  )) {
    const short = shortPath(process.cwd(), path);
    if (short !== path && isOurs(path)) return `${short}:${line}`;
  }
  return null;
}
