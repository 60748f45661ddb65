// Watches on the links that a path leads over, each by the folder that holds it: a release that is switched by a link
// is seen at once, without a look at the path a few times a second.
import { type FSWatcher, watch } from 'node:fs';
import { readlink } from 'node:fs/promises';
import { join, parse, resolve, sep } from 'node:path';
import { errnoOf, orElse } from '../support/errors.ts';

interface Link {
  readonly folder: string;
  readonly name: string;
}

export class LinkWatches {
  /** False where the system refused a watch: then only a look tells whether a link was turned. */
  readonly areWhole: boolean;
  readonly #watchers: readonly FSWatcher[];

  /** Watches the links on the way to `path`; `onTurned` may be called again and again. */
  static async on(path: string, onTurned: () => void): Promise<LinkWatches> {
    return new LinkWatches(await linksOf(path), onTurned);
  }

  private constructor(links: readonly Link[], onTurned: () => void) {
    const watchers = links.map((link) => watchOf(link, onTurned));
    this.#watchers = watchers.filter((one) => one !== null);
    this.areWhole = this.#watchers.length === links.length;
  }

  close(): void {
    for (const watcher of this.#watchers) watcher.close();
  }
}

function watchOf({ folder, name }: Link, onTurned: () => void): FSWatcher | null {
  try {
    const watcher = watch(folder, { persistent: false }, (_event, changed) => {
      if (changed === name || changed === null) onTurned();
    });
    // The folder itself may go: a look finds what is there then.
    return watcher.on('error', onTurned);
  } catch (error) {
    // Gone, not to be read, or no watches are left: the looks at the links find what has turned.
    if (errnoOf(error) === '') throw error;
    return null;
  }
}

/** Linux follows as many before it gives up (path_resolution(7)). */
const MAX_LINKS = 40;

/** The links on the way to an absolute path, also those that a link leads over. */
async function linksOf(path: string): Promise<readonly Link[]> {
  const links: Link[] = [];
  const { root } = parse(path);
  let way = root;
  let left = partsOf(path);
  while (left.length > 0 && links.length < MAX_LINKS) {
    const [name = '', ...rest] = left;
    const target = await orElse(null, () => readlink(join(way, name)));
    if (target === null) {
      way = join(way, name);
      left = rest;
      continue;
    }
    links.push({ folder: way, name });
    const next = resolve(way, target);
    way = parse(next).root;
    left = [...partsOf(next), ...rest];
  }
  return links;
}

const partsOf = (path: string): string[] =>
  path.slice(parse(path).root.length).split(sep).filter(Boolean);
