// Requests to the API, and what is known from its replies: whether the key allows changes, and the daemon's clock and zone.
// An error is a `JobrunError`, as everywhere: with the daemon's own message and hint where it replied.
import { type ErrorShape, JobrunError } from '../support/errors.ts';
import { ownClock, setClock } from '../support/page-clock.ts';
import { BASE, currentKey } from './address.ts';
import { Told } from './told.ts';

/** The rights of this page; null until a reply has told them. */
export const access = new Told<'read' | 'all' | null>(null);

/** The project's zone; the browser's own until it is known. */
export const ownZone = new Intl.DateTimeFormat().resolvedOptions().timeZone;
export const zone = new Told(ownZone);

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
  const response = await send(path, asking);
  const allowed = response.headers.get('Jobrun-Access');
  if (allowed === 'read' || allowed === 'all') access.tell(allowed);
  if (response.status === 204) return null as Reply;
  const body = await response.json().catch(() => null);
  if (response.ok && body !== null) return body as Reply;
  // The reply had begun when it was no longer needed.
  throw asking.signal?.aborted ? interrupted() : errorOf(response.status, body);
}

/** The response as it comes, for a stream. */
export async function send(path: string, asking: Asking = {}): Promise<Response> {
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
  } catch (error) {
    if (signal?.aborted) throw interrupted(error);
    throw new JobrunError(
      'no-daemon',
      'the daemon does not answer',
      'Start it: jobrun daemon',
      error,
    );
  }
}

const interrupted = (error?: unknown): JobrunError =>
  new JobrunError('interrupted', 'no longer needed', 'Ask again.', error);

function errorOf(status: number, body: unknown): JobrunError {
  const shape = (body as { readonly error?: ErrorShape } | null)?.error;
  if (shape) return new JobrunError(shape.code, shape.message, shape.hint);
  const hint = 'Something in front of the daemon has replied.';
  return new JobrunError(status === 401 ? 'unauthorized' : 'no-daemon', `status ${status}`, hint);
}

/** The error for whatever was thrown. */
export const errorIn = (thrown: unknown): JobrunError =>
  thrown instanceof JobrunError
    ? thrown
    : new JobrunError('internal', String(thrown), 'Reload the page.', thrown);

/** Asks for the daemon's clock and the project's zone. */
export async function askClock(): Promise<void> {
  const sent = ownClock();
  const here = await ask<{ readonly at: string; readonly zone: string }>('when?at=now');
  setClock(Date.parse(here.at), sent, ownClock());
  zone.tell(here.zone);
}
