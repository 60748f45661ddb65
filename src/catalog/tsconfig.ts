// The parts of a tsconfig.json that change what an import means and how a file is compiled: `paths`, `baseUrl`,
// `extends` and the decorator options; and which files it includes. A file that cannot be read counts as absent: the
// type checker reports its mistakes.
import { createRequire } from 'node:module';
import { basename, dirname, isAbsolute, join, resolve } from 'node:path';
import { orElseSync } from '../support/errors.ts';
import { parseJson } from '../support/json.ts';
import { readTextSync } from '../support/read-file.ts';

export interface TsConfig {
  readonly baseUrl: string | null;
  /** Patterns with their targets, absolute. */
  readonly paths: readonly (readonly [pattern: string, targets: readonly string[]])[];
  readonly experimentalDecorators: boolean;
  readonly emitDecoratorMetadata: boolean;
}

const EMPTY: TsConfig = {
  baseUrl: null,
  paths: [],
  experimentalDecorators: false,
  emitDecoratorMetadata: false,
};
/** A chain of `extends` that is longer is a circle. */
const MAX_EXTENDS = 20;

/** Reads each file once: make a new instance when files may have changed. */
export class TsConfigs {
  readonly #byFolder = new Map<string, TsConfig>();

  /** The options of the nearest tsconfig.json above the file. */
  of(file: string): TsConfig {
    return this.#in(dirname(file));
  }

  #in(folder: string): TsConfig {
    let found = this.#byFolder.get(folder);
    if (!found) {
      const above = dirname(folder);
      found =
        readConfig(join(folder, 'tsconfig.json'), folder, 0) ??
        (above === folder ? EMPTY : this.#in(above));
      this.#byFolder.set(folder, found);
    }
    return found;
  }
}

/** @param leaf the folder that `${configDir}` stands for */
function readConfig(path: string, leaf: string, depth: number): TsConfig | null {
  const json = jsonIn(path);
  if (json === null || depth > MAX_EXTENDS) return null;
  const bases = [json.extends ?? []].flat().filter((base) => typeof base === 'string');
  let config = EMPTY;
  for (const base of bases) config = { ...config, ...readBase(base, path, leaf, depth) };
  return { ...config, ...ownOptions(asObject(json.compilerOptions), path, leaf, config) };
}

function readBase(base: string, path: string, leaf: string, depth: number): TsConfig | null {
  const file = base.startsWith('.') || isAbsolute(base) ? resolve(dirname(path), base) : null;
  const names = file ? [file, `${file}.json`] : [base, `${base}.json`, `${base}/tsconfig.json`];
  for (const name of names) {
    const config = readConfig(file ? name : packageFile(name, path), leaf, depth + 1);
    if (config) return config;
  }
  return null;
}

/** The path of a file of a package; an empty one where there is none. */
const packageFile = (name: string, from: string): string =>
  orElseSync('', () => createRequire(from).resolve(name));

function ownOptions(
  options: Fields,
  path: string,
  leaf: string,
  base: TsConfig,
): Partial<TsConfig> {
  const at = (target: string): string =>
    resolve(dirname(path), target.replace(/^\$\{configDir\}/, leaf));
  const baseUrl = typeof options.baseUrl === 'string' ? at(options.baseUrl) : base.baseUrl;
  const paths = Object.entries(asObject(options.paths)).map(([pattern, targets]) => {
    const texts = Array.isArray(targets) ? targets.filter((one) => typeof one === 'string') : [];
    const absolute = texts.map((one) => (baseUrl === null ? at(one) : resolve(baseUrl, one)));
    return [pattern, absolute] as const;
  });
  return {
    baseUrl,
    ...(options.paths !== undefined && { paths }),
    ...flagOf(options, 'experimentalDecorators'),
    ...flagOf(options, 'emitDecoratorMetadata'),
  };
}

const flagOf = (options: Fields, name: string): Fields =>
  typeof options[name] === 'boolean' ? { [name]: options[name] } : {};

/** The files that an alias may mean, in the order in which TypeScript tries them. */
export function aliasTargets({ paths, baseUrl }: TsConfig, specifier: string): readonly string[] {
  const found = paths
    .filter(([pattern]) => matchOf(pattern, specifier) !== null)
    .sort(([a], [b]) => prefixLength(b) - prefixLength(a))[0];
  const [pattern = '', targets = []] = found ?? [];
  const star = matchOf(pattern, specifier) ?? '';
  const aliased = targets.map((target) => target.replace('*', () => star));
  return baseUrl === null ? aliased : [...aliased, resolve(baseUrl, specifier)];
}

/** A pattern without a star matches one name alone, and wins. */
const prefixLength = (pattern: string): number =>
  pattern.includes('*') ? pattern.indexOf('*') : Number.POSITIVE_INFINITY;

/** The text that the star stands for; null where the pattern does not match. */
function matchOf(pattern: string, specifier: string): string | null {
  const at = pattern.indexOf('*');
  if (at < 0) return pattern === specifier ? '' : null;
  const [before, after] = [pattern.slice(0, at), pattern.slice(at + 1)];
  const fits =
    specifier.length >= before.length + after.length &&
    specifier.startsWith(before) &&
    specifier.endsWith(after);
  return fits ? specifier.slice(before.length, specifier.length - after.length) : null;
}

/**
 * The `include` of the tsconfig.json beside a file, if it leaves the file out. Null where it does not, and where the
 * tsconfig.json has no list of its own: then TypeScript reads all files, or those of its base.
 */
export function includeWithout(file: string): readonly string[] | null {
  const { files, include } = jsonIn(join(dirname(file), 'tsconfig.json')) ?? {};
  if (files === undefined && include === undefined) return null;
  const [named, included] = [files, include].map((list) =>
    (Array.isArray(list) ? list : []).filter((one) => typeof one === 'string'),
  ) as [string[], string[]];
  const isRead = [...named, ...included].some((pattern) => includes(pattern, basename(file)));
  return isRead ? null : included;
}

/** True if a pattern of `include` matches a file in the folder of the tsconfig.json. */
function includes(pattern: string, name: string): boolean {
  const rest = pattern.replace(/^(?:\.\/|\*\*\/|\$\{configDir\}\/)+/, '');
  if (['', '.', '**'].includes(rest)) return true;
  const escaped = rest.replace(/[.+^${}()|[\]\\]/g, '\\$&');
  return new RegExp(`^${escaped.replaceAll('*', '.*').replaceAll('?', '.')}$`).test(name);
}

type Fields = Readonly<Record<string, unknown>>;

const asObject = (value: unknown): Fields =>
  value !== null && typeof value === 'object' ? (value as Fields) : {};

const COMMENT = /("(?:\\.|[^"\\])*")|\/\/[^\n]*|\/\*[\s\S]*?\*\//g;
const LAST_COMMA = /("(?:\\.|[^"\\])*")|,(?=\s*[}\]])/g;

function jsonIn(path: string): (Fields & { readonly extends?: unknown }) | null {
  const text = orElseSync(null, () => readTextSync(path));
  if (text === null) return null;
  const plain = text
    .replace(COMMENT, (_, string?: string) => string ?? ' ')
    .replace(LAST_COMMA, (_, string?: string) => string ?? '');
  const json = parseJson(plain);
  return json === undefined ? null : asObject(json);
}
