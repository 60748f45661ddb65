// Each dependency is accounted for: its line in docs/dependencies.md with its licence, and no package that runs anything
// when it is installed.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { ROOT } from '../helpers/source.ts';

interface Locked {
  readonly license?: string;
  readonly version?: string;
  readonly dev?: boolean;
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

it('what lies in dist/ is named in the very version that lies there', () => {
  const [, inDist = ''] = /dashboard needs at once \((.+?)and what/s.exec(page) ?? [];
  const names = [...inDist.matchAll(/`([^`]+)`/g)].map(([, name = '']) => name);
  const versions = manifest.dependencies as Record<string, string>;
  const built = readFileSync(join(ROOT, 'dist/LICENSES.txt'), 'utf8');
  expect(names.length).toBe(5);
  for (const [name, version] of Object.entries(versions)) {
    expect([name, built.includes(`\n${name} (`)]).toEqual([name, names.includes(name)]);
    if (names.includes(name)) expect(version).toBe(lock.packages[`node_modules/${name}`]?.version);
  }
});

it('what is needed to run is free to use', () => {
  const run = packages.filter(([, one]) => !one.dev);
  const free = /^(?:MIT|ISC|0BSD|BSD-[23]-Clause|Apache-2\.0|\(MIT OR CC0-1\.0\))$/;
  expect(run.filter(([, one]) => !free.test(one.license ?? '')).map(([path]) => path)).toEqual([]);
});
