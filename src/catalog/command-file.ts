// Command jobs as files: which file is one, what keeps it from starting, and the options beside it. The run bit alone
// says nothing: on many mounts every file has it.
import { closeSync, constants, existsSync, openSync, readSync, type Stats } from 'node:fs';
import { basename, isAbsolute } from 'node:path';
import { errnoOf, orElseSync, toJobrunError } from '../support/errors.ts';
import { fromJson } from '../support/json.ts';
import { MAX_VALUE_BYTES } from '../support/limits.ts';
import { programIn, readTextSync } from '../support/read-file.ts';
import type { Fields } from '../support/schema.ts';
import { shellWord } from '../support/text.ts';
import { BUILT_IN, type BuiltInEntry, type FileEntry, type JobFile } from './catalog.ts';
import { readOptions } from './definition.ts';

const isRunnable = ({ mode }: Stats): boolean => (mode & 0o111) !== 0;

/** True for a script or a program that may be run, and for any other such file that has options beside it. */
export function isCommand(file: string, stats: Stats): boolean {
  if (!isRunnable(stats)) return false;
  const head = headOf(file);
  return scriptLine(head) !== null || isProgram(head) || existsSync(optionsOf(file));
}

/**
 * Returns what a file that is no command lacks. `isMeant`: it could start, or may be started. A script that has neither
 * its first line nor its run bit may be there for others to read. Null where nothing speaks for a command.
 */
export function lackOf(
  file: string,
  stats: Stats,
): { readonly lacks: string; readonly isMeant: boolean } | null {
  const head = headOf(file);
  const isWhole = scriptLine(head) !== null || isProgram(head) || existsSync(optionsOf(file));
  const bit = `its run bit: chmod +x ${shellWord(file)}`;
  if (isWhole) return isRunnable(stats) ? null : { lacks: `lacks ${bit}`, isMeant: true };
  if (!SCRIPT_NAME.test(file)) return null;
  if (isRunnable(stats)) return { lacks: FIRST_LINE, isMeant: true };
  return { lacks: `${FIRST_LINE}, and ${bit}`, isMeant: false };
}

const FIRST_LINE = 'needs a first line with its interpreter, such as #!/bin/sh';
const SCRIPT_NAME = /\.(?:sh|bash|zsh|ksh|fish|py|rb|pl|php|lua|tcl|awk)$/i;

/** True for the name of a script, and for one without an ending, as programs have. */
export const mayBeCommand = (name: string): boolean =>
  SCRIPT_NAME.test(name) || !name.includes('.');

/** The file with the options of a command. */
export const optionsOf = (file: string): string => `${withoutEnding(file)}.json`;

export const withoutEnding = (name: string): string => name.replace(/(?<=[^/])\.[^./]+$/, '');

/** The entry of a command job: all there is to know stands in its option file. */
export function readCommand(file: JobFile, defaults: Fields): FileEntry {
  // The system would not start it, and a shell would take the lines of any language for its own.
  if (isMarkedScript(headOf(file.file)))
    return { ...file, state: 'broken', error: `${file.file}:1: ${MARKED}` };
  const options = optionsOf(file.file);
  try {
    return { ...file, state: 'ok', data: readOptions(optionsIn(options), defaults) };
  } catch (error) {
    // Any error breaks this job and no other.
    return { ...file, state: 'broken', error: `${options}: ${toJobrunError(error).message}` };
  }
}

/** The built-in job: its runs have the defaults of all jobs. */
export const typedCommands = (defaults: Fields): BuiltInEntry => ({
  name: BUILT_IN,
  kind: 'built-in',
  state: 'ok',
  data: readOptions({ description: 'programs typed after --' }, defaults),
});

function optionsIn(path: string): unknown {
  try {
    return fromJson(readTextSync(path, MAX_VALUE_BYTES));
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return {};
    throw error;
  }
}

/** Linux reads no more of the first line. */
const HEAD_BYTES = 256;

/** The first bytes, as one character each; empty where they cannot be read. */
function headOf(path: string): string {
  return orElseSync('', () => {
    const file = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK);
    try {
      const head = Buffer.alloc(HEAD_BYTES);
      return head.toString('latin1', 0, readSync(file, head, 0, HEAD_BYTES, 0));
    } finally {
      closeSync(file);
    }
  });
}

const BYTE_ORDER_MARK = '\u00ef\u00bb\u00bf';
const PROGRAMS = [
  '\u007fELF',
  // Mach-O in both orders of bytes, of 32 and 64 bits, and several in one.
  '\u00fe\u00ed\u00fa\u00ce',
  '\u00fe\u00ed\u00fa\u00cf',
  '\u00ce\u00fa\u00ed\u00fe',
  '\u00cf\u00fa\u00ed\u00fe',
  '\u00ca\u00fe\u00ba\u00be',
];

const isProgram = (head: string): boolean => PROGRAMS.some((magic) => head.startsWith(magic));

/** The first line of a script behind its `#!`, or null. */
function scriptLine(head: string): string | null {
  const text = head.startsWith(BYTE_ORDER_MARK) ? head.slice(BYTE_ORDER_MARK.length) : head;
  return text.startsWith('#!') ? (text.slice(2).split('\n')[0] ?? '') : null;
}

const isMarkedScript = (head: string): boolean => head.startsWith(`${BYTE_ORDER_MARK}#!`);
const MARKED = 'a byte order mark stands before "#!": save the file without one';

/** Why the system does not start a script, where its first line shows it. `path` as in PATH. */
export function scriptProblem(file: string, path: string): string | null {
  const head = headOf(file);
  const line = scriptLine(head);
  if (line === null) return null;
  if (isMarkedScript(head)) return MARKED;
  const [interpreter = '', ...words] = line.trim().split(/[ \t]+/);
  if (line.endsWith('\r'))
    return `the line ends in CRLF, which makes the interpreter "${interpreter}\\r": save the file with LF`;
  if (interpreter !== '' && !existsSync(interpreter))
    return `the interpreter ${interpreter} does not exist`;
  if (basename(interpreter) !== 'env') return null;
  // Options of env, and variables that it sets, stand before the program.
  const program = words.find((word) => !word.startsWith('-') && !word.includes('='));
  if (program === undefined || isFound(program, path)) return null;
  return `the interpreter ${program} is not in PATH`;
}

const isFound = (program: string, path: string): boolean =>
  isAbsolute(program) ? existsSync(program) : programIn(path, program) !== null;
