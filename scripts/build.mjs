// Makes dist/: types by tsc, and the code as few files. A command line is a process for each call, and Node pays for
// each file that it loads. So the code that all commands share is one file, each command is one, and they do not touch
// the daemon, the workers and the dashboard. Node pays for its loader of ES modules as well, a twelfth of a command. So
// the command line is CommonJS, and code that stays for longer, or is imported, is ES modules. Every file lies one
// folder below dist/, as the sources lie in folders below src/: what is found by a path from `import.meta.url` is found
// from both.
import { spawnSync } from 'node:child_process';
import { copyFileSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { isBuiltin } from 'node:module';
import { dirname, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { rolldown } from 'rolldown';
import { minifySync } from 'rolldown/experimental';
import { minify } from 'terser';
import { manPage } from './man-page.mjs';

const root = fileURLToPath(new URL('..', import.meta.url));
const dist = `${root}dist`;

/**
 * Packages that each command needs go into its file; Ink has one of its own (below), the others stay where npm installs
 * them.
 */
const INLINED = [
  'commander',
  'lowdb',
  'valibot',
  'string-width',
  'strip-ansi',
  'ansi-regex',
  'get-east-asian-width',
];

rmSync(dist, { recursive: true, force: true });
// The web page has the types of a browser, and ships none of its own.
for (const project of ['tsconfig.build.json', 'src/web']) {
  const tsc = spawnSync(`${root}node_modules/.bin/tsc`, ['-p', project], {
    cwd: root,
    stdio: 'inherit',
  });
  if (tsc.status !== 0) process.exit(tsc.status ?? 1);
}

/**
 * Types that `import 'jobrun'` does not reach are not shipped. None may name a package: its code is bundled, its types
 * are not, and a program that checks the types of its libraries would not compile.
 */
const shipped = new Set();
function ship(file) {
  if (shipped.has(file)) return;
  shipped.add(file);
  const text = readFileSync(file, 'utf8');
  for (const [, name] of text.matchAll(/(?:from |import\()["']([^"']+)["']/g)) {
    if (name.startsWith('.')) ship(resolve(dirname(file), name.replace(/\.tsx?$/, '.d.ts')));
    else if (!name.startsWith('node:')) throw new Error(`${file} names the package ${name}`);
  }
}
ship(resolve(dist, 'index.d.ts'));
ship(resolve(dist, 'testing.d.ts'));
for (const entry of readdirSync(dist, { recursive: true })) {
  const file = resolve(dist, entry);
  if (file.endsWith('.d.ts') && !shipped.has(file)) rmSync(file);
}

/** The code that nearly every command loads: in one file, for a file costs more than what is in it. */
const COMMON = new RegExp(
  [
    'src/support/(clock|config|durations|errors|json|limits|random|recent|schema|text|zones|zone-names)',
    'src/api/(address|client|protocol|wire)',
    'src/run/(run|view|policy|words)\\.',
    'src/commands/(dispatch|index|version)\\.',
    'src/commands/shared/(clock-texts|command|filter|kinds|options|output|run-list|run-words|times|views|waiting)\\.',
    'src/cli/(main|program|backend|terminal|entries|shells)',
    'node_modules/commander',
    'string-width',
    'valibot',
    'rolldown/runtime',
  ].join('|'),
);

/**
 * The code that a command loads beside that if no daemon runs: the engine on files, and the job files as they are
 * known.
 */
const OFFLINE =
  /src\/(daemon\/(jobs|offline)|engine\/(open|files\/[\w-]+)|store\/[\w-]+|run\/(cron[\w-]*|keep-clock|schedule|stored-schedule|transitions|waits))\./;

/** The code that brings job files into a worker, and into its thread for imports on Node 20. */
const LOADER =
  /src\/(workers\/(import-hooks|project-files|compile-cache)|catalog\/(resolution|tsconfig)|support\/cache-files)\./;

/** The commands that stay: ES modules of their own, for the dashboard needs such, and the daemon is faster so. */
const STAYING = ['daemon', 'dashboard', 'local'];

/**
 * The names that the dashboard takes from Ink and React. They are sixty files, and one of them all loads in a fifth of
 * the time.
 */
const INK = {
  ink: ['ink/build/index.js', 'Box, Text, render'],
  react: [
    'react/index.js',
    'createContext, createElement, useCallback, useContext, useEffect, useSyncExternalStore',
  ],
  'react/jsx-runtime': ['react/jsx-runtime.js', 'Fragment, jsx, jsxs'],
};

const isExternal = (name) =>
  !/^[./]/.test(name) && !INLINED.includes(name) && !Object.hasOwn(INK, name);

/**
 * `string-width` prepares tables of all emoji when it is loaded, which takes longer than a whole command. Most tables
 * are plain, so it is loaded with the first text that is not.
 */
const lazyWidths = {
  name: 'lazy-widths',
  resolveId: (name) => (name === 'string-width' ? '\0string-width' : null),
  load: (id) =>
    id === '\0string-width'
      ? `let widthOf = null;
         export default function stringWidth(text) {
           if (/^[ -~]*$/.test(text)) return text.length;
           const { createRequire } = process.getBuiltinModule('node:module');
           widthOf ??= createRequire(import.meta.url)('../parts/string-width.cjs');
           return widthOf(text);
         }`
      : null,
};

/**
 * Node's own modules are taken as they lie in the process. An `import` of one makes a second module around it, which
 * touches each of its exports: that of `node:process` opens stdin, that of `node:fs` loads its promises. Together they
 * take as long as all of our code.
 */
const plainBuiltins = {
  name: 'plain-builtins',
  renderChunk: (code) => ({
    code: code
      .replaceAll(
        /^import \{ (?!default )(.+) \} from ("node:[\w/]+");$/gm,
        (_, names, id) =>
          `const { ${names.replaceAll(' as ', ': ')} } = globalThis.process.getBuiltinModule(${id});`,
      )
      .replaceAll(/__require\(("node:[\w/]+")\)/g, 'globalThis.process.getBuiltinModule($1)'),
    map: null,
  }),
};

/**
 * commander can start other programs as commands. jobrun has none, and what starts programs takes long to load. Every
 * command loads it, and Node takes longer the more text there is: its comments and long names are left out.
 */
const leanCommander = {
  name: 'lean-commander',
  transform: (code, id) =>
    id.includes('/node_modules/commander/lib/')
      ? minifySync(id, code.replace("require('node:child_process')", '{}'), {
          module: false,
          sourcemap: true,
        })
      : null,
};

const stayingApart = {
  name: 'staying-apart',
  resolveId: (name, importer) => {
    const [, command] = /^\.\/(\w+)\.ts$/.exec(name) ?? [];
    return STAYING.includes(command) && importer?.endsWith('.ts') && importer.includes('/src/cli/')
      ? { id: `../cli/${command}.js`, external: true }
      : null;
  },
};

const inkApart = {
  name: 'ink-apart',
  resolveId: (name) => (Object.hasOwn(INK, name) ? { id: './ink.js', external: true } : null),
};
const inkItself = {
  name: 'ink-itself',
  resolveId: (name) => (name === 'ink-itself' || name === './devtools.js' ? `\0${name}` : null),
  load: (id) => {
    if (id === '\0./devtools.js') return '';
    if (id !== '\0ink-itself') return null;
    const from = ([file, names]) => `export { ${names} } from '${root}node_modules/${file}';`;
    return Object.values(INK).map(from).join('\n');
  },
};

/** The packages whose code lies in dist/. */
const inlined = new Set();

async function bundle({ groups = [], ...options }, output) {
  const made = await rolldown({
    cwd: root,
    platform: 'node',
    external: isExternal,
    // Files that most load at once and one loads late are loaded at once.
    checks: { ineffectiveDynamicImport: false },
    ...options,
  });
  const { output: files } = await made.write({
    dir: dist,
    sourcemap: true,
    // A process of the version before may still load one of these: it finds what it knows by its name.
    minifyInternalExports: false,
    codeSplitting: {
      groups: [
        { name: 'common', test: COMMON },
        { name: 'module-loader', test: LOADER },
        ...groups,
      ],
    },
    ...output,
  });
  await made.close();
  for (const { moduleIds = [] } of files) {
    for (const id of moduleIds) {
      const [, name] = /.*\/node_modules\/((?:@[^/]+\/)?[^/]+)\//.exec(id) ?? [];
      if (name) inlined.add(id.slice(0, id.lastIndexOf(`/${name}/`) + name.length + 1));
    }
  }
}

await bundle(
  {
    input: {
      'parts/library': 'src/index.ts',
      'parts/testing': 'src/testing.ts',
      'workers/entry': 'src/workers/entry.ts',
      'workers/job-api': 'src/workers/job-api.ts',
      'workers/import-hooks': 'src/workers/import-hooks.ts',
      ...Object.fromEntries(STAYING.map((name) => [`cli/${name}`, `src/cli/${name}.ts`])),
    },
    plugins: [lazyWidths, leanCommander, inkApart, plainBuiltins],
  },
  { format: 'esm', entryFileNames: '[name].js', chunkFileNames: 'parts/[name].js' },
);
await bundle(
  {
    input: { 'cli/main': 'src/cli/main.ts' },
    plugins: [lazyWidths, leanCommander, stayingApart],
    groups: [{ name: 'offline', test: OFFLINE }],
  },
  {
    format: 'cjs',
    entryFileNames: '[name].cjs',
    chunkFileNames: 'parts/[name].cjs',
    banner: "'use strict';",
  },
);
await bundle(
  { input: { 'parts/string-width': 'node_modules/string-width/index.js' } },
  {
    format: 'cjs',
    entryFileNames: '[name].cjs',
    exports: 'default',
    sourcemap: false,
    codeSplitting: {},
  },
);
await bundle(
  {
    input: { 'parts/ink': 'ink-itself' },
    external: isBuiltin,
    plugins: [lazyWidths, inkItself],
    transform: { define: { 'process.env.NODE_ENV': '"production"' } },
  },
  { format: 'esm', entryFileNames: '[name].js', sourcemap: false, minify: true, codeSplitting: {} },
);
await bundle(
  { input: { 'parts/typescript': 'src/workers/typescript.ts' }, external: isBuiltin },
  {
    format: 'cjs',
    entryFileNames: '[name].cjs',
    sourcemap: false,
    minify: true,
    codeSplitting: {},
  },
);

/**
 * The web page: one script and one sheet of styles. The code that it shares with the command line is pure, but lies
 * beside code that is not: no Node module may be left.
 */
const PAGE = `${root}src/web`;
/** Each byte of the page counts: terser makes what rolldown has made a good percent smaller. */
const smallest = {
  name: 'smallest',
  generateBundle: async (_options, files) => {
    for (const file of Object.values(files).filter(({ type }) => type === 'chunk')) {
      const options = { module: true, ecma: 2022, compress: { passes: 3 } };
      file.code = (await minify(file.code, options)).code;
    }
  },
};
await bundle(
  {
    input: { 'web/app': 'src/web/main.tsx' },
    platform: 'browser',
    external: isBuiltin,
    treeshake: { moduleSideEffects: false },
    transform: {
      define: { 'process.platform': '"browser"' },
      // Shorter than what the compiler checks: elements as plain calls.
      jsx: { runtime: 'classic', pragma: 'h', pragmaFrag: 'Fragment' },
      inject: { h: ['preact', 'h'], Fragment: ['preact', 'Fragment'] },
    },
    plugins: [smallest],
  },
  { format: 'esm', entryFileNames: '[name].js', sourcemap: false, minify: true, codeSplitting: {} },
);
const script = readFileSync(`${dist}/web/app.js`, 'utf8');
if (/\bimport\b\s*["'{(]|node:|\bprocess\b/.test(script.replaceAll('import.meta', '')))
  throw new Error('the script of the web page needs Node');
const styles = ['base', 'lists', 'run', 'forms', 'media'].map((name) =>
  readFileSync(`${PAGE}/style-${name}.css`, 'utf8')
    .replace(/\/\*[\s\S]*?\*\//g, '')
    .replace(/\s+/g, ' ')
    .replace(/(?<=[ ,(:-])0\./g, '.')
    .replace(/ ?([{};,]) ?/g, '$1')
    .replace(/: /g, ':')
    .replace(/ ([/>]) /g, '$1')
    .replaceAll(';}', '}')
    .replaceAll('#ffffff', '#fff')
    .replaceAll('transparent', '#0000')
    .replaceAll('@media (', '@media(')
    .replace(/"([a-z]+)"(?=\])/g, '$1')
    .trim(),
);
/** Variables get short names: no script knows them. */
const names = [...new Set(styles.join('').match(/--[a-z-]+/g))].sort((a, b) => b.length - a.length);
const sheet = names.reduce(
  (text, name, i) => text.replaceAll(name, `--${i.toString(36)}`),
  styles.join(''),
);
writeFileSync(`${dist}/web/app.css`, sheet);
writeFileSync(
  `${dist}/web/index.html`,
  readFileSync(`${PAGE}/index.html`, 'utf8')
    .replace(/>\s+</g, '><')
    .replaceAll(' />', '>')
    // A browser knows where they are.
    .replace(/<\/?(head|body)>|<\/html>/g, ''),
);
copyFileSync(`${PAGE}/icon.svg`, `${dist}/web/icon.svg`);

writeFileSync(`${dist}/index.js`, "export * from './parts/library.js';\n");
writeFileSync(`${dist}/testing.js`, "export * from './parts/testing.js';\n");

const bundled = [...inlined].sort().map((folder) => ({
  folder,
  ...JSON.parse(readFileSync(`${folder}/package.json`, 'utf8')),
}));
const licences = bundled.map(({ folder, name, version, license }) => {
  const file = readdirSync(folder).find((entry) => /^licen[cs]e/i.test(entry));
  return `${name} ${version} (${license})\n\n${file ? readFileSync(`${folder}/${file}`, 'utf8') : ''}`;
});
writeFileSync(`${dist}/LICENSES.txt`, licences.join('\n---\n\n'));

/** The same for programs that look for known faults: CycloneDX 1.6 (cyclonedx.org/docs/1.6/json). */
const component = (type, { name, version, license }) => ({
  type,
  'bom-ref': `pkg:npm/${name.replace('@', '%40')}@${version}`,
  name,
  version,
  licenses: [/ OR | AND /.test(license) ? { expression: license } : { license: { id: license } }],
  purl: `pkg:npm/${name.replace('@', '%40')}@${version}`,
});
const jobrun = JSON.parse(readFileSync(`${root}package.json`, 'utf8'));
const pages = ['command-line', 'errors'].map((name) =>
  readFileSync(`${root}docs/${name}.md`, 'utf8'),
);
writeFileSync(`${dist}/jobrun.1`, manPage(...pages, jobrun.version));

const bom = {
  bomFormat: 'CycloneDX',
  specVersion: '1.6',
  version: 1,
  metadata: { component: component('application', jobrun) },
  components: bundled.map((one) => component('library', one)),
};
writeFileSync(`${dist}/sbom.cdx.json`, `${JSON.stringify(bom, null, 2)}\n`);
