// Replies of the HTTP door: the headers that each of them carries, errors as the command line prints them with
// `--json`, and the status that belongs to the exit code of an error. A refusal is a value, not an exception: the door
// decides in order, and the first refusal is the reply.
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Duplex } from 'node:stream';
import type { Clock } from '../support/clock.ts';
import {
  type ErrorCode,
  errnoOf,
  exitCodeOf,
  JobrunError,
  toJobrunError,
} from '../support/errors.ts';
import type { Json } from '../support/json.ts';
import { harmlessJson } from '../support/text.ts';
import { isLingering, linger } from './linger.ts';
import type { PageFile } from './page.ts';

export interface Reply {
  readonly status: number;
  /** Undefined: there is none. */
  readonly body?: Json;
  readonly headers?: Readonly<Record<string, string>>;
}

/** A line of JSON for each part of a reply. */
export const LINES_TYPE = 'application/x-ndjson';

/** Nothing is loaded from elsewhere, no page may frame ours, and no script may write HTML. */
const POLICY = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self'",
  "img-src 'self'",
  "connect-src 'self'",
  "frame-ancestors 'none'",
  "base-uri 'none'",
  "form-action 'none'",
  "require-trusted-types-for 'script'",
  "trusted-types 'none'",
].join('; ');

const ALWAYS = {
  'Cache-Control': 'no-store',
  'Content-Security-Policy': POLICY,
  'Referrer-Policy': 'no-referrer',
  'X-Content-Type-Options': 'nosniff',
};

export function setCommonHeaders(response: ServerResponse): void {
  for (const [name, value] of Object.entries(ALWAYS)) response.setHeader(name, value);
}

const OF_PARSER: Readonly<Record<string, string>> = {
  HPE_HEADER_OVERFLOW: '431 Request Header Fields Too Large',
  ERR_HTTP_REQUEST_TIMEOUT: '408 Request Timeout',
};

/** Replies to what is no HTTP, too long a header, or a request that did not come in time. */
export function refuseMalformed(error: Error, socket: Duplex, clock: Clock): void {
  // The rest of what was refused comes as further faults.
  if (isLingering(socket)) return;
  if (!socket.writable) {
    socket.destroy();
    return;
  }
  const headers = Object.entries({ ...ALWAYS, Connection: 'close', 'Content-Length': '0' });
  const lines = headers.map(([name, value]) => `${name}: ${value}\r\n`).join('');
  const status = OF_PARSER[errnoOf(error)] ?? '400 Bad Request';
  socket.write(`HTTP/1.1 ${status}\r\n${lines}\r\n`);
  linger(socket, clock);
}

const OF_EXIT_CODES: Readonly<Record<number, number>> = {
  2: 400,
  3: 404,
  4: 503,
  5: 409,
  8: 507,
  74: 507,
  124: 503,
  130: 503,
};

/** The status of an error that a command ended with. */
export const statusOf = (code: ErrorCode): number => OF_EXIT_CODES[exitCodeOf(code)] ?? 500;

export function errorReply(thrown: unknown): Reply {
  const error = toJobrunError(thrown);
  return refusal(statusOf(error.code), error);
}

export const refusal = (
  status: number,
  error: JobrunError,
  headers: Readonly<Record<string, string>> = {},
): Reply => ({ status, body: { error: { ...error.toJSON() } }, headers });

/** `first`: the beginning of a path that was probably meant. */
export function noPath(first: string | null = null): Reply {
  const meant = first === null ? '' : `Did you mean /api/v1/${first}? `;
  const hint = `${meant}See /api/v1/openapi.json.`;
  return refusal(404, new JobrunError('unknown-path', 'there is no such path', hint));
}

export const notAllowed = (methods: readonly string[]): Reply =>
  refusal(
    405,
    new JobrunError('bad-request', `only ${methods.join(', ')}`, 'See /api/v1/openapi.json.'),
    { Allow: methods.join(', ') },
  );

/** Sends a reply. A body that was not read is not waited for: the connection ends with the reply. */
export function send(response: ServerResponse, { status, body, headers }: Reply): void {
  if (response.headersSent || response.destroyed) return;
  const text = body === undefined ? '' : `${textOf(body)}\n`;
  sendText(response, status, body === undefined ? null : 'application/json', text, headers);
}

export function sendText(
  response: ServerResponse,
  status: number,
  type: string | null,
  text: string,
  headers: Readonly<Record<string, string>> = {},
): void {
  if (hasBody(response.req) && !response.req.complete) response.setHeader('Connection', 'close');
  for (const [name, value] of Object.entries(headers)) response.setHeader(name, value);
  if (type !== null) response.setHeader('Content-Type', type);
  if (status !== 204) response.setHeader('Content-Length', Buffer.byteLength(text));
  response.writeHead(status);
  response.end(text);
}

/** Sends a file of the page, packed where the client says that it can unpack it. */
export function sendFile(
  response: ServerResponse,
  { type, bytes, zipped }: PageFile,
  accepted: string | string[] | undefined,
): void {
  const isZipped = /\bgzip\b/.test(String(accepted));
  const sent = isZipped ? zipped : bytes;
  response.writeHead(200, {
    'Content-Type': type,
    'Content-Length': sent.length,
    Vary: 'Accept-Encoding',
    ...(isZipped && { 'Content-Encoding': 'gzip' }),
  });
  response.end(response.req.method === 'HEAD' ? undefined : sent);
}

export const hasBody = ({ headers }: IncomingMessage): boolean =>
  headers['transfer-encoding'] !== undefined || Number(headers['content-length'] ?? 0) > 0;

function textOf(body: Json): string {
  try {
    return harmlessJson(body);
  } catch (error) {
    if (!(error instanceof RangeError)) throw error;
    const hint = 'Ask for fewer runs at once: limit=100.';
    const large = new JobrunError('too-large', 'the reply is too large', hint, error);
    return JSON.stringify({ error: large });
  }
}
