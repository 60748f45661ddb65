// The request's description before anything of it is read: which host it names, which site it comes from, which path it
// asks for. Any web page can send a browser to a port of this machine. So the Host must be one of ours, which a page
// that lets its own name point here (DNS rebinding) cannot claim; and what a browser says of the page that asks must
// not be another site, or another port of this one.
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { HttpAddress } from '../support/http-address.ts';
import { LOOPBACKS } from '../support/http-address.ts';

/** The names by which requests may call the daemon. */
export interface OwnNames extends HttpAddress {
  readonly names: readonly string[];
}

/** True for the listening address and the loopback names with the port, and for further names with any port or none. */
export function isOurs(host: string | undefined, { host: own, port, names }: OwnNames): boolean {
  const [, name = '', digits] =
    /^(\[[0-9a-f:.]+\]|[\w.-]+)(?::(\d+))?$/i.exec(host?.toLowerCase() ?? '') ?? [];
  if (names.some((one) => one.toLowerCase() === name)) return true;
  const plain = name.replace(/^\[|\]$/g, '');
  return plain !== '' && Number(digits ?? 80) === port && [own, ...LOOPBACKS].includes(plain);
}

/** True where a browser says that the request comes from another site, or does not want to say from which. */
export function isFromElsewhere(
  { origin, 'sec-fetch-site': site }: IncomingMessage['headers'],
  own: OwnNames,
): boolean {
  if (site !== undefined && site !== 'same-origin' && site !== 'none') return true;
  if (origin === undefined) return false;
  const [, host] = /^https?:\/\/([^/]+)$/i.exec(origin) ?? [];
  return host === undefined || !isOurs(withPort(host, origin), own);
}

/** A browser leaves out the usual port of its scheme. */
const withPort = (host: string, origin: string): string =>
  /:\d+$/.test(host) ? host : `${host}:${/^https:/i.test(origin) ? 443 : 80}`;

/** The trace of the caller, for what it asks for. */
export function traceOfHeaders({ traceparent, tracestate }: IncomingMessage['headers']): object {
  if (traceparent === undefined) return {};
  return {
    traceparent: String(traceparent),
    ...(tracestate && { tracestate: String(tracestate) }),
  };
}

/** A request, and where its reply goes. */
export interface Visit {
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  /** The client waits to be told to send its body. */
  readonly isExpected: boolean;
  /** Aborted when the connection has gone before its reply, and when the API ends. */
  readonly signal: AbortSignal;
}

/** The parts of the path behind `base`, and the query. */
export interface Target {
  readonly parts: readonly string[];
  readonly query: URLSearchParams;
}

/** Null where no path of ours can be meant. */
export function targetOf(url: string, base: string): Target | null {
  const [, path = '', query = ''] = /^([^?#]*)(?:\?([^#]*))?/.exec(url) ?? [];
  if (!path.startsWith(`${base}/`)) return null;
  try {
    const parts = path
      .slice(base.length + 1)
      .split('/')
      .map(decodeURIComponent);
    return { parts, query: new URLSearchParams(query) };
  } catch (error) {
    if (error instanceof URIError) return null;
    throw error;
  }
}
