// `schedule --batch`: one JSON object a line, and a result a line in the same order. A line that is refused does not
// stop the others.
import type { Accepted } from '../engine/engine.ts';
import { type ErrorShape, JobrunError } from '../support/errors.ts';
import { checkDepth, checkJson, type Json, mostBytes, parseJson } from '../support/json.ts';
import { MAX_BATCH } from '../support/limits.ts';
import { acceptedBefore } from './accepting.ts';
import type { Tools } from './command.ts';
import { draftsOf, type RunRequest } from './drafts.ts';
import { fieldsOf, notOneOf, wrong } from './fields.ts';
import { inFull, type ShortView, teller } from './short.ts';
import { type Here, readDue } from './times.ts';
import type { AcceptedView } from './views.ts';

export type BatchLine =
  | { readonly line: number; readonly run: RunRequest }
  | { readonly line: number; readonly error: ErrorShape };

type Refused = { readonly line: number; readonly error: ErrorShape };

export type BatchResult = AcceptedView | Refused;
/** As it is told to whoever has the lines. */
export type ToldResult = BatchResult | ShortView;

const KNOWN = ['job', 'params', 'at', 'in', 'priority', 'key', 'retries', 'after', 'force'];

export function readBatch(text: string, here: Here): Promise<BatchLine[]> {
  const lines = text.split('\n').map((content, i) => ({ content, line: i + 1 }));
  const filled = lines.filter(({ content }) => content.trim() !== '');
  return Promise.all(filled.map(({ content, line }) => readLine(content, line, here)));
}

async function readLine(content: string, line: number, here: Here): Promise<BatchLine> {
  try {
    return { line, run: await readRun(parseJson(content), here) };
  } catch (error) {
    if (error instanceof JobrunError) return { line, error: error.toJSON() };
    throw error;
  }
}

async function readRun(value: Json | undefined, here: Here): Promise<RunRequest> {
  if (value === undefined) {
    const hint = 'Write one object a line: {"job":"mail","params":{"to":"ada"}}';
    throw new JobrunError('bad-request', 'that is no JSON', hint);
  }
  const { at, in: within, ...rest } = fieldsOf(value);
  checkDepth(value, 'its values');
  // Here, and not only in the daemon: one line that fits into no frame must not take the others with it.
  checkJson(rest.params ?? null, 'params');
  const unknown = Object.keys(rest).find((name) => !KNOWN.includes(name));
  if (unknown !== undefined) throw notOneOf('a line of the batch', unknown, KNOWN);
  const { due } = await readDue({ at, in: within }, here);
  return { ...rest, ...due } as unknown as RunRequest;
}

/** Parts that fit into one call and one commit. */
export function cutBatch(lines: readonly BatchLine[]): readonly (readonly BatchLine[])[] {
  const parts: BatchLine[][] = [[]];
  let bytes = 0;
  for (const line of lines) {
    const size = sizeOf(line);
    const part = parts.at(-1) ?? [];
    if (part.length < MAX_BATCH && (part.length === 0 || bytes + size <= PART_BYTES)) {
      part.push(line);
      bytes += size;
    } else {
      parts.push([line]);
      bytes = size;
    }
  }
  return parts;
}

const PART_BYTES = 1024 * 1024;
/** As many lines as a call may have, each as large as this, fit into one frame, whatever is in them. */
const SHORT_BYTES = 3 * 1024;

/** Short ones, as nearly all are, count for their share of a part and are not measured. */
function sizeOf(line: BatchLine): number {
  const isShort = mostBytes(line as unknown as Json) <= SHORT_BYTES;
  return isShort ? PART_BYTES / MAX_BATCH : JSON.stringify(line).length;
}

const isLine = (line: unknown): boolean =>
  typeof line === 'object' && line !== null && ('run' in line || 'error' in line);

export async function acceptBatch(
  lines: readonly BatchLine[],
  tools: Tools,
  now: number,
): Promise<ToldResult[]> {
  if (!Array.isArray(lines) || !lines.every(isLine)) throw wrong('lines', 'a list of lines');
  const runs = lines.flatMap((line) => ('run' in line ? [line.run] : []));
  const tell = teller(tools);
  const again = (await acceptedBefore(runs.length, tools, now))?.values();
  if (again) {
    return lines.map((line) =>
      'error' in line ? line : tell(again.next().value as Accepted, line.run),
    );
  }
  const drafts = await draftsOf(runs, tools, now);
  const good = drafts.flatMap((draft) => (draft instanceof JobrunError ? [] : [draft]));
  // Before their commit begins, as for a single one.
  tools.wake();
  const { request } = tools;
  const accepted = good.length > 0 ? await tools.engine.accept(good, now, { request }) : [];
  const [nextDraft, nextAccepted] = [drafts.values(), accepted.values()];
  return lines.map((line) => {
    if ('error' in line) return line;
    const draft = nextDraft.next().value;
    if (draft instanceof JobrunError) return { line: line.line, error: draft.toJSON() };
    const one = nextAccepted.next().value;
    if (!one)
      throw new JobrunError('internal', 'a run was lost from a batch', 'Please report this.');
    return tell(one, line.run);
  });
}

/** What was told of these lines, in full. */
export const resultsOf = (
  told: readonly ToldResult[],
  lines: readonly BatchLine[],
): readonly BatchResult[] =>
  told.map((one, i) => {
    const line = lines[i];
    return 'line' in one || !line || 'error' in line ? (one as Refused) : inFull(one, line.run);
  });
