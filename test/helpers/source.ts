// The source read as text: files, their imports, their functions. It relies on the formatter: a function ends at the
// first `}` that stands as far to the left as its beginning.
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join, relative, resolve } from 'node:path';

export const ROOT = resolve(import.meta.dirname, '../..');

export interface Source {
  /** From the project folder: `src/run/pick.ts`. */
  readonly path: string;
  readonly lines: readonly string[];
  /** The same lines without comments and with empty texts, so that only code is left. */
  readonly code: readonly string[];
}

/** All files below a folder whose name ends in one of the given ways. */
export function sourcesIn(folder: string, endings = ['.ts', '.tsx']): Source[] {
  if (!existsSync(join(ROOT, folder))) return [];
  return (
    readdirSync(join(ROOT, folder), { recursive: true, withFileTypes: true })
      .filter((entry) => entry.isFile() && endings.some((ending) => entry.name.endsWith(ending)))
      .map((entry) => join(entry.parentPath, entry.name))
      // The peers of the bench, where somebody has installed them.
      .filter((path) => !path.includes('node_modules'))
      .map(read)
      .sort((a, b) => (a.path < b.path ? -1 : 1))
  );
}

function read(file: string): Source {
  const text = readFileSync(file, 'utf8');
  const lines = text.replace(/\n$/, '').split('\n');
  return { path: relative(ROOT, file), lines, code: bare(text).split('\n') };
}

const NOT_CODE =
  /\/\*[\s\S]*?\*\/|(?<![:'"`\\/])\/\/.*|'(?:\\.|[^'\\\n])*'|"(?:\\.|[^"\\\n])*"|`(?:\\.|[^`\\])*`/g;

const bare = (text: string): string =>
  text.replace(NOT_CODE, (part) => {
    const kept = part.replace(/[^\n]/g, '');
    return part.startsWith('/') ? kept : `''${kept}`;
  });

export interface Import {
  readonly line: number;
  readonly from: string;
  /** The file that a relative import means, from the project folder; null for a package. */
  readonly file: string | null;
  /** Named by its address only: started or loaded at run time, not imported. */
  readonly loaded: boolean;
}

const IMPORT = /(\bfrom\s*|\bimport\s*\(?\s*|\brequire\(\s*|new URL\(\s*)'([^']+)'/g;

export function importsOf(source: Source): Import[] {
  return source.lines.flatMap((text, i) => {
    if (/^\s*(\/\/|\*|\/\*)/.test(text)) return [];
    return [...text.matchAll(IMPORT)].map(([, how = '', from = '']) => ({
      line: i + 1,
      from,
      file: from.startsWith('.') ? fileOf(source, from) : null,
      loaded: how.startsWith('new URL'),
    }));
  });
}

/** Built files are named by what they are built from. */
function fileOf(source: Source, from: string): string {
  const path = relative(ROOT, resolve(ROOT, dirname(source.path), from));
  const written = [path.replace(/\.js$/, '.ts'), path.replace(/\.js$/, '.tsx'), path];
  return written.find((name) => existsSync(join(ROOT, name))) ?? path;
}

export interface Span {
  readonly line: number;
  readonly length: number;
  readonly name: string;
}

const FUNCTION = /^(\s*)(?:export )?(?:default )?(?:async )?function\*?\s+([\w$]+)/;
const METHOD =
  /^(\s+)(?:(?:static|async|get|set|override|private|protected|public)\s+)*\*?(#?[\w$]+)(?:<.*>)?\(.*(?:\{|\()$/;
const ARROW = /^(\s*).*=> \{$/;
const NO_NAME = new Set([
  'if',
  'for',
  'while',
  'switch',
  'catch',
  'return',
  'await',
  'throw',
  'super',
  'function',
]);

/** Every function that has a block, with its length in lines. */
export function functionsOf(source: Source): Span[] {
  return source.code.flatMap((text, i) => {
    const match = FUNCTION.exec(text) ?? METHOD.exec(text) ?? ARROW.exec(text);
    if (!match || NO_NAME.has(match[2] ?? '')) return [];
    const end = endOf(source.code, i, match[1] ?? '');
    return end === null
      ? []
      : [{ line: i + 1, length: end - i + 1, name: match[2] ?? 'a function' }];
  });
}

function endOf(code: readonly string[], start: number, indent: string): number | null {
  for (let i = start + 1; i < code.length; i++) {
    const text = code[i] ?? '';
    if (text.startsWith(`${indent}}`)) return i;
    // A call, or a declaration without a body.
    if (text.startsWith(`${indent})`) && !text.endsWith('{')) return null;
  }
  return null;
}
