// A value that a job threw, as data: an Error, a text, nothing at all, or an object whose fields throw when they are
// read. Its stack has no frames of jobrun: what a job did wrong is shown where the job did it.
import { fileURLToPath } from 'node:url';
import { CALLBACK, PENDING, RETRY_AT } from '../catalog/job.ts';
import { isStopExitCode, isStopSignal } from '../run/outcome.ts';
import type { Due, RunError } from '../run/run.ts';
import { waitOf } from '../run/waits.ts';
import { type Duration, durationMs } from '../support/durations.ts';
import { JobrunError } from '../support/errors.ts';
import { cutText } from './lines.ts';
import { instantOf } from './values.ts';

const MAX_CAUSES = 10;

export function toRunError(thrown: unknown): RunError {
  const name = textField(thrown, 'name') ?? 'Error';
  const own = thrown instanceof Error || isObject(thrown) ? textField(thrown, 'message') : null;
  const said = typeof thrown === 'string' && thrown !== '' ? thrown : own;
  const message =
    said ?? (thrown instanceof Error ? `${name} without a message` : `threw ${shown(thrown)}`);
  const stack = [stackOf(thrown, `${name}: ${message}`), ...causesOf(thrown)].join('\n');
  return { name: cutText(name), message: cutText(message), stack: cutText(stack) };
}

function causesOf(thrown: unknown): readonly string[] {
  const texts: string[] = [];
  const seen = new Set([thrown]);
  let cause = field(thrown, 'cause');
  while (cause !== undefined && cause !== null && !seen.has(cause) && texts.length < MAX_CAUSES) {
    seen.add(cause);
    texts.push(`caused by: ${stackOf(cause, textField(cause, 'message') ?? shown(cause))}`);
    cause = field(cause, 'cause');
  }
  return texts;
}

const stackOf = (thrown: unknown, otherwise: string): string =>
  withoutOwnFrames(textField(thrown, 'stack') ?? otherwise, thrown instanceof JobrunError);

/** The error again, for a hook that is told of it. */
export function errorOf(error: RunError): Error {
  return Object.assign(new Error(error.message), { name: error.name, stack: error.stack });
}

/** True where the error itself says that another try is useless. */
export const isFatal = (thrown: unknown): boolean => field(thrown, 'retryable') === false;

/** The time of a RetryAt, or null. */
export function retryAtOf(thrown: unknown, now: number): Due | null {
  const when = field(thrown, RETRY_AT);
  if (when === undefined) return null;
  return when instanceof Date
    ? { dueAt: instantOf(when) }
    : waitOf(now, durationMs(when as Duration, 'RetryAt'));
}

/** The errors of `child_process`, and of packages that start processes, say how the process ended. */
export const isOfStoppedChild = (thrown: unknown): boolean =>
  isStopSignal(field(thrown, 'signal')) ||
  ['code', 'exitCode', 'status'].some((name) => isStopExitCode(field(thrown, name)));

/** The value of `ctx.callback`, or null. */
export function callbackOf(value: unknown): Again | null {
  const again = field(value, CALLBACK);
  return isObject(again) ? (again as Again) : null;
}

interface Again extends Due {
  readonly output?: unknown;
}

export const isPending = (value: unknown): boolean => field(value, PENDING) === true;

const isObject = (value: unknown): value is object => typeof value === 'object' && value !== null;

function textField(thrown: unknown, name: string): string | null {
  const value = field(thrown, name);
  return typeof value === 'string' && value !== '' ? value : null;
}

/** A field of something that job code made; undefined where it has none, or throws. */
export function field(value: unknown, name: PropertyKey): unknown {
  if (!isObject(value) && typeof value !== 'function') return undefined;
  try {
    return Reflect.get(value, name);
  } catch {
    // A getter or proxy of the job's own that throws: then it has no such field for us.
    return undefined;
  }
}

function shown(value: unknown): string {
  try {
    return (typeof value === 'string' ? value : JSON.stringify(value)) ?? String(value);
  } catch {
    // It cannot even be asked what it is: a proxy, a getter that throws.
    return 'something that cannot be read';
  }
}

const OWN = new URL('..', import.meta.url);
const PLACES = [OWN.href, fileURLToPath(OWN)];
const FRAME = /^\s+at /;
const NODE_FRAME = /^\s+at .*\bnode:internal\//;

const isOwnFrame = (line: string): boolean =>
  FRAME.test(line) && PLACES.some((place) => line.includes(place));

/**
 * The stack of something that job code threw or met. Ours stay where nothing else tells what happened: an error that is
 * not of jobrun's kind and arose in jobrun is a defect of ours.
 *
 * @param refused jobrun itself threw it, to refuse what the job asked
 */
function withoutOwnFrames(stack: string, refused: boolean): string {
  const lines = stack.split('\n');
  const first = lines.find((line) => FRAME.test(line));
  if (!refused && first !== undefined && isOwnFrame(first)) return stack;
  // Node's frames lie between ours and those of the job.
  const isNoise = (line: string): boolean => isOwnFrame(line) || (refused && NODE_FRAME.test(line));
  return lines.filter((line) => !isNoise(line)).join('\n');
}
