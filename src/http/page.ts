// The files of the web page, which lie built in dist/web/. They are read with the first request for one of them, and
// are small enough to be kept. They tell nothing of the project: every client that the door lets in gets them, and they
// ask for data with a key. Every address of a page has the same document, in which the page's script finds out what to
// show.
import { readFile } from 'node:fs/promises';
import type { IncomingMessage } from 'node:http';
import { gzipSync } from 'node:zlib';

const FILES: Readonly<Record<string, string>> = {
  'index.html': 'text/html; charset=utf-8',
  'app.js': 'text/javascript; charset=utf-8',
  'app.css': 'text/css; charset=utf-8',
  'icon.svg': 'image/svg+xml',
};

const FOLDER = new URL('../web/', import.meta.url);

export interface PageFile {
  readonly type: string;
  readonly bytes: Buffer;
  readonly zipped: Buffer;
}

/** The name of the file that a path means: one of these, or the document of a page. Null where it is neither. */
export function pageFileOf(parts: readonly string[]): string | null {
  const [first = '', ...more] = parts;
  if (more.length === 0 && first !== 'index.html' && Object.hasOwn(FILES, first)) return first;
  const most = { '': 0, runs: 1, jobs: 2, schedules: 0 }[first];
  return most !== undefined && more.length <= most ? 'index.html' : null;
}

/** True where a person follows a link, from wherever that was: then it is the page's own script that asks for more. */
export const isVisit = ({ method, headers }: IncomingMessage): boolean =>
  method === 'GET' &&
  headers.origin === undefined &&
  headers['sec-fetch-mode'] === 'navigate' &&
  headers['sec-fetch-dest'] === 'document';

export class PageFiles {
  readonly #base: string;
  readonly #known = new Map<string, Promise<PageFile>>();

  constructor(base: string) {
    this.#base = base;
  }

  file(name: string): Promise<PageFile> {
    const known = this.#known.get(name) ?? this.#read(name);
    this.#known.set(name, known);
    // A file that could not be read may be there the next time.
    known.catch(() => this.#known.delete(name));
    return known;
  }

  async #read(name: string): Promise<PageFile> {
    const read = await readFile(new URL(name, FOLDER));
    const bytes = name === 'index.html' ? this.#based(read) : read;
    return { type: FILES[name] ?? '', bytes, zipped: gzipSync(bytes, { level: 9 }) };
  }

  /** The document names its files by their whole paths: it is given out at many addresses. */
  #based(document: Buffer): Buffer {
    const text = document.toString('utf8');
    return Buffer.from(text.replace(/(href|src)="\//g, `$1="${this.#base}/`));
  }
}
