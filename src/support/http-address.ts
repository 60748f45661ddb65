// The address at which a daemon serves HTTP, as it is written: in the config, in a variable, behind `--http`.
import { isIP } from 'node:net';
import { JobrunError } from './errors.ts';

export interface HttpAddress {
  readonly host: string;
  readonly port: number;
}

/** The entry `http` of the config, with the address of the variable or option in place of its own. */
export interface HttpSettings {
  /** The address, as it was written; null: HTTP is off. */
  readonly listen: string | null;
  /** The path in front of all others, behind a proxy: empty, or `/jobs`. */
  readonly base: string;
  /** Further host names by which requests may name the daemon. */
  readonly names: readonly string[];
  /** Refuses every change, also with the key that allows changes. */
  readonly readOnly: boolean;
}

export const HTTP_OFF: HttpSettings = { listen: null, base: '', names: [], readOnly: false };

const LOOPBACK = '127.0.0.1';
export const LOOPBACKS: readonly string[] = ['localhost', LOOPBACK, '::1'];

/**
 * `host:port`, `[::1]:port`, or a port alone, which is one of the loopback address.
 *
 * @param name what an error begins with
 */
export function httpAddressOf(address: string, name = 'http'): HttpAddress {
  const [, bracketed, plainHost, digits = ''] =
    /^(?:(?:\[([^\]]*)\]|([^:]*)):)?(\d{1,5})$/.exec(address) ?? [];
  const port = digits === '' ? Number.NaN : Number(digits);
  const host = bracketed ?? (plainHost || LOOPBACK);
  const isHost = bracketed === undefined ? /^[\w.-]+$/.test(host) : isIP(bracketed) === 6;
  if (isHost && port <= 65_535) return { host: host.toLowerCase(), port };
  const message = `${name}: "${address}" is no address to serve on`;
  throw new JobrunError('bad-option', message, 'Give host:port, as in 127.0.0.1:9464');
}
