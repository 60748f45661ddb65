// Requests to the API, and what is known from its replies: whether the key allows changes, and the daemon's clock and
// zone. An error has the daemon's own message and hint where it replied.
import type { ErrorShape } from '../support/errors.ts';
import { after, ownClock, setClock } from '../support/page-clock.ts';
import { BASE, currentKey } from './address.ts';
import { ApiError } from './api-error.ts';
import { Observable } from './observable.ts';

/** The rights of this page; null until a reply has told them. */
export const access = new Observable<'read' | 'all' | null>(null);

/** The project's zone; the browser's own until it is known. */
export const ownZone = new Intl.DateTimeFormat().resolvedOptions().timeZone;
export const zone = new Observable(ownZone);

/** An answer that is not there by then does not come: the daemon is stopped, or the machine is. */
const SILENT_MS = 10_000;

export interface Asking {
  readonly method?: 'GET' | 'POST' | 'PUT' | 'DELETE';
  readonly body?: unknown;
  readonly signal?: AbortSignal;
  /** An abort is over when its run is, which may take as long as its job likes. */
  readonly patient?: boolean;
}

export type Query = Readonly<Record<string, string | number | boolean | null | undefined>>;

/** `runs?list=done&limit=50`; what is null, undefined or empty is left out. */
export function withQuery(path: string, query: Query): string {
  const given = new URLSearchParams();
  for (const [name, value] of Object.entries(query))
    if (value !== undefined && value !== null && value !== '') given.set(name, String(value));
  const text = given.toString();
  return text === '' ? path : `${path}?${text}`;
}

/** A path of the API, with names as its parts: `api/v1/jobs/reports%2Fdaily`. */
export const pathOf = (...parts: readonly string[]): string =>
  parts.map(encodeURIComponent).join('/');

/** The reply's body. Its shape is the API's promise, which the type names. */
export async function ask<Reply>(path: string, asking: Asking = {}): Promise<Reply> {
  return replyIn(await send(path, asking), asking.signal);
}

/** Asks for a change; it is waited for as long as it takes. */
export const post = <Reply>(path: string, body: unknown): Promise<Reply> =>
  ask<Reply>(path, { method: 'POST', body, patient: true });

/** The whole reply; where it comes in parts, `tell` gets what is found so far. */
export async function askParts<Reply>(
  path: string,
  signal: AbortSignal,
  tell: (part: Reply) => void,
): Promise<Reply> {
  let [last, rest] = [null as Reply | null, ''];
  const response = await hear(path, signal, SILENT_MS, (text) => {
    const lines = (rest + text).split('\n');
    rest = lines.pop() ?? '';
    for (const line of lines) {
      const part = JSON.parse(line);
      if (part.complete === false) tell(part);
      last = part;
    }
  });
  return replyIn(response, signal, last);
}

async function replyIn<Reply>(
  response: Response,
  signal?: AbortSignal,
  read: Reply | null = null,
): Promise<Reply> {
  const allowed = response.headers.get('Jobrun-Access');
  if (allowed === 'read' || allowed === 'all') access.set(allowed);
  if (response.status === 204) return null as Reply;
  // No JSON came from the daemon, but from something in front of it: then the status is all there is.
  const body = read ?? (await response.json().catch(() => null));
  if (response.ok && body !== null && !body.error?.code) return body as Reply;
  // The reply had begun when it was no longer needed.
  throw signal?.aborted ? interrupted() : errorOf(response.status, body);
}

/** Reads a reply as it comes, with an empty text as its beginning. It ends where nothing comes for so long. */
export async function hear(
  path: string,
  signal: AbortSignal,
  silentMs: number,
  tell: (text: string) => void,
): Promise<Response> {
  const ending = new AbortController();
  const end = (): void => ending.abort();
  let undo = after(silentMs, end);
  try {
    const ends = AbortSignal.any([signal, ending.signal]);
    const response = await send(path, { signal: ends, patient: true });
    if (!response.ok || !response.body) return response;
    tell('');
    const decoder = new TextDecoder();
    for await (const part of response.body) {
      undo();
      undo = after(silentMs, end);
      tell(decoder.decode(part, { stream: true }));
    }
    return response;
  } catch (error) {
    throw error instanceof ApiError && !ending.signal.aborted ? error : unanswered(signal);
  } finally {
    undo();
  }
}

async function send(path: string, asking: Asking = {}): Promise<Response> {
  const { method = 'GET', body, signal, patient = false } = asking;
  const signals = [signal, patient ? undefined : AbortSignal.timeout(SILENT_MS)];
  try {
    return await fetch(`${BASE}/api/v1/${path}`, {
      method,
      headers: {
        Authorization: `Bearer ${currentKey() ?? ''}`,
        ...(body !== undefined && { 'Content-Type': 'application/json' }),
      },
      ...(body !== undefined && { body: JSON.stringify(body) }),
      signal: AbortSignal.any(signals.filter((one) => one !== undefined)),
    });
  } catch {
    // A browser does not tell why there is no answer.
    throw unanswered(signal);
  }
}

const unanswered = (signal?: AbortSignal): ApiError =>
  signal?.aborted
    ? interrupted()
    : new ApiError('no-daemon', 'the daemon does not answer', 'Start it: jobrun daemon');

/** Given up by the page itself, which shows none of it. */
const interrupted = (): ApiError => new ApiError('interrupted', '', '');

function errorOf(status: number, body: unknown): ApiError {
  const shape = (body as { readonly error?: ErrorShape } | null)?.error;
  if (shape) return new ApiError(shape.code, shape.message, shape.hint);
  const hint = 'A proxy has replied.';
  return new ApiError(status === 401 ? 'unauthorized' : 'no-daemon', `status ${status}`, hint);
}

/** The error for whatever was thrown. */
export const errorIn = (thrown: unknown): ApiError =>
  thrown instanceof ApiError
    ? thrown
    : new ApiError('internal', String(thrown), 'Reload the page.');

/** Asks for the daemon's clock and the project's zone. */
export async function askClock(): Promise<void> {
  const sent = ownClock();
  const here = await ask<{ readonly at: string; readonly zone: string }>('when?at=now');
  setClock(Date.parse(here.at), sent, ownClock());
  zone.set(here.zone);
}
