// Where the project lies and what its config file says. Order: option, JOBRUN_* variable, file, default. A key that
// is not known is an error with a suggestion: a misspelt setting that does nothing is worse than a stop.
import { existsSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { durationMs } from './durations.ts';
import { errnoOf, JobrunError } from './errors.ts';
import { fromJson } from './json.ts';
import { SECOND } from './limits.ts';
import { readTextSync } from './read-file.ts';
import { nearest } from './text.ts';
import { processZone, zoneNamed } from './zones.ts';

export const CONFIG_FILE = 'jobrun.config.json';

export interface Config {
  /** The project folder, absolute. */
  readonly dir: string;
  readonly jobs: string;
  readonly state: string;
  /** Null: the larger of 4 and the machine's cores. */
  readonly workers: number | null;
  readonly timezone: string;
  readonly http: string | null;
  readonly drainMs: number;
  /** Data fields of a job definition that stand in where a job says nothing. */
  readonly defaults: Readonly<Record<string, unknown>>;
  readonly keep: Readonly<Record<string, unknown>>;
  readonly notify: readonly unknown[];
  /** Set for workers on top of the daemon's own environment. */
  readonly env: Readonly<Record<string, string>>;
  readonly redact: readonly string[];
}

export interface ConfigOptions {
  readonly dir?: string;
  readonly stateDir?: string;
}

const KEYS = [
  'jobs',
  'state',
  'workers',
  'timezone',
  'http',
  'drain',
  'defaults',
  'keep',
  'notify',
  'env',
  'redact',
];

/** Finds the project and reads its config file. Throws `bad-config` naming the file and the key. */
export function loadConfig(
  options: ConfigOptions,
  env: Readonly<Record<string, string | undefined>>,
  cwd: string,
): Config {
  const given = options.dir ?? env.JOBRUN_DIR;
  const dir = given ? resolve(cwd, given) : findProject(cwd);
  const file = join(dir, CONFIG_FILE);
  const raw = readConfig(file);
  const unknown = Object.keys(raw).find((key) => !KEYS.includes(key));
  if (unknown !== undefined) throw unknownKey(file, unknown);
  const path = (name: 'jobs' | 'state', override: string | undefined): string =>
    override ? resolve(cwd, override) : resolve(dir, text(raw[name], file, name) ?? name);
  let zone = timezone(env.JOBRUN_TIMEZONE, raw.timezone, file);
  return {
    dir,
    jobs: path('jobs', env.JOBRUN_JOBS),
    state: path('state', options.stateDir ?? env.JOBRUN_STATE),
    workers: env.JOBRUN_WORKERS
      ? wholeNumber(env.JOBRUN_WORKERS, 'the environment', 'JOBRUN_WORKERS')
      : wholeNumber(raw.workers, file, 'workers'),
    // The system's is asked for with its first use: finding it out takes longer than many a command.
    get timezone() {
      zone ??= processZone(env);
      return zone;
    },
    http: (env.JOBRUN_HTTP || text(raw.http, file, 'http')) ?? null,
    drainMs: env.JOBRUN_DRAIN
      ? drainMs(env.JOBRUN_DRAIN, 'the environment', 'JOBRUN_DRAIN')
      : drainMs(raw.drain, file, 'drain'),
    defaults: record(raw.defaults, file, 'defaults'),
    keep: record(raw.keep, file, 'keep'),
    notify: list(raw.notify, file, 'notify'),
    env: texts(raw.env, file),
    redact: namesOf(list(raw.redact, file, 'redact'), file),
  };
}

/** The nearest folder upwards with a config file or a `jobs` folder; else the folder itself. */
function findProject(from: string): string {
  for (let dir = from; ; dir = dirname(dir)) {
    if (existsSync(join(dir, CONFIG_FILE)) || existsSync(join(dir, 'jobs'))) return dir;
    if (dirname(dir) === dir) return from;
  }
}

function readConfig(file: string): Readonly<Record<string, unknown>> {
  let content: string;
  try {
    content = readTextSync(file);
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return {};
    throw new JobrunError('bad-config', `${file} cannot be read`, 'Check its permissions.', error);
  }
  try {
    return record(fromJson(content), file, 'the file');
  } catch (error) {
    if (error instanceof JobrunError) throw error;
    const why = (error as Error).message;
    throw new JobrunError('bad-config', `${file} is not JSON: ${why}`, 'Mend it there.', error);
  }
}

function unknownKey(file: string, key: string): JobrunError {
  const meant = nearest(key, KEYS);
  const hint = meant ? `Did you mean "${meant}"?` : `Known are: ${KEYS.join(', ')}.`;
  return new JobrunError('bad-config', `${file}: there is no setting "${key}"`, hint);
}

/** What somebody else found wrong in a setting, as a mistake of the file that has it. A defect stays one. */
export function mistakeOf(dir: string, found: unknown): unknown {
  if (!(found instanceof JobrunError)) return found;
  const message = `${join(dir, CONFIG_FILE)}: ${found.message}`;
  return new JobrunError('bad-config', message, found.hint || 'Mend it there.', found);
}

function wrong(file: string, key: string, wanted: string): JobrunError {
  return new JobrunError(
    'bad-config',
    `${file}: "${key}" is not ${wanted}`,
    `Give ${wanted}, or leave it out.`,
  );
}

function text(value: unknown, file: string, key: string): string | null {
  if (value === undefined) return null;
  if (typeof value === 'string' && value !== '' && !value.includes('\0')) return value;
  throw wrong(file, key, 'a text');
}

function wholeNumber(value: unknown, file: string, key: string): number | null {
  if (value === undefined) return null;
  const number = typeof value === 'string' ? Number(value) : value;
  if (Number.isInteger(number) && (number as number) >= 1 && (number as number) <= 1000)
    return number as number;
  throw wrong(file, key, 'a whole number from 1 to 1000');
}

/** Null where none is set: then it is that of the process. */
function timezone(variable: string | undefined, value: unknown, file: string): string | null {
  if (variable) return zoneNamed(variable, 'JOBRUN_TIMEZONE', 'bad-config');
  const zone = text(value, file, 'timezone');
  return zone && zoneNamed(zone, `${file}: timezone`, 'bad-config');
}

function drainMs(value: unknown, file: string, key: string): number {
  if (value === undefined) return 30 * SECOND;
  try {
    return durationMs(value, 'drain');
  } catch {
    throw wrong(file, key, 'a duration such as "30s"');
  }
}

function record(value: unknown, file: string, key: string): Readonly<Record<string, unknown>> {
  if (value === undefined) return {};
  if (value !== null && typeof value === 'object' && !Array.isArray(value))
    return value as Record<string, unknown>;
  throw wrong(file, key, 'an object');
}

function list(value: unknown, file: string, key: string): readonly unknown[] {
  if (value === undefined) return [];
  if (Array.isArray(value)) return value;
  throw wrong(file, key, 'a list');
}

function namesOf(values: readonly unknown[], file: string): readonly string[] {
  return values.map((value, i) => {
    if (typeof value === 'string') return value;
    throw wrong(file, `redact[${i}]`, 'a text');
  });
}

function texts(value: unknown, file: string): Readonly<Record<string, string>> {
  const entries = Object.entries(record(value, file, 'env'));
  const odd = entries.find(([, inner]) => typeof inner !== 'string');
  if (odd) throw wrong(file, `env.${odd[0]}`, 'a text');
  return Object.fromEntries(entries) as Record<string, string>;
}
