// Many runs in one request: the lines of `schedule --batch`, one JSON object each, and the runs that a program asks for
// at the same time. Each has its result, in the same order, and one that is refused does not stop the others.
import { MAX_REQUEST_ID } from '../../api/protocol.ts';
import type { Accepted } from '../../engine/engine.ts';
import { isSettled } from '../../run/run.ts';
import type { RunView } from '../../run/view.ts';
import { isoOf } from '../../support/clock.ts';
import { type ErrorShape, JobrunError } from '../../support/errors.ts';
import { checkDepth, checkJson, type Json, mostBytes, parseJson } from '../../support/json.ts';
import { MAX_BATCH } from '../../support/limits.ts';
import { be, list } from '../../support/schema.ts';
import type { TimeReference } from '../../support/typed-times.ts';
import type { Context } from './command.ts';
import { acceptedBefore, draftsOf, runOf } from './drafts.ts';
import { fieldsOf, fromNames, type Kind, type Sent } from './options.ts';
import type { AcceptedView } from './replies.ts';
import { LINE, type RUN, type RunRequest } from './run-options.ts';
import { inTurns } from './several.ts';
import { readDue } from './times.ts';
import { viewerOfAccepted } from './views.ts';

/** With a `request` of its own a line is accepted once by itself, whatever becomes of the others. */
export type BatchLine =
  | { readonly line: number; readonly run: Sent<typeof RUN>; readonly request?: string }
  | { readonly line: number; readonly error: ErrorShape };

type Refused = { readonly line: number; readonly error: ErrorShape };

export type BatchResult = AcceptedView | Refused;
/** The form for a client that has the lines. */
export type ToldResult = BatchResult | ShortView;

/** Lines without a trace of their own have that of the command line. */
export function readBatch(
  text: string,
  here: TimeReference,
  trace: object = {},
): Promise<BatchLine[]> {
  const lines = text.split('\n').map((content, i) => ({ content, line: i + 1 }));
  const filled = lines.filter(({ content }) => content.trim() !== '');
  const read = filled.map(({ content, line }) => readLine(content, line, here));
  return Promise.all(read.map(async (line) => withTrace(await line, trace)));
}

const withTrace = (line: BatchLine, trace: object): BatchLine =>
  'run' in line && line.run.traceparent === undefined
    ? { ...line, run: { ...line.run, ...trace } }
    : line;

async function readLine(content: string, line: number, here: TimeReference): Promise<BatchLine> {
  try {
    return { line, run: await readRun(parseJson(content), here) };
  } catch (error) {
    if (error instanceof JobrunError) return { line, error: error.toJSON() };
    throw error;
  }
}

async function readRun(value: Json | undefined, here: TimeReference): Promise<Sent<typeof RUN>> {
  if (value === undefined) {
    const hint = 'Write one object a line: {"job":"mail","params":{"to":"ada"}}';
    throw new JobrunError('bad-request', 'that is no JSON', hint);
  }
  const fields = fieldsOf(value);
  checkDepth(value, 'its values');
  // Here, and not only in the daemon: one line that fits into no frame must not take the others with it.
  checkJson(fields.params ?? null, 'params');
  const { dueAt, inMs, ...rest } = fromNames(LINE, fields, 'a line of the batch');
  const { due } = await readDue({ at: dueAt, in: inMs }, here);
  return { ...rest, ...due };
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
  const isShort = mostBytes(line) <= SHORT_BYTES;
  return isShort ? PART_BYTES / MAX_BATCH : JSON.stringify(line).length;
}

const isLine = (line: unknown): boolean =>
  typeof line === 'object' &&
  line !== null &&
  ('run' in line || 'error' in line) &&
  hasOwnRequest(line);

const hasOwnRequest = (line: object): boolean =>
  !('request' in line) ||
  (typeof line.request === 'string' && line.request.length <= MAX_REQUEST_ID);

/** Lines as they are sent. A faulty run is reported in its place. */
export const lines: Kind<readonly BatchLine[]> = {
  schema: list(be<BatchLine>('a line with a run or an error', isLine)),
};

export async function acceptBatch(
  lines: readonly BatchLine[],
  context: Context,
  now: number,
): Promise<ToldResult[]> {
  const asked = lines.flatMap((line) => ('run' in line ? [line] : []));
  const tell = await teller(asked, context);
  const accept = asked.some(({ request }) => request !== undefined) ? acceptEach : acceptAll;
  const answers = (await accept(asked, context, now)).values();
  return lines.map((line) => {
    if ('error' in line) return line;
    const one = answers.next().value;
    if (one instanceof JobrunError) return { line: line.line, error: one.toJSON() };
    if (!one)
      throw new JobrunError('internal', 'a run was lost from a batch', 'Please report this.');
    return tell(one, line.run);
  });
}

