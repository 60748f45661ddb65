// The whole state as lines of JSON, out and in:
//
//   {"jobrun":"export","format":1,…}  then request, starts, paused, schedule, run, log lines  then {"end":true,…,"sum"}
//
// The last line counts what came before it and has the checksum of all of it: a stream that was cut or changed is
// known. Runs come in the order of their ids, so that neither side holds more than a page of settled ones.
import { join } from 'node:path';
import { crc32 } from 'node:zlib';
import type { Run } from '../../run/run.ts';
import type { Schedule } from '../../run/schedule.ts';
import { listFolder, readOrDamaged } from '../../store/document.ts';
import { hex } from '../../support/checksums.ts';
import { type Clock, isoOf } from '../../support/clock.ts';
import { JobrunError } from '../../support/errors.ts';
import type { Disk } from '../../support/files.ts';
import { parseJson } from '../../support/json.ts';
import { PAGE_SIZE } from '../../support/limits.ts';
import { harmlessJson, piecesOf } from '../../support/text.ts';
import { readable } from './listing.ts';
import type { Recovered } from './recovered.ts';
import type { Answered } from './registry.ts';
import { LOG_NAME, readSteadily } from './repair/inspect.ts';
import { type Note, pausesOf, requestsOf, runOf, scheduleOf, startsOf } from './stored.ts';

export const STREAM_FORMAT = 1;
/** A long log goes in pieces. */
const CHUNK = 256 * 1024;

export interface Header {
  readonly nextId: number;
  readonly changes: number;
}

export type Item =
  | { readonly request: Answered }
  | { readonly starts: readonly [job: string, at: readonly number[]] }
  | { readonly paused: { readonly all: boolean; readonly jobs: readonly string[] } }
  | { readonly schedule: Schedule }
  | { readonly run: Run }
  | { readonly log: readonly [name: string, text: string] };

/** Every line, with its line feed. Throws where the state is damaged: a copy that lacks runs is no copy. */
export async function* exportLines(
  disk: Disk,
  dir: string,
  clock: Clock,
  version: string,
): AsyncGenerator<string> {
  const read = await readSteadily(disk, dir, clock);
  if (read.problems[0]) throw read.problems[0].error;
  const counts = { runs: 0, schedules: 0, logs: 0 };
  let sum = 0;
  const line = (value: object): string => {
    const text = `${harmlessJson(value)}\n`;
    sum = crc32(text, sum);
    return text;
  };
  const { nextId, changes } = read;
  const at = isoOf(clock.now());
  yield line({ jobrun: 'export', format: STREAM_FORMAT, version, at, nextId, changes });
  for await (const item of itemsOf(disk, dir, read)) {
    if ('run' in item) counts.runs++;
    if ('schedule' in item) counts.schedules++;
    if ('log' in item) counts.logs++;
    yield line(item);
  }
  yield `${JSON.stringify({ end: true, ...counts, sum: hex(sum) })}\n`;
}

async function* itemsOf(disk: Disk, dir: string, read: Recovered): AsyncGenerator<Item> {
  const { registry, memory } = read;
  for (const request of registry.requests.values()) yield { request };
  for (const starts of memory.starts()) yield { starts };
  const { all, jobs } = registry.pauses;
  yield { paused: { all, jobs: [...jobs].sort() } };
  for (const schedule of registry.schedules.values()) yield { schedule };
  for (const page of memory.tally.pages().toReversed())
    for (const run of await pageRuns(page, read)) yield { run };
  const folder = join(dir, 'logs');
  for (const name of (await listFolder(disk, folder)).filter((one) => LOG_NAME.test(one)))
    yield* logItems(await readOrDamaged(disk, join(folder, name)), name);
}

/** As they were read; settled ones as their page has them now, which a daemon may have changed meanwhile. */
async function pageRuns(page: number, { memory, pages, nextId }: Recovered): Promise<Run[]> {
  const runs = new Map<number, Run>();
  const damage: JobrunError[] = [];
  const file = pages.filed.has(page) ? await readable(pages.read(page), damage) : null;
  if (damage[0]) throw damage[0];
  for (const run of file?.runs ?? []) if (run.id < nextId) runs.set(run.id, run);
  for (let id = page * PAGE_SIZE; id < (page + 1) * PAGE_SIZE; id++) {
    const run = memory.known(id);
    if (run) runs.set(id, run);
    else if (run === null) runs.delete(id);
  }
  return [...runs.values()].sort((a, b) => a.id - b.id);
}

