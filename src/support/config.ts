// The project's place and the contents of its config file. Order: option, JOBRUN_* variable, file, default. A key that
// is not known is an error with a suggestion: a misspelt setting that does nothing is worse than a stop.
import { existsSync } from 'node:fs';
import { hostname } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import * as v from 'valibot';
import { errnoOf, JobrunError, type Problem } from './errors.ts';
import { HTTP_OFF, type HttpSettings } from './http-address.ts';
import { httpSettings } from './http-settings.ts';
import { fromJson, type Json } from './json.ts';
import { MAX_HOST_LENGTH, MAX_WORKERS, MIN_LEASE_MS, MINUTE, SECOND } from './limits.ts';
import { readTextSync } from './read-file.ts';
import {
  anything,
  be,
  duration,
  type Fields,
  fields,
  httpAddress,
  list,
  mapOf,
  must,
  numberBetween,
  object,
  read,
  size,
  strict,
  systemText,
  text,
  textUpTo,
  whole,
  wholeOrText,
  zone,
} from './schema.ts';
import { type StorePlace, storePlaceOf } from './store-place.ts';
import { processZone } from './zone-names.ts';

export const CONFIG_FILE = 'jobrun.config.json';

export interface Config {
  /** The project folder, absolute. */
  readonly dir: string;
  readonly jobs: string;
  readonly state: string;
  /** Null: the larger of 4 and the machine's cores. */
  readonly workers: number | null;
  readonly timezone: string;
  readonly http: HttpSettings;
  readonly drainMs: number;
  /** Data fields of a job definition that stand in where a job says nothing. */
  readonly defaults: Readonly<Record<string, unknown>>;
  /** How long settled runs are kept, and how many or how many bytes of them at most. */
  readonly keep: Keep;
  readonly notify: readonly unknown[];
  readonly trace: TraceConfig;
  /** Set for workers on top of the daemon's own environment. */
  readonly env: Readonly<Record<string, string>>;
  readonly redact: readonly string[];
  /** The store that the runs are kept in; null: files in `state`. */
  readonly store: StorePlace | null;
  /** The environment names the engine, in place of the config file. */
  readonly engineIsReplaced: boolean;
  /** The config file has the password of the store in it. */
  readonly tellsPassword: boolean;
  /** How this machine is called in what is shown. */
  readonly host: string;
  /** How long this daemon may be silent before others take over what it holds. */
  readonly leaseMs: number;
}

/** Traces of runs; the environment may say more. */
export interface TraceConfig {
  /** The collector that spans are sent to. */
  readonly to?: string | undefined;
  /** The share of the traces that begin here and are sent, from 0 to 1. */
  readonly sample?: number | undefined;
  /** The first attempt joins the trace of its caller if it begins within this time. */
  readonly join: number;
  readonly headers: Readonly<Record<string, string>>;
  /** The address of a trace in the tool that shows it. */
  readonly link?: string | undefined;
}

/** Milliseconds, a number of runs, and bytes. */
export interface Keep {
  readonly done?: number | undefined;
  readonly failed?: number | undefined;
  readonly runs?: number | undefined;
  readonly bytes?: number | undefined;
}

export interface ConfigOptions {
  readonly dir?: string;
  readonly stateDir?: string;
}

const lease = v.pipe(
  duration,
  v.check((ms) => ms >= MIN_LEASE_MS, ` must be at least ${MIN_LEASE_MS / SECOND}s`),
);

/** Linux takes no variable of 128 KB, and no process could be started with it. */
const MAX_VARIABLE_BYTES = 120 * 1024;
const VARIABLE = be<string>(
  ({ input }) =>
    must(
      typeof input === 'string'
        ? `a text of at most ${MAX_VARIABLE_BYTES} bytes, without a NUL`
        : 'a text',
    )({ input }),
  (value) =>
    typeof value === 'string' &&
    !value.includes('\0') &&
    Buffer.byteLength(value) <= MAX_VARIABLE_BYTES,
);

