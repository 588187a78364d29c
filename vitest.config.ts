import { defineConfig } from 'vitest/config'

const minute = 60_000

function project(name: string, order: number, include: string[], timeout: number) {
  return {
    extends: true as const,
    test: {
      name,
      include,
      globalSetup: [],
      testTimeout: timeout,
      hookTimeout: Math.max(timeout, minute / 2),
      sequence: { groupOrder: order },
    },
  }
}

export default defineConfig({
  test: {
    pool: 'forks',
    maxWorkers: 2,
    globalSetup: ['test/support/global-setup.ts'],
    teardownTimeout: minute,
    // What is polled for comes at once; on a machine with other work, a little later.
    expect: { poll: { timeout: minute / 4, interval: 50 } },
    projects: [
      project('unit', 1, ['test/unit/**/*.test.ts', 'test/*.test.ts'], minute / 4),
      project('service', 2, ['test/service/**/*.test.ts', 'test/contracts/**/*.test.ts'], minute / 2),
      project('browser', 3, ['test/browser/**/*.test.ts'], minute),
    ],
  },
})