function* logItems(bytes: Buffer | JobrunError | null, name: string): Generator<Item> {
  if (!Buffer.isBuffer(bytes)) return;
  for (const piece of piecesOf(bytes.toString('utf8'), CHUNK)) yield { log: [name, piece] };
}

/** The header, then each item that makes sense; what does not is noted with its line. Throws at the first line that does not fit, and at the end if the stream was cut. */
export async function* readLines(
  lines: AsyncIterable<string>,
  noteIn: (line: number) => Note,
): AsyncGenerator<Header | Item> {
  const counts = { runs: 0, schedules: 0, logs: 0 };
  let [sum, n] = [0, 0];
  let ended = false;
  for await (const text of lines) {
    n++;
    if (ended) throw broken(`goes on after its end, in line ${n}`);
    const value = parseJson(text) as Record<string, unknown> | undefined | null;
    if (!value || typeof value !== 'object') throw broken(`has no JSON in line ${n}`);
    if (n === 1) yield headerOf(value);
    else if (value.end === true) {
      const same = (name: keyof typeof counts): boolean => value[name] === counts[name];
      if (value.sum !== hex(sum) || !same('runs') || !same('schedules') || !same('logs'))
        throw broken('does not fit the checksum in its last line');
      ended = true;
    } else {
      const item = itemOf(value, noteIn(n));
      if (!item) throw broken(`has something unknown in line ${n}`);
      if ('run' in value) counts.runs++;
      if ('schedule' in value) counts.schedules++;
      if ('log' in value) counts.logs++;
      if (item !== 'left out') yield item;
    }
    sum = crc32(`${text}\n`, sum);
  }
  if (!ended) throw broken(n === 0 ? 'is empty' : 'was cut off: its last line is missing');
}

function headerOf(value: Record<string, unknown>): Header {
  const { jobrun, format, nextId, changes } = value;
  if (jobrun !== 'export' || !Number.isSafeInteger(nextId) || !Number.isSafeInteger(changes))
    throw broken('does not begin as one does');
  if (format === STREAM_FORMAT) return { nextId: nextId as number, changes: changes as number };
  const message = `the stream has format ${format}, this jobrun knows ${STREAM_FORMAT}`;
  throw new JobrunError('state-newer', message, 'Use the version of jobrun that wrote it.');
}

/**
 * A line is one thing: the value of a second field would be taken in unchecked. Null where it is none of ours; of what
 * is ours and makes no sense `note` is told, and it is left out.
 */
function itemOf(value: Record<string, unknown>, note: Note): Item | 'left out' | null {
  const [[kind = '', of] = [], ...others] = Object.entries(value);
  if (others.length > 0) return null;
  switch (kind) {
    case 'run':
      return keptAs(kind, runOf(of, note), note);
    case 'schedule':
      return keptAs(kind, scheduleOf(of, note), note);
    case 'paused':
      return { paused: pausesOf(of, note) };
    case 'request':
      return firstOf(kind, requestsOf([of], note));
    case 'starts':
      return firstOf(kind, startsOf([of], note));
    case 'log':
      return isLog(of) ? { log: of } : null;
    default:
      return null;
  }
}

function keptAs(kind: string, record: Run | Schedule | string, note: Note): Item | 'left out' {
  if (typeof record !== 'string') return { [kind]: record } as unknown as Item;
  note(`a ${kind} makes no sense: ${record}`);
  return 'left out';
}

const firstOf = (kind: string, [record]: readonly unknown[]): Item | 'left out' =>
  record === undefined ? 'left out' : ({ [kind]: record } as unknown as Item);

function isLog(value: unknown): value is readonly [name: string, text: string] {
  if (!Array.isArray(value) || value.length !== 2) return false;
  return LOG_NAME.test(String(value[0])) && typeof value[1] === 'string';
}

export function broken(why: string): JobrunError {
  const hint = 'Nothing was imported. Make it anew: jobrun export > file';
  return new JobrunError('state-damaged', `the stream ${why}`, hint);
}
