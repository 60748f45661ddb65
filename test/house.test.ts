// The rules of the house, held by a machine: a rule that nobody checks is a wish. Each finding
// says file, line and rule.
import { existsSync, readFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { functionsOf, importsOf, ROOT, type Source, sourcesIn } from './helpers/source.ts';

const src = sourcesIn('src');
const tests = sourcesIn('test');
const others = ['jobs', 'bin', 'bench', 'scripts'].flatMap((folder) =>
  sourcesIn(folder, ['.ts', '.js', '.mjs', '.sh']),
);

const RANKS: Readonly<Record<string, number>> = {
  support: 0,
  run: 1,
  store: 1,
  catalog: 2,
  engine: 2,
  api: 2,
  workers: 3,
  commands: 3,
  daemon: 4,
  dashboard: 4,
  http: 4,
  web: 4,
  cli: 5,
};
const folderOf = (path: string): string =>
  path === 'src/index.ts' || path === 'src/testing.ts' ? 'index' : (path.split('/')[1] ?? '');
const rankOf = (folder: string): number => (folder === 'index' ? 6 : (RANKS[folder] ?? Number.NaN));

/** `path:line what` for each line of code that matches, but for the files that may. */
function found(
  sources: readonly Source[],
  pattern: RegExp,
  may: (path: string) => boolean = () => false,
): string[] {
  return sources
    .filter((source) => !may(source.path))
    .flatMap((source) =>
      source.code.flatMap((text, i) =>
        pattern.test(text) ? [`${source.path}:${i + 1} ${text.trim()}`] : [],
      ),
    );
}

const isIn =
  (...places: readonly string[]) =>
  (path: string): boolean =>
    places.some((place) => path === place || path.startsWith(`${place}/`));

describe('folders', () => {
  it('each has a rank', () => {
    const unknown = src
      .map((source) => source.path)
      .filter((path) => Number.isNaN(rankOf(folderOf(path))));
    expect(unknown, 'files outside the folders that src/README.md names').toEqual([]);
  });

  it('import only from folders of lower rank', () => {
    const wrong = src.flatMap((source) => {
      const own = folderOf(source.path);
      return importsOf(source).flatMap(({ line, file, loaded }) => {
        if (loaded || !file?.startsWith('src/') || folderOf(file) === own) return [];
        const allowed = rankOf(folderOf(file)) < rankOf(own);
        return allowed ? [] : [`${source.path}:${line} imports ${file}`];
      });
    });
    expect(wrong, 'a folder imports folders of lower rank only').toEqual([]);
  });

  it('know no engine but by its seam: engine/open alone says which there are', () => {
    const behind = /^src\/(?:engine\/[^/]+|store)\//;
    const wrong = src
      .filter(({ path }) => !behind.test(path) && path !== 'src/engine/open.ts')
      .flatMap((source) =>
        importsOf(source).flatMap(({ line, file }) =>
          file && behind.test(file) ? [`${source.path}:${line} imports ${file}`] : [],
        ),
      );
    expect(wrong).toEqual([]);
  });

  it('know no other engine: what two of them need stands in engine/', () => {
    // A stream has the records of the engine on files, and its tables read and check them.
    const may = ['src/engine/postgres/whole-store.ts src/engine/files/tables.ts'];
    const engine = /^src\/engine\/([^/]+)\//;
    const between = src.flatMap((source) => {
      const own = engine.exec(source.path)?.[1];
      return importsOf(source).flatMap(({ file }) => {
        const other = engine.exec(file ?? '')?.[1];
        return own && other && other !== own ? [`${source.path} ${file}`] : [];
      });
    });
    expect(between).toEqual(may);
  });

  it('the contract of engines knows the seam alone', () => {
    const contract = /^test\/(?:engine\/contract|helpers\/(?:engine-values|random))/;
    const wrong = tests
      .filter(({ path }) => contract.test(path))
      .flatMap((source) =>
        importsOf(source).flatMap(({ line, file }) => {
          const isSeam =
            file === null || !/^(?:src\/(?:engine\/[^/]+|store)|test\/helpers)\//.test(file);
          return isSeam || contract.test(file) ? [] : [`${source.path}:${line} imports ${file}`];
        }),
      );
    expect(wrong).toEqual([]);
  });

  it('stay inside src, and import what exists', () => {
    const wrong = src.flatMap((source) =>
      importsOf(source)
        .filter(
          ({ file, loaded }) =>
            file !== null &&
            (loaded || file.startsWith('src/') ? !existsSync(join(ROOT, file)) : true),
        )
        .map(({ line, from }) => `${source.path}:${line} ${from}`),
    );
    expect(wrong, 'files that are not there, or not in src').toEqual([]);
  });
});

describe('files', () => {
  const graph = new Map(
    src.map((source) => [
      source.path,
      importsOf(source).flatMap(({ file }) => (file ? [file] : [])),
    ]),
  );

  it('do not import each other in a circle', () => {
    const circles = src
      .map((source) => circleFrom(graph, source.path))
      .filter((circle) => circle !== null);
    expect([...new Set(circles)], 'import cycles').toEqual([]);
  });

  it('are all reached from the command line, the library, the worker or the page', () => {
    const entries = ['cli/main.ts', 'index.ts', 'testing.ts', 'workers/entry.ts', 'web/main.tsx'];
    const roots = entries.map((path) => `src/${path}`);
    const reached = new Set<string>();
    const visit = (path: string): void => {
      if (reached.has(path)) return;
      reached.add(path);
      for (const next of graph.get(path) ?? []) visit(next);
    };
    for (const root of roots) visit(root);
    expect(
      src
        .map((source) => source.path)
        // Types of packages that have none: nothing imports them by their file.
        .filter((path) => !path.endsWith('.d.ts') && !reached.has(path)),
      'dead files',
    ).toEqual([]);
  });

  it('export only functions, values and classes that another file uses', () => {
    const users = new Map<string, number>();
    for (const { lines } of [...src, ...tests, ...others])
      for (const word of new Set(lines.join('\n').match(/\w+/g)))
        users.set(word, (users.get(word) ?? 0) + 1);
    const exported = /^export (?:async )?(?:function\*?|const|class) (\w+)/;
    const unused = src.flatMap(({ path, code }) =>
      code.flatMap((text, i) => {
        const name = exported.exec(text)?.[1];
        return name !== undefined && users.get(name) === 1 ? [`${path}:${i + 1} ${name}`] : [];
      }),
    );
    expect(unused, 'exported for no other file').toEqual([]);
  });

  it('have at most 450 lines', () => {
    const long = src.filter((source) => source.lines.length > 450);
    expect(long.map((source) => `${source.path} has ${source.lines.length}`)).toEqual([]);
  });

  it('begin by saying what lives in them', () => {
    const silent = [...src, ...tests].filter((source) => {
      const first = source.lines.find((line) => !line.startsWith('#!')) ?? '';
      return !/^\/\/ \S.{15,}/.test(first);
    });
    expect(
      silent.map((source) => source.path),
      'no header comment',
    ).toEqual([]);
  });

  it('are named after what they hold', () => {
    const vague = /^(utils?|types?|helpers?|common|misc|constants|interfaces)\.tsx?$/;
    const wrong = src.filter(
      (source) => vague.test(basename(source.path)) && source.path !== 'src/index.ts',
    );
    expect(wrong.map((source) => source.path)).toEqual([]);
  });
});

describe('functions', () => {
  it('have at most 60 lines', () => {
    const long = src.flatMap((source) =>
      functionsOf(source)
        .filter((span) => span.length > 60)
        .map((span) => `${source.path}:${span.line} ${span.name} has ${span.length} lines`),
    );
    expect(long).toEqual([]);
  });

  it('are really found by this test: the longest ones are known', () => {
    const lengths = src.flatMap(functionsOf).map((span) => span.length);
    expect(lengths.length).toBeGreaterThan(100);
    expect(Math.max(...lengths)).toBeGreaterThan(15);
  });
});

describe('names that stand in one place only', () => {
  it('time and chance: support/', () => {
    const names =
      /\bDate\.now\b|new Date\(\)|\bset(?:Timeout|Interval)\b|\bMath\.random\b|performance\.now|hrtime/;
    expect(found(src, names, isIn('src/support')), 'take a Clock or an argument').toEqual([]);
  });

  it('listeners for an abort: support/aborts, for Node warns at the eleventh of a signal', () => {
    expect(found(src, /addEventListener\('abort'/, isIn('src/support/aborts.ts'))).toEqual([]);
  });

  it('React and Ink: dashboard/', () => {
    const wrong = src
      .filter((source) => !source.path.startsWith('src/dashboard/'))
      .flatMap((source) =>
        importsOf(source)
          .filter(({ from }) => /^(?:react|ink)(?:\/|$)|^@inkjs\//.test(from))
          .map(({ line, from }) => `${source.path}:${line} ${from}`),
      );
    expect(wrong).toEqual([]);
  });

  it('Preact: web/, which asks nothing of Node', () => {
    const wrong = src.flatMap((source) =>
      importsOf(source)
        .filter(({ from }) =>
          source.path.startsWith('src/web/') ? /^node:/.test(from) : /^preact(?:\/|$)/.test(from),
        )
        .map(({ line, from }) => `${source.path}:${line} ${from}`),
    );
    expect(wrong).toEqual([]);
  });

  it('renames and syncs: support/files', () => {
    const names = /\b(?:rename|fsync|fdatasync|datasync)(?:Sync)?\(/;
    const may = isIn('src/support/files.ts', 'src/support/cache-files.ts');
    const wrong = found(src, names, may).filter((text) => !/disk\.\w+\(/i.test(text));
    expect(wrong, 'go through a Disk').toEqual([]);
  });

  it('other writing of files: store/ for the state, and the commands that make files for the user', () => {
    const names =
      /\b(?:writeFile|appendFile|createWriteStream|mkdir|mkdtemp|rm|rmdir|unlink|copyFile|truncate|chmod|symlink)(?:Sync)?\(/;
    const may = isIn(
      'src/store',
      'src/support/files.ts',
      'src/support/cache-files.ts',
      'src/commands/init.ts',
      'src/commands/new.ts',
      'src/commands/shared/new-files.ts',
      'src/commands/daemon.ts',
      'src/api/server.ts',
      'src/api/address.ts',
      // The log of a detached daemon, opened before there is one.
      'src/cli/daemon.ts',
    );
    const wrong = found(src, names, may).filter((text) => !/disk\.\w+\(/i.test(text));
    expect(wrong).toEqual([]);
  });

  it('the end of the process: cli/, and the worker for its own', () => {
    expect(found(src, /\bprocess\.exit\(/, isIn('src/cli', 'src/workers'))).toEqual([]);
  });

  it('error classes: JobrunError, those that a job throws, and the small one of the web page', () => {
    const may = isIn('src/support/errors.ts', 'src/catalog/job.ts', 'src/web/api-error.ts');
    expect(found(src, /class \w+ extends \w*Error\b/, may)).toEqual([]);
  });
});

describe('comments', () => {
  const comments = src.flatMap(({ path, lines }) =>
    lines.flatMap((text, i) =>
      /^\s*(?:\/\/|\/?\*)/.test(text) ? [{ at: `${path}:${i + 1}`, text: text.trim() }] : [],
    ),
  );
  const breaking = (rule: RegExp): string[] =>
    comments.filter(({ text }) => rule.test(text)).map(({ at, text }) => `${at} ${text}`);

  it('begin their sentences with the thing that they speak of, or with a verb', () => {
    const openers = 'What|Who|Whose|Whoever|Whatever|Whether|Where|Until|Of|One that';
    const wrong = new RegExp(`^(?:\\/\\/|\\/?\\*+) (?:.*[.!?] )?(?:${openers})\\b`);
    expect('// Reads it. What is left stays.').toMatch(wrong);
    expect('// Reads what is left.').not.toMatch(wrong);
    expect(breaking(wrong)).toEqual([]);
  });

  it('are at most 120 columns wide', () => {
    const wide = [...src, ...tests, ...others].flatMap(({ path, lines }) =>
      lines.flatMap((text, i) =>
        text.length > 120 && /^\s*(?:\/\/|\/?\*)/.test(text) ? [`${path}:${i + 1}`] : [],
      ),
    );
    expect(wide).toEqual([]);
  });

  it('name the program, the user or the job', () => {
    expect(breaking(/\b(?:whoever|somebody|nobody|anybody|himself)\b/i)).toEqual([]);
  });
});

describe('what is left behind', () => {
  const all = [...src, ...tests, ...others].filter(
    (source) => source.path !== 'test/house.test.ts',
  );
  const lines = (pattern: RegExp, sources = all): string[] =>
    sources.flatMap((source) =>
      source.lines.flatMap((text, i) =>
        pattern.test(text) ? [`${source.path}:${i + 1} ${text.trim()}`] : [],
      ),
    );

  it('nothing is unfinished', () => {
    expect(lines(/\b(?:TODO|FIXME|XXX|HACK)\b|not implemented|\bstubs?\b/i)).toEqual([]);
  });

  it('no test is left out but where the platform cannot run it, and none is alone', () => {
    expect(lines(/\b(?:it|test|describe|plain)\.(?:skip|only|todo)\b/, tests)).toEqual([]);
    expect(lines(/\b(?:runIf|skipIf)\((?!platform\.)/, tests)).toEqual([]);
  });

  it('no error is swallowed, no check of the compiler is off', () => {
    expect(lines(/catch(?: \(\w+\))? \{\s*\}|@ts-(?:ignore|nocheck)/)).toEqual([]);
  });

  it('a catch that takes any error begins with the reason', () => {
    const bare = src.flatMap(({ path, lines }) =>
      lines.flatMap((text, i) =>
        /\bcatch \{$/.test(text) && !/^\s*\/\//.test(lines[i + 1] ?? '')
          ? [`${path}:${i + 1}`]
          : [],
      ),
    );
    expect(bare).toEqual([]);
  });

  it('a rejection of any kind is taken with the reason close by', () => {
    const isComment = (text: string): boolean => /^\s*(?:\/\/|\/?\*)/.test(text);
    const bare = src.flatMap(({ path, lines }) =>
      lines.flatMap((text, i) =>
        /\.catch\(\(\) =>/.test(text) && !lines.slice(Math.max(0, i - 2), i).some(isComment)
          ? [`${path}:${i + 1}`]
          : [],
      ),
    );
    expect(bare).toEqual([]);
  });

  it('no path of a machine', () => {
    expect(lines(/\/(?:home|root|work|Users)\/\w/)).toEqual([]);
  });

  it('the lock file names no machine and no registry', () => {
    const lock = readFileSync(join(ROOT, 'package-lock.json'), 'utf8');
    expect(
      lock.match(/"resolved": "(?:https?|file):[^"]*"|"\/(?:home|root|work)\/[^"]*"/g) ?? [],
    ).toEqual([]);
  });
});

/** The circle that a file is in, as text from its first name in the alphabet on; null where it is in none. */
function circleFrom(graph: ReadonlyMap<string, readonly string[]>, start: string): string | null {
  const before = new Map<string, string>();
  const todo = [start];
  for (let path = todo.shift(); path !== undefined; path = todo.shift()) {
    for (const next of graph.get(path) ?? []) {
      if (next === start) return circleText(before, path, start);
      if (!before.has(next)) todo.push(next);
      if (!before.has(next)) before.set(next, path);
    }
  }
  return null;
}

function circleText(before: ReadonlyMap<string, string>, last: string, start: string): string {
  const circle = [last];
  for (let path = last; path !== start; ) {
    path = before.get(path) ?? start;
    circle.unshift(path);
  }
  const first = circle.indexOf([...circle].sort()[0] ?? '');
  return [...circle.slice(first), ...circle.slice(0, first), circle[first]].join(' > ');
}