type AskedLine = Extract<BatchLine, { run: unknown }>;
type Answer = Accepted | JobrunError;

async function draftsOfLines(
  asked: readonly AskedLine[],
  context: Context,
  now: number,
): ReturnType<typeof draftsOf> {
  const requests = await inTurns(context.clock, asked, ({ run }) => runOf(run));
  return draftsOf(requests, context, now);
}

/** All together, under the one request that they came with. */
async function acceptAll(
  asked: readonly AskedLine[],
  context: Context,
  now: number,
): Promise<readonly Answer[]> {
  const again = await acceptedBefore(asked.length, context, now);
  if (again) return again;
  const drafts = await draftsOfLines(asked, context, now);
  const good = drafts.flatMap((draft) => (draft instanceof JobrunError ? [] : [draft]));
  const { request } = context;
  const accepted = good.length > 0 ? await context.engine.accept(good, now, { request }) : [];
  const next = accepted.values();
  return drafts.flatMap((draft) =>
    draft instanceof JobrunError ? draft : (next.next().value ?? []),
  );
}

/**
 * Each under its own request: one that was accepted before is answered as then, one that is refused is refused alone.
 */
async function acceptEach(
  asked: readonly AskedLine[],
  context: Context,
  now: number,
): Promise<readonly Answer[]> {
  const drafts = await draftsOfLines(asked, context, now);
  return Promise.all(
    drafts.map((draft, i) => {
      const request = asked[i]?.request;
      return draft instanceof JobrunError
        ? acceptedOr(draft, { ...context, request }, now)
        : orError(context.engine.accept([draft], now, { request }));
    }),
  );
}

const acceptedOr = async (refused: JobrunError, context: Context, now: number): Promise<Answer> =>
  (await acceptedBefore(1, context, now))?.[0] ?? refused;

async function orError(accepting: Promise<readonly Accepted[]>): Promise<Answer> {
  try {
    const [one] = await accepting;
    return one ?? new JobrunError('internal', 'a run was lost', 'Please report this.');
  } catch (error) {
    if (error instanceof JobrunError) return error;
    throw error;
  }
}

/** The full replies to these lines. */
export const resultsOf = (
  told: readonly ToldResult[],
  lines: readonly BatchLine[],
): readonly BatchResult[] =>
  told.map((one, i) => {
    const line = lines[i];
    return 'line' in one || !line || 'error' in line ? (one as Refused) : inFull(one, line.run);
  });

/**
 * A run that was accepted as it was asked for, and has not begun, in few words: who asked knows the rest. This spares
 * both sides two thirds of a reply, and of a batch the reply is most of the work. A run that is not just as asked for
 * (a schema filled in params, a key was taken, something is hidden) is reported in full. `dueAt` missing: it was due
 * when it was created.
 */
export type ShortView = Pick<RunView, 'id' | 'state' | 'priority' | 'createdAt'> &
  Partial<Pick<RunView, 'dueAt' | 'reason'>>;

type Asked = Pick<RunRequest, 'job' | 'params'>;

/** The form in which accepted runs are reported to the client. */
async function teller(
  asked: readonly AskedLine[],
  context: Context,
): Promise<(accepted: Accepted, asked: Asked) => AcceptedView | ShortView> {
  const jobs = asked.map(({ run }) => String(run.job));
  const view = await viewerOfAccepted(jobs, context);
  const mayBeShort = context.daemon !== null && context.config.redact.length === 0;
  return (accepted, asked) =>
    mayBeShort && isAsAsked(accepted, asked) ? shortOf(accepted) : view(accepted);
}

function isAsAsked({ run, existing }: Accepted, asked: Asked): boolean {
  const isPlain = !existing && run.origin === null && run.life === null && !isSettled(run);
  return isPlain && run.params === asked.params && run.job === asked.job;
}

function shortOf({ run, reason }: Accepted): ShortView {
  const { id, state, priority, createdAt } = run;
  return {
    id: String(id),
    state: state.name,
    priority,
    createdAt: isoOf(createdAt),
    ...(state.dueAt !== createdAt && { dueAt: isoOf(state.dueAt) }),
    ...(reason !== null && { reason }),
  };
}

/** Makes the whole of it again, for the client. */
function inFull(told: AcceptedView | ShortView, { job, params }: Asked): AcceptedView {
  if ('job' in told) return told;
  const { id, state, priority, createdAt, dueAt = createdAt, reason = null } = told;
  return {
    id,
    job,
    state,
    params: params ?? null,
    priority,
    key: null,
    createdAt,
    dueAt,
    startedAt: null,
    settledAt: null,
    attempt: 0,
    maxAttempts: 1,
    progress: { percent: 0, text: null },
    checkpoint: null,
    output: null,
    error: null,
    reason,
    schedule: null,
    parent: null,
    after: [],
    worker: null,
    trace: null,
  };
}
