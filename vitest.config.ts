import { defineConfig } from 'vitest/config';

export default defineConfig({
  // As it is built: React is loaded without its checks.
  oxc: { jsx: { runtime: 'automatic', development: false } },
  test: {
    include: ['test/**/*.test.ts', 'test/**/*.test.tsx'],
    testTimeout: 20_000,
    hookTimeout: 20_000,
    // Real processes, files and clocks: two at a time keeps their timing honest on a small machine.
    maxWorkers: 2,
    // Where others share the machine a process may be late by more than any bound that still means something. A test
    // that fails twice has failed; one that needed its second try is printed as such.
    retry: process.env.CI ? 1 : 0,
  },
});
