import { configDefaults, defineConfig } from 'vitest/config';
import { BaseSequencer, type TestSpecification } from 'vitest/node';
import { FILES, TESTS } from './test/helpers/store-exceptions.ts';

const escaped = (text: string): string => text.replace(/[.*+?^${}()|[\]\\]/g, '\\$&');
const onStore = {
  exclude: [...configDefaults.exclude, ...Object.keys(FILES).map((part) => `test/${part}*`)],
  testNamePattern: new RegExp(`^(?!.*(?:${Object.keys(TESTS).map(escaped).join('|')}))`),
};

/** Folders with files that take minutes: begun last, one of them would leave the other worker idle at the end. */
const LONG = ['reliability', 'simulation', 'bench', 'web'].map((folder) => `/test/${folder}/`);

class LongFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const isLong = ({ moduleId }: TestSpecification): boolean =>
      LONG.some((folder) => moduleId.includes(folder));
    const sorted = await super.sort(files);
    return [...sorted.filter(isLong), ...sorted.filter((file) => !isLong(file))];
  }
}

export default defineConfig({
  // As it is built: React is loaded without its checks.
  oxc: { jsx: { runtime: 'automatic', development: false } },
  test: {
    globalSetup: 'test/helpers/on-store.ts',
    include: ['test/**/*.test.ts', 'test/**/*.test.tsx'],
    ...(process.env.JOBRUN_ENGINE ? onStore : {}),
    testTimeout: 20_000,
    hookTimeout: 20_000,
    // Real processes, files and clocks: two at a time keeps their timing honest on a small machine. Three took longer in all.
    maxWorkers: 2,
    sequence: { sequencer: LongFirst },
    // Where others share the machine a process may be late by more than any bound that still means something. A test
    // that fails twice has failed; one that needed its second try is printed as such.
    retry: process.env.CI ? 1 : 0,
  },
});
