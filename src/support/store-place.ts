// The place of a store, as `engine` in the config names it: a URL as libpq, the library of PostgreSQL, reads it, with
// `schema` beside its parameters. The password is kept apart, where nothing prints it: whatever is shown is made of the
// rest.
import { userInfo } from 'node:os';
import { JobrunError } from './errors.ts';
import { didYouMean, plainLine } from './text.ts';

export interface StorePlace {
  /** Several are tried in turn, until one is the primary. */
  readonly hosts: readonly StoreHost[];
  readonly user: string;
  readonly database: string;
  readonly schema: string;
  /** Parameters of libpq that say how to connect. */
  readonly parameters: Readonly<Partial<Record<Parameter, string>>>;
  /** As it may be shown: without the password. */
  readonly shown: string;
  /** The one of the URL, null where that has none. Not enumerable: a place that is printed whole does not show it. */
  readonly password: string | null;
}

export interface StoreHost {
  /** A name, an address, or the folder of a socket. */
  readonly name: string;
  readonly port: number;
}

const PARAMETERS = [
  'application_name',
  'channel_binding',
  'client_encoding',
  'connect_timeout',
  'dbname',
  'fallback_application_name',
  'gssencmode',
  'host',
  'keepalives',
  'keepalives_count',
  'keepalives_idle',
  'keepalives_interval',
  'options',
  'passfile',
  'password',
  'port',
  'schema',
  'sslcert',
  'sslkey',
  'sslmode',
  'sslnegotiation',
  'sslrootcert',
  'target_session_attrs',
  'tcp_user_timeout',
  'user',
] as const;

type Parameter = (typeof PARAMETERS)[number];

