import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    include: ['test/**/*.test.ts', 'test/**/*.test.tsx'],
    testTimeout: 20_000,
    hookTimeout: 20_000,
    // Real processes, files and clocks: two at a time keeps their timing honest on a small machine.
    maxWorkers: 2,
  },
});
