// The meaning of an import in a file of the project, beyond Node's own rules. The loader in the workers and the
// daemon's graph of imports (`imports.ts`) both ask here, so that they agree.
//
//   './_x'          the file of that name with any ending of code, or the index of that folder
//   './_x.js'       that file, else `_x.ts`: TypeScript writes the ending of the file that it would emit
//   '@lib/x'        what `paths` and `baseUrl` of the nearest tsconfig.json say
//
// All else (packages, `node:`, `#imports`) is left to Node, and so is every plain JavaScript file in node_modules.
import { statSync } from 'node:fs';
import { dirname, isAbsolute, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { orElseSync } from '../support/errors.ts';
import { aliasTargets, TsConfigs } from './tsconfig.ts';

export const TYPESCRIPT = /\.[mc]?ts$/;
const ENDINGS = ['.ts', '.mts', '.js', '.mjs', '.cjs', '.cts', '.json'];
/** For the ending of what is emitted, the ending of its source. */
const SOURCE: Readonly<Record<string, string>> = { '.js': '.ts', '.mjs': '.mts', '.cjs': '.cts' };

/** The folder of jobrun's own code. */
const OWN = fileURLToPath(new URL('..', import.meta.url));

/** True where jobrun loads the file by its own rules; false for plain JavaScript in node_modules. */
export const isOurs = (file: string): boolean =>
  TYPESCRIPT.test(file) || !(/[\\/]node_modules[\\/]/.test(file) || file.startsWith(OWN));

export class Resolution {
  readonly #configs: TsConfigs;
  readonly #isFile: (path: string) => boolean;

  constructor(configs = new TsConfigs(), isFile = isFileOnDisk) {
    this.#configs = configs;
    this.#isFile = isFile;
  }

  /** The file that the import means, or null where Node has to find it. */
  find(specifier: string, from: string): string | null {
    for (const path of this.bases(specifier, from)) {
      const found = candidates(path).find(this.#isFile);
      if (found !== undefined) return found;
    }
    return null;
  }

  /** The paths that the import may name, before an ending is added or replaced. */
  bases(specifier: string, from: string): readonly string[] {
    if (!isOurs(from)) return [];
    if (specifier.startsWith('file:')) return pathOf(specifier);
    if (/^\.\.?(?:\/|$)/.test(specifier) || isAbsolute(specifier)) {
      return [resolve(dirname(from), plain(specifier))];
    }
    if (/^(?:#|[a-z][\w+.-]*:)/i.test(specifier)) return [];
    return aliasTargets(this.#configs.of(from), specifier);
  }
}

/** Without the query and the escapes of a URL. */
function plain(specifier: string): string {
  const path = specifier.replace(/[?#].*$/, '');
  try {
    return decodeURIComponent(path);
  } catch (error) {
    if (error instanceof URIError) return path;
    throw error;
  }
}

function pathOf(url: string): readonly string[] {
  return URL.canParse(url) ? [fileURLToPath(url)] : [];
}

function candidates(path: string): readonly string[] {
  const ending = /\.[mc]?js$/.exec(path)?.[0] ?? '';
  const source = SOURCE[ending];
  return [
    path,
    ...(source ? [path.slice(0, -ending.length) + source] : []),
    ...ENDINGS.map((one) => path + one),
    ...ENDINGS.map((one) => resolve(path, `index${one}`)),
  ];
}

export const isFileOnDisk = (path: string): boolean =>
  orElseSync(false, () => statSync(path).isFile());
