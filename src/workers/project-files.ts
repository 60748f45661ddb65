// The files of the project as the loader gives them to Node: which file an import means, whether a file is a module or
// CommonJS, and its code. A file is read once; see `loader.ts` for the rules.
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { Script } from 'node:vm';
import type { MessagePort } from 'node:worker_threads';
import { isFileOnDisk, isOurs, Resolution, TYPESCRIPT } from '../catalog/resolution.ts';
import { TsConfigs } from '../catalog/tsconfig.ts';
import { orElseSync } from '../support/errors.ts';
import { parseJson } from '../support/json.ts';
import { withoutMark } from '../support/text.ts';
import { CompileCache } from './compile-cache.ts';
import type { Compiled, CompileOptions, Format } from './typescript.ts';

/** From `dist/`, where both this code and the compiler lie one folder down. */
const COMPILER = '../parts/typescript.cjs';

/** Files that the code may load later, by an `import()` or `require()` with a text. */
const LATER = /\b(?:import|require)\s*\(\s*(['"])([^'"\n]+)\1/g;

export class ProjectFiles {
  readonly #configs = new TsConfigs();
  readonly #cache: CompileCache;
  /** Texts of files that were read, or may be asked for later. */
  readonly #texts = new Map<string, string>();
  readonly #resolution: Resolution;
  readonly #peer: MessagePort | null;

  /** @param peer leads to the other thread that loads files, where there is one: both have the same texts */
  constructor(cacheFolder: string | null, peer: MessagePort | null = null) {
    this.#cache = new CompileCache(cacheFolder);
    this.#peer = peer;
    this.#resolution = new Resolution(
      this.#configs,
      (path) => this.#known(path) !== undefined || isFileOnDisk(path),
    );
  }

  /** The file that an import means, or null where Node has to find it. */
  find(specifier: string, from: string): string | null {
    return this.#resolution.find(specifier, from);
  }

  /** The text as it was when the process first met the file; what it may load later is read with it. */
  text(file: string): string {
    let text = this.#known(file);
    if (text === undefined) {
      text = withoutMark(readFileSync(file, 'utf8'));
      this.#texts.set(file, text);
      this.#peer?.postMessage([file, text]);
      this.#readAhead(file, text);
    }
    return text;
  }

  #known(file: string): string | undefined {
    if (this.#peer) takeTexts(this.#peer, this.#texts);
    return this.#texts.get(file);
  }

  /** True where the disk no longer has the text that this process began with. */
  hasChanged(file: string): boolean {
    const text = this.#known(file);
    return text !== undefined && text !== textOrNull(file);
  }

  /** True where that is so of any file but these. */
  isOutdated(but: (file: string) => boolean): boolean {
    if (this.#peer) takeTexts(this.#peer, this.#texts);
    return [...this.#texts.keys()].some((file) => !but(file) && this.hasChanged(file));
  }

  /** Module or CommonJS, and code that Node runs. */
  compiled(file: string): Compiled {
    const text = this.text(file);
    const typescript = TYPESCRIPT.test(file);
    const plain = typescript ? null : plainFormat(file, text);
    if (plain === 'commonjs' || (plain && !COMMONJS_NAME.test(text))) {
      return { format: plain, code: text };
    }
    const { experimentalDecorators, emitDecoratorMetadata } = this.#configs.of(file);
    const options: CompileOptions = {
      typescript,
      otherwise: plain ?? formatByName(file),
      experimentalDecorators,
      emitDecoratorMetadata,
    };
    return this.#cache.get([text, JSON.stringify(options)], () =>
      compiler().compile(file, text, options),
    );
  }

  #readAhead(file: string, text: string): void {
    for (const [, , specifier = ''] of text.matchAll(LATER)) {
      const found = this.find(specifier, file);
      if (found !== null && isOurs(found) && /\.(?:[cm]?[jt]s|json)$/.test(found)) {
        this.#ahead(found);
      }
    }
  }

  /** Imports at its top are loaded with it, so they have to be read as well. */
  #ahead(file: string): void {
    if (this.#known(file) !== undefined || textOrNull(file) === null) return;
    const text = this.text(file);
    for (const [, , specifier = ''] of text.matchAll(AT_TOP)) {
      const found = this.find(specifier, file);
      if (found !== null && isOurs(found)) this.#ahead(found);
    }
  }
}

/** The files that the other thread has read since. */
function takeTexts(peer: MessagePort, texts: Map<string, string>): void {
  const { receiveMessageOnPort } = process.getBuiltinModule('node:worker_threads');
  for (;;) {
    const got = receiveMessageOnPort(peer) as { readonly message: [string, string] } | undefined;
    if (!got) return;
    const [file, text] = got.message;
    if (!texts.has(file)) texts.set(file, text);
  }
}

const AT_TOP = /\b(?:from|import)\s*(['"])([^'"\n]+)\1/g;
const COMMONJS_NAME = /\b(?:require|__dirname|__filename)\b/;
const MODULE_WORD = /\b(?:import|export|await)\b/;
const USES_COMMONJS = /\b(?:module\s*\.\s*exports|exports\s*[.[]|require\s*\()/;

/** Told by the ending, else by the text, else by package.json. */
function plainFormat(file: string, text: string): Format {
  if (file.endsWith('.mjs')) return 'module';
  if (file.endsWith('.cjs')) return 'commonjs';
  if (MODULE_WORD.test(text) && !isCommonJs(text)) return 'module';
  return USES_COMMONJS.test(text) ? 'commonjs' : formatByName(file);
}

/** True where the text compiles as a function body; `import`, `export` and a bare `await` do not. */
function isCommonJs(text: string): boolean {
  try {
    new Script(`(function () {${text.replace(/^#!.*/, '')}\n})`);
    return true;
  } catch (error) {
    if (error instanceof SyntaxError) return false;
    throw error;
  }
}

function formatByName(file: string): Format {
  if (/\.m[jt]s$/.test(file)) return 'module';
  if (/\.c[jt]s$/.test(file)) return 'commonjs';
  return packageType(dirname(file)) === 'module' ? 'module' : 'commonjs';
}

/** The nearest package.json, as Node looks for it. */
function packageType(folder: string): unknown {
  const text = textOrNull(join(folder, 'package.json'));
  if (text === null) return dirname(folder) === folder ? undefined : packageType(dirname(folder));
  return (parseJson(text) as { readonly type?: unknown } | null | undefined)?.type;
}

const textOrNull = (file: string): string | null =>
  orElseSync(null, () => withoutMark(readFileSync(file, 'utf8')));

/** The place and text of a syntax error in the file, or an empty text: Node does not always name the line. */
export function syntaxErrorIn(file: string): string {
  const text = textOrNull(file);
  if (text === null || !/\.[cm]?[jt]s$/.test(file)) return '';
  try {
    compiler().compile(file, text, {
      typescript: TYPESCRIPT.test(file),
      otherwise: 'module',
      experimentalDecorators: false,
      emitDecoratorMetadata: false,
    });
    return '';
  } catch (error) {
    if (error instanceof Error && error.name === 'SyntaxError') return error.stack ?? '';
    throw error;
  }
}

let loaded: typeof import('./typescript.ts') | null = null;

function compiler(): typeof import('./typescript.ts') {
  loaded ??= createRequire(import.meta.url)(COMPILER) as typeof import('./typescript.ts');
  return loaded;
}