const MODES = ['disable', 'allow', 'prefer', 'require', 'verify-ca', 'verify-full'];
const DEFAULT_SCHEMA = 'jobrun';
const DEFAULT_PORT = 5432;
/** PostgreSQL cuts longer names in silence. */
const MAX_NAME_BYTES = 63;
const EXAMPLE = 'As in postgres://jobs@db.example/shop?schema=jobrun';
const URL_PARTS =
  /^postgres(?:ql)?:\/\/(?:(?<login>[^@/?#]*)@)?(?<hosts>[^/?#]*)(?:\/(?<database>[^?#]*))?(?:\?(?<query>[^#]*))?$/;

type Env = Readonly<Record<string, string | undefined>>;

/**
 * Null is the engine on files. Throws `bad-option` without the URL in its message, for a password may be in it.
 *
 * @param env what libpq reads of it stands in for what the URL leaves out
 */
export function storePlaceOf(engine: string, env: Env): StorePlace | null {
  if (engine === 'json') return null;
  const parts = URL_PARTS.exec(engine)?.groups;
  if (!parts) throw noEngine(engine);
  // The end of the password is a guess then, and a part of it would be shown as the name of a host.
  if (/@/.test(`${parts.hosts}${parts.database ?? ''}`))
    throw refusal('it has more than one @: write that of a password as %40, and a / as %2F');
  const given = parametersOf(parts.query ?? '');
  const [name = '', ...rest] = (parts.login ?? '').split(':');
  const from = (url: string | undefined, parameter: Parameter, variable: string): string =>
    given[parameter] || decoded(url ?? '') || env[variable] || '';
  const user = from(name, 'user', 'PGUSER') || userInfo().username;
  const database = from(parts.database, 'dbname', 'PGDATABASE') || user;
  const hosts = hostsOf(parts.hosts ?? '', given, env);
  const schema = schemaOf(given.schema ?? DEFAULT_SCHEMA);
  const mode = given.sslmode ?? env.PGSSLMODE;
  if (mode && !MODES.includes(mode)) throw refusal(`no sslmode "${plainLine(mode)}"`, mode, MODES);
  const { password = '', host: _host, port: _port, user: _user, dbname: _name, ...others } = given;
  const { schema: _schema, ...parameters } = others;
  const place = { hosts, user, database, schema, parameters, shown: '' };
  place.shown = shownOf(place);
  const secret = password || decoded(rest.join(':')) || null;
  return Object.defineProperty(place, 'password', { value: secret }) as typeof place & {
    password: string | null;
  };
}

/** `db.example:5432`, or the folder of the socket: for messages. */
export const hostText = ({ name, port }: StoreHost): string =>
  `${name.includes(':') ? `[${name}]` : name}:${port}`;

function parametersOf(query: string): Partial<Record<Parameter, string>> {
  const given: Partial<Record<Parameter, string>> = {};
  for (const one of query.split('&').filter(Boolean)) {
    const [name = '', ...value] = one.split('=');
    const known = PARAMETERS.find((parameter) => parameter === decoded(name));
    if (!known) throw refusal(`no parameter "${plainLine(decoded(name))}"`, name, PARAMETERS);
    given[known] = decoded(value.join('='));
  }
  return given;
}

function hostsOf(authority: string, given: Partial<Record<Parameter, string>>, env: Env) {
  const split = authority.split(',').map((one) => {
    const parts = /^(?:\[([^\]]*)\]|([^:]*))(?::(\d*))?$/.exec(one);
    if (!parts) throw refusal('a host is written host, host:port or [address]:port');
    const [, bracketed, plain = '', port = ''] = parts;
    return { name: decoded(bracketed ?? plain), port };
  });
  const names = given.host?.split(',') ?? split.map(({ name }) => name || env.PGHOST || '');
  const ports = given.port?.split(',') ?? split.map(({ port }) => port || env.PGPORT || '');
  return names.flatMap((name, i): StoreHost[] => {
    const port = Number((ports.length === 1 ? ports[0] : ports[i]) || DEFAULT_PORT);
    if (!(Number.isInteger(port) && port > 0 && port <= 65_535)) throw refusal('its port is none');
    return [{ name: name || 'localhost', port }];
  });
}

function schemaOf(name: string): string {
  if (name !== '' && Buffer.byteLength(name) <= MAX_NAME_BYTES && !/^pg_|\0/.test(name))
    return name;
  throw refusal(
    `"${plainLine(name)}" cannot be the name of a schema: it has 1 to ${MAX_NAME_BYTES} bytes, and does not begin with pg_`,
  );
}

function shownOf(place: Omit<StorePlace, 'password' | 'shown'>): string {
  const { hosts, user, database, schema, parameters } = place;
  const inQuery = hosts.some(({ name }) => name.startsWith('/'));
  const host = hosts.map(({ name }) => name).join(',');
  const port = hosts.map((one) => one.port).join(',');
  const query = Object.entries({ ...parameters, ...(inQuery && { host, port }), schema })
    .map(([name, value]) => `${name}=${encodeURI(value)}`)
    .join('&');
  const authority = `${encodeURIComponent(user)}@${inQuery ? '' : hosts.map(hostText).join(',')}`;
  return `postgres://${authority}/${encodeURIComponent(database)}?${query}`;
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    // A URIError, and nothing else can go wrong there.
    throw refusal('it has a % that begins no character: write a % itself as %25');
  }
}

function refusal(what: string, word = '', choices: Iterable<string> = []): JobrunError {
  const hint = word === '' ? EXAMPLE : didYouMean(word, choices);
  return new JobrunError('bad-option', `the URL of the engine: ${what}`, hint);
}

function noEngine(engine: string): JobrunError {
  const [, scheme = ''] = /^([\w+.-]+):/.exec(engine) ?? [];
  const hint = /^(?:rediss?|valkeys?)$/i.test(scheme)
    ? 'A Redis that is asked to fail over may lose what it has acknowledged: keep runs in files or in PostgreSQL.'
    : EXAMPLE;
  const what = /^postgres(?:ql)?$/.test(scheme)
    ? 'its URL cannot be read'
    : `there is no engine "${plainLine(scheme || engine.replace(/[^\w+.-].*/s, ''))}"`;
  const message = `${what}: it is json, or a URL that begins with postgres:// or postgresql://`;
  return new JobrunError('bad-option', message, hint);
}
