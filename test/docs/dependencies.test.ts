// Each dependency is accounted for: its line in docs/dependencies.md with its licence, and no package that runs
// anything when it is installed.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { ROOT } from '../helpers/source.ts';

interface Locked {
  readonly license?: string;
  readonly version?: string;
  readonly dev?: boolean;
  readonly peer?: boolean;
  readonly hasInstallScript?: boolean;
}

const page = readFileSync(join(ROOT, 'docs/dependencies.md'), 'utf8');
const manifest = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8')) as Record<
  string,
  object
>;
const lock = JSON.parse(readFileSync(join(ROOT, 'package-lock.json'), 'utf8')) as {
  readonly packages: Readonly<Record<string, Locked>>;
};
const packages = Object.entries(lock.packages).filter(([path]) => path !== '');
const named = Object.keys({ ...manifest.dependencies, ...manifest.devDependencies });
const rows = [...page.matchAll(/^\| (`.+?) \| (.+?) \| /gm)].flatMap(
  ([, names = '', licence = '']) =>
    [...names.matchAll(/`([^`]+)`/g)].map(([, name = '']) => [name, licence] as const),
);

it('each has a line, with its licence, and each line is of one', () => {
  expect(rows.map(([name]) => name).sort()).toEqual([...named].sort());
  for (const [name, licence] of rows)
    expect([name, licence]).toEqual([name, lock.packages[`node_modules/${name}`]?.license]);
});

it('none runs anything when it is installed', () => {
  expect(packages.filter(([, one]) => one.hasInstallScript).map(([path]) => path)).toEqual([]);
  expect(packages.length).toBeGreaterThan(100);
});

interface Bom {
  readonly bomFormat: string;
  readonly components: readonly { name: string; version: string; purl: string; licenses: object }[];
}

it('what lies in dist/ is listed there with its version and licence, and is no dependency beside it', () => {
  const bom = JSON.parse(readFileSync(join(ROOT, 'dist/sbom.cdx.json'), 'utf8')) as Bom;
  const names = bom.components.map(({ name }) => name);
  for (const name of [
    '@babel/core',
    'commander',
    'ink',
    'lowdb',
    'preact',
    'react',
    'string-width',
    'valibot',
  ])
    expect(names).toContain(name);
  const licences = readFileSync(join(ROOT, 'dist/LICENSES.txt'), 'utf8');
  const locked = Object.entries(lock.packages);
  for (const { name, version, purl } of bom.components) {
    const [, found] =
      locked.find(
        ([path, one]) => path.endsWith(`node_modules/${name}`) && one.version === version,
      ) ?? [];
    expect([name, found?.version]).toEqual([name, version]);
    expect(purl).toBe(`pkg:npm/${name.replace('@', '%40')}@${version}`);
    expect(licences).toContain(`${name} ${version} (${found?.license})`);
  }
  expect(Object.keys(manifest.dependencies ?? {}).filter((name) => names.includes(name))).toEqual(
    [],
  );
});

it('an installed jobrun is at most 25 packages, itself included', () => {
  const run = packages.filter(([, one]) => !one.dev && !one.peer);
  expect(run.length + 1).toBeLessThanOrEqual(25);
  expect(run.length).toBeGreaterThan(3);
});

it('what is needed to run is free to use', () => {
  const run = packages.filter(([, one]) => !one.dev);
  const free = /^(?:MIT|ISC|0BSD|BSD-[23]-Clause|Apache-2\.0|\(MIT OR CC0-1\.0\))$/;
  expect(run.filter(([, one]) => !free.test(one.license ?? '')).map(([path]) => path)).toEqual([]);
});