const url = v.pipe(
  text,
  v.check((one) => /^https?:\/\//.test(one) && URL.canParse(one), must('an http or https address')),
);

/** The place of the id in the address of a trace. */
export const TRACE_ID = '{traceId}';

const TRACE = strict(
  {
    to: v.optional(url),
    sample: v.optional(numberBetween(0, 1)),
    join: v.optional(duration, MINUTE),
    headers: v.optional(mapOf(text), {}),
    link: v.optional(
      v.pipe(
        url,
        v.check((one) => one.includes(TRACE_ID), must(`an address with ${TRACE_ID} in it`)),
      ),
    ),
  },
  { noun: 'setting', place: 'settings' },
);

const FILE = strict(
  {
    jobs: v.optional(systemText, 'jobs'),
    state: v.optional(systemText, 'state'),
    workers: v.optional(wholeOrText(1, MAX_WORKERS)),
    timezone: v.optional(zone),
    http: v.optional(anything),
    drain: v.optional(duration, 30 * SECOND),
    defaults: v.optional(fields, {}),
    keep: v.optional(anything),
    notify: v.optional(list(anything, 'a list such as [{ "on": ["failed"], "command": "…" }]'), []),
    trace: v.optional(TRACE, {}),
    env: v.optional(mapOf(VARIABLE, 'an object such as { "NODE_ENV": "production" }'), {}),
    redact: v.optional(list(text, 'a list such as ["password"]'), []),
    engine: v.optional(text, 'json'),
    host: v.optional(textUpTo(MAX_HOST_LENGTH)),
    lease: v.optional(lease, 30 * SECOND),
  },
  { noun: 'setting', place: 'settings' },
);

const VARIABLES = object({
  JOBRUN_WORKERS: v.optional(wholeOrText(1, MAX_WORKERS)),
  JOBRUN_DRAIN: v.optional(duration),
  JOBRUN_TIMEZONE: v.optional(zone),
  JOBRUN_ENGINE: v.optional(text),
  JOBRUN_HOST: v.optional(textUpTo(MAX_HOST_LENGTH)),
  JOBRUN_LEASE: v.optional(lease),
});

const HTTP = object({ http: v.optional(httpSettings) });
const HTTP_VARIABLE = object({ JOBRUN_HTTP: v.optional(httpAddress) });

const KEEP = object({
  keep: v.optional(
    strict(
      {
        done: v.optional(duration),
        failed: v.optional(duration),
        runs: v.optional(whole(0)),
        bytes: v.optional(
          v.lazy((bytes) =>
            typeof bytes === 'string' ? size("a size such as '500MB'", 0) : whole(0),
          ),
        ),
      },
      { noun: 'setting', place: 'settings' },
    ),
    {},
  ),
});

/** Finds the project and reads its config file. Throws `bad-config` naming the file and the key. */
export function loadConfig(
  options: ConfigOptions,
  env: Readonly<Record<string, string | undefined>>,
  cwd: string,
): Config {
  const given = options.dir ?? env.JOBRUN_DIR;
  const dir = given ? resolve(cwd, given) : findProject(cwd);
  const file = join(dir, CONFIG_FILE);
  const { drain, engine, host, lease, ...said } = read(FILE, readJson(file), wrongIn(dir));
  const variables = withoutEmpty(env);
  const set = read(VARIABLES, variables, wrongVariable);
  const store = set.JOBRUN_ENGINE
    ? storeIn(set.JOBRUN_ENGINE, env, (error) => `JOBRUN_ENGINE: ${error}`)
    : storeIn(engine, env, (error) => `${file}: engine: ${error}`);
  const path = (name: 'jobs' | 'state', override: string | undefined): string =>
    override ? resolve(cwd, override) : resolve(dir, said[name]);
  let timezone = set.JOBRUN_TIMEZONE ?? said.timezone;
  return {
    ...said,
    dir,
    jobs: path('jobs', env.JOBRUN_JOBS),
    state: path('state', options.stateDir ?? env.JOBRUN_STATE),
    workers: set.JOBRUN_WORKERS ?? said.workers ?? null,
    // The system's is asked for with its first use: finding it out takes longer than many a command.
    get timezone() {
      timezone ??= processZone(env);
      return timezone;
    },
    // These two are read where they are used: with a mistake in them the state can be looked at all the same.
    get http() {
      const { JOBRUN_HTTP } = read(HTTP_VARIABLE, variables, wrongVariable);
      const { http = HTTP_OFF } = read(HTTP, said, wrongIn(dir));
      return JOBRUN_HTTP === undefined ? http : { ...http, listen: JOBRUN_HTTP };
    },
    get keep() {
      return read(KEEP, said, wrongIn(dir)).keep;
    },
    drainMs: set.JOBRUN_DRAIN ?? drain,
    store,
    engineIsReplaced: set.JOBRUN_ENGINE !== undefined,
    tellsPassword: !set.JOBRUN_ENGINE && typeof store?.password === 'string',
    host: set.JOBRUN_HOST ?? host ?? hostname(),
    leaseMs: set.JOBRUN_LEASE ?? lease,
  };
}

/** A fault is told without the URL, which may have a password in it. */
function storeIn(
  engine: string,
  env: Readonly<Record<string, string | undefined>>,
  tell: (message: string) => string,
): StorePlace | null {
  try {
    return storePlaceOf(engine, env);
  } catch (error) {
    if (!(error instanceof JobrunError)) throw error;
    throw new JobrunError('bad-config', tell(error.message), error.hint);
  }
}

const withoutEmpty = (env: Readonly<Record<string, string | undefined>>): Fields =>
  Object.fromEntries(Object.entries(env).filter(([, value]) => value));

/** The nearest folder upwards with a config file or a `jobs` folder; else the folder itself. */
function findProject(from: string): string {
  for (let dir = from; ; dir = dirname(dir)) {
    if (existsSync(join(dir, CONFIG_FILE)) || existsSync(join(dir, 'jobs'))) return dir;
    if (dirname(dir) === dir) return from;
  }
}

function readJson(file: string): Json {
  let content: string;
  try {
    content = readTextSync(file);
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return {};
    throw new JobrunError('bad-config', `${file} cannot be read`, 'Check its permissions.', error);
  }
  try {
    return fromJson(content);
  } catch (error) {
    // Node shows some letters around the mistake: they may be those of a password.
    const why = (error as Error).message.replace(/,? (?:\.\.\.)?"[\s\S]*" is not valid JSON$/, '');
    const message = `${file} is not JSON: ${why.replace(/\bat position (\d+)$/, (_, at) => lineOf(content, Number(at)))}`;
    throw new JobrunError('bad-config', message, JSON_FORM, error);
  }
}

const JSON_FORM =
  'Names stand in double quotes. Comments, and a comma behind the last entry, are not allowed.';

/** The place of a character as an editor shows it. */
function lineOf(content: string, at: number): string {
  const lines = content.slice(0, at).split('\n');
  return `in line ${lines.length}, column ${(lines.at(-1) ?? '').length + 1}`;
}

/** A fault that another reader found in a setting, as a mistake of the file that has it. A defect stays one. */
export function mistakeOf(dir: string, found: unknown): unknown {
  if (!(found instanceof JobrunError)) return found;
  const message = `${join(dir, CONFIG_FILE)}: ${found.message}`;
  return new JobrunError('bad-config', message, found.hint || 'Fix it there.', found);
}

/** Makes an error of what is wrong in the config file of this project. */
export const wrongIn =
  (dir: string) =>
  ({ place, says, hint }: Problem): JobrunError => {
    const message = `${join(dir, CONFIG_FILE)}: ${place || 'the file'}${says}`;
    return new JobrunError('bad-config', message, hint || 'Fix it there.');
  };

const wrongVariable = ({ place, says, hint }: Problem): JobrunError =>
  new JobrunError('bad-config', `${place}${says}`, hint || 'Fix it in the environment.');
