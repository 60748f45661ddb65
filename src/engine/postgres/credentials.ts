// The parts of a login besides a name, from the places where libpq looks: the password, and how TLS is to be used. A
// password file or a key that others can read is not used, as libpq does not.
import { existsSync, readFileSync, statSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';
import type { ConnectionOptions } from 'node:tls';
import { JobrunError } from '../../support/errors.ts';
import type { StoreHost, StorePlace } from '../../support/store-place.ts';

export type Env = Readonly<Record<string, string | undefined>>;

/** The password of the URL, of `PGPASSWORD`, or of the password file; null if none of them has one. */
export function passwordOf(place: StorePlace, host: StoreHost, env: Env): string | null {
  if (place.password !== null) return place.password;
  if (env.PGPASSWORD) return env.PGPASSWORD;
  const file = place.parameters.passfile ?? env.PGPASSFILE ?? join(homeOf(env), '.pgpass');
  const stat = statSync(file, { throwIfNoEntry: false });
  if (!stat?.isFile() || stat.mode & 0o077) return null;
  // A socket in a folder is `localhost` there.
  const name = isSocket(host) ? 'localhost' : host.name;
  const wanted = [name, String(host.port), place.database, place.user];
  for (const line of readFileSync(file, 'utf8').split(/\r?\n/)) {
    if (line.startsWith('#')) continue;
    const [password, ...fields] = fieldsOf(line).reverse();
    const isMeant = fields.reverse().every((one, i) => one === '*' || one === wanted[i]);
    if (fields.length === wanted.length && isMeant && password !== undefined) return password;
  }
  return null;
}

/** `host:port:database:user:password`, where a backslash stands before a colon or backslash that is meant itself. */
const fieldsOf = (line: string): string[] =>
  [...line.matchAll(/((?:\\.|[^\\:])*)(?::|$)/g)]
    .map(([, field = '']) => field.replace(/\\(.)/g, '$1'))
    .slice(0, 5);

/** How to try the connection, one after the other: with these options of TLS, or (false) without. */
export function encryptions(
  place: StorePlace,
  host: StoreHost,
  env: Env,
): readonly (ConnectionOptions | false)[] {
  const mode = place.parameters.sslmode ?? env.PGSSLMODE ?? 'prefer';
  if (isSocket(host) || mode === 'disable') return [false];
  const options = tlsOptions(mode, place, env);
  if (mode === 'prefer') return [options, false];
  return mode === 'allow' ? [false, options] : [options];
}

function tlsOptions(mode: string, place: StorePlace, env: Env): ConnectionOptions {
  const fileOf = (given: string | undefined, name: string): string | null => {
    const file = given ?? join(homeOf(env), '.postgresql', name);
    return given !== undefined || existsSync(file) ? file : null;
  };
  const { sslrootcert, sslcert, sslkey } = place.parameters;
  const root = fileOf(sslrootcert ?? env.PGSSLROOTCERT, 'root.crt');
  const cert = fileOf(sslcert ?? env.PGSSLCERT, 'postgresql.crt');
  const key = fileOf(sslkey ?? env.PGSSLKEY, 'postgresql.key');
  const own = {
    ...(cert !== null && { cert: readFileSync(cert) }),
    ...(key !== null && { key: readFileSync(key) }),
  };
  if (root === 'system') return { ...own, rejectUnauthorized: true };
  const isVerified = mode.startsWith('verify-') || (mode === 'require' && root !== null);
  if (!isVerified) return { ...own, rejectUnauthorized: false };
  if (root === null) throw noRoot(mode);
  const byName = mode === 'verify-full' ? {} : { checkServerIdentity: () => undefined };
  return { ...own, ...byName, ca: readFileSync(root), rejectUnauthorized: true };
}

function noRoot(mode: string): JobrunError {
  const message = `sslmode ${mode} needs a root certificate, and there is none`;
  const hint = 'Name it with sslrootcert, or put it into ~/.postgresql/root.crt';
  return new JobrunError('bad-config', message, hint);
}

export const isSocket = ({ name }: StoreHost): boolean => name.startsWith('/');

const homeOf = (env: Env): string => env.HOME ?? homedir();
