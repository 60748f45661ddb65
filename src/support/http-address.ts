// Where a daemon serves HTTP, as it is written: in the config, in a variable, behind `--http`.
import { isIP } from 'node:net';
import { JobrunError } from './errors.ts';

export interface HttpAddress {
  readonly host: string;
  readonly port: number;
}

export const LOOPBACK = '127.0.0.1';

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
