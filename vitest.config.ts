import { defineConfig } from 'vitest/config'

/** What both kinds of tests share. Two workers: a service test brings a Redis and often a whole service of its own. */
const shared = {
  pool: 'forks' as const,
  retry: 0,
  testTimeout: 30_000,
  hookTimeout: 30_000,
  teardownTimeout: 10_000,
  restoreMocks: true,
}

export default defineConfig({
  test: {
    maxWorkers: 2,
    projects: [
      { test: { ...shared, name: 'unit', include: ['src/**/*.test.ts'] } },
      {
        test: {
          ...shared,
          name: 'service',
          include: ['test/**/*.test.ts'],
          globalSetup: ['test/global-setup.ts'],
          // Several real programs on two cores: a pause of the machine may let one lease lapse. A second failure counts, and
          // both show in the output.
          retry: 1,
        },
      },
    ],
  },
})
