// The examples in the docstrings of what `import 'jobrun'` and `'jobrun/testing'` give: compiled with the strictest
// settings, and run against a daemon with jobs of the names that they use.
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { Project, ROOT } from '../helpers/project.ts';
import { type Source, sourcesIn } from '../helpers/source.ts';

const PUBLIC = [
  'src/catalog/job.ts',
  'src/cli/connect.ts',
  'src/cli/start-daemon.ts',
  'src/support/errors.ts',
  'src/cli/run-job.ts',
];

interface Example {
  readonly name: string;
  readonly code: string;
}

const examples = sourcesIn('src')
  .filter(({ path }) => PUBLIC.includes(path))
  .flatMap(examplesIn);

function examplesIn({ path, lines }: Source): Example[] {
  const text = lines.join('\n');
  return [...text.matchAll(/@example[ \n]([\s\S]*?)\n? *\*\/\n(?:\/\/.*\n)?(.*)/g)].map(
    ([, body = '', owner = '']) => ({
      name: `${path}: ${owner.trim().slice(0, 60)}`,
      code: body.replace(/^ *\* ?/gm, '').trim(),
    }),
  );
}

/** A whole module, with what stands around such lines in a program. */
function moduleOf({ code }: Example, dir: string): string {
  const names = ['connect', 'startDaemon', 'defineJob', 'FatalError', 'RetryAt', 'JobrunError'];
  const used = names.filter((name) => new RegExp(`\\b${name}\\b`).test(`${code} connect`));
  const needsJobs = /\bjobs\./.test(code) && !code.includes('const jobs');
  return [
    `import { ${used.join(', ')} } from 'jobrun';`,
    ...(code.includes('runJob') ? [`import { runJob } from 'jobrun/testing';`] : []),
    ...(code.includes('z.') ? [`import { z } from 'zod';`] : []),
    ...(needsJobs ? [`const jobs = await connect({ dir: ${JSON.stringify(dir)} });`] : []),
    code
      .replaceAll('/srv/shop', code.includes('startDaemon') ? `${dir}/other` : dir)
      .replace("in: '20m'", 'in: 20'),
    ...(needsJobs ? ['await jobs.close();'] : []),
    ...(code.includes('const daemon') ? ['await daemon.stop();'] : []),
    'void connect;\n',
  ].join('\n');
}

it('are found: every class and function that is exported has one', () => {
  expect(examples.length).toBeGreaterThan(10);
  for (const what of [
    'connect',
    'startDaemon',
    'defineJob',
    'FatalError',
    'RetryAt',
    'JobrunError',
    'runJob',
  ])
    expect([what, examples.some(({ name }) => name.includes(` ${what}`))]).toEqual([what, true]);
});

describe('each', () => {
  it('compiles in a strict program, and does what it shows', async () => {
    const project = new Project({
      'jobs/import-products.mjs': 'export default async () => ({ imported: 3 });',
      'jobs/clean-up.mjs': 'export default async () => null;',
      'other/jobs/a.mjs': 'export default async () => null;',
    });
    project.link('node_modules/jobrun', ROOT);
    for (const name of ['zod', '@types/node', 'undici-types'])
      project.link(`node_modules/${name}`, join(ROOT, 'node_modules', name));
    const files = examples.map((example, i) => {
      const name = `example-${i}.ts`;
      project.write(name, moduleOf(example, project.dir));
      return name;
    });
    const options = {
      module: 'nodenext',
      target: 'es2022',
      strict: true,
      types: ['node'],
      outDir: 'out',
    };
    project.write('tsconfig.json', JSON.stringify({ compilerOptions: options, files }));
    const tsc = spawnSync(join(ROOT, 'node_modules/.bin/tsc'), ['-p', project.dir], {
      encoding: 'utf8',
    });
    expect(tsc.stdout).toBe('');

    await project.daemon();
    const results = [];
    for (const [i, { name, code }] of examples.entries()) {
      const { code: exit, stderr } = await project.node(`out/example-${i}.js`);
      const thrown = /^throw new (\w+)/.exec(code)?.[1];
      const well = thrown === undefined ? exit === 0 : stderr.includes(`${thrown}: `);
      results.push({ name, well, said: well ? '' : stderr });
    }
    expect(results.filter(({ well }) => !well)).toEqual([]);
  }, 120_000);
});
