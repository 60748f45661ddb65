// A whole log, a part at a time: for a search, and for a file.
import type { LogPart } from '../commands/log.ts';
import type { LogLine } from '../run/view.ts';
import { ask, pathOf, type Query, withQuery } from './api.ts';
import { fieldsText, fileLine } from './log-window.ts';

/** Lines that are asked for at once. */
const PART = 20_000;
const MOST_FOUND = 1000;

export interface Found {
  readonly n: number;
  readonly line: LogLine;
}

export const askLog = (id: string, query: Query, signal: AbortSignal): Promise<LogPart> =>
  ask<LogPart>(withQuery(pathOf('runs', id, 'log'), query), { signal });

async function* logParts(id: string, signal: AbortSignal): AsyncGenerator<LogPart> {
  for (let seen = 0; ; ) {
    const part = await askLog(id, { after: seen, limit: PART }, signal);
    if (part.last === null || signal.aborted) return;
    yield part;
    seen = part.last;
    if (seen >= part.total) return;
  }
}

/** Looks for a text in all of the log, and tells what was found so far in how many lines. */
export async function findIn(
  id: string,
  text: string,
  signal: AbortSignal,
  tell: (found: readonly Found[], searched: number) => void,
): Promise<void> {
  const wanted = text.toLowerCase();
  const has = (said: string): boolean => said.toLowerCase().includes(wanted);
  let all: readonly Found[] = [];
  for await (const { first, last, lines } of logParts(id, signal)) {
    const found = lines.flatMap((line, i) =>
      has(line.text) || has(fieldsText(line)) ? [{ n: (first ?? 1) + i, line }] : [],
    );
    all = [...all, ...found].slice(0, MOST_FOUND);
    tell(all, last ?? 0);
    if (all.length === MOST_FOUND) return;
  }
}

/** All of the log that is kept, as the parts of a file. */
export async function fileOf(id: string): Promise<string[]> {
  const texts: string[] = [];
  for await (const { lines } of logParts(id, new AbortController().signal))
    texts.push(lines.map(fileLine).join(''));
  return texts;
}
