import { defineConfig } from 'vitest/config'

// A run for test/service/interrupted-run.test.ts to interrupt, with the set-up of the service tests.
export default defineConfig({
  test: {
    include: ['test/support/hanging.ts'],
    pool: 'forks',
    setupFiles: ['test/support/worker.ts'],
    globalSetup: ['test/support/global-setup.ts'],
    teardownTimeout: 10_000,
    testTimeout: 600_000,
  },
})
