import { defineConfig } from 'vitest/config'

if (Number(process.versions.node.split('.')[0]) < 24) {
  process.stderr.write(
    `The tests need Node 24 or newer, and this is ${process.version}: use npm run test:unit, or npm test\n`,
  )
  process.exit(1)
}

/** In milliseconds. */
const minute = 60_000
/** Starts PostgreSQL and Redis once for the projects that name it; the unit tests need neither and do not wait for them. */
const services = 'test/support/global-setup.ts'
/** Leaves no process and no folder behind. */
const run = 'test/support/run.ts'

/** A group of test files with their limit of time and what is started for them. */
function project(name: string, order: number, include: string[], timeout: number, setup = run) {
  return {
    extends: true as const,
    test: {
      name,
      include,
      globalSetup: [setup],
      testTimeout: timeout,
      hookTimeout: timeout,
      sequence: { groupOrder: order },
    },
  }
}

export default defineConfig({
  test: {
    pool: 'forks',
    // What was loaded for one file is not loaded again for the next one of a process, which takes a fifth off the whole run: no
    // module of ours keeps what a test changes but the clock of the sandbox, and that is set back before each file.
    isolate: false,
    setupFiles: ['test/support/worker.ts'],
    maxWorkers: 2,
    teardownTimeout: minute,
    // What is polled for comes at once; on a machine with other work, a little later. No limit of time is there to be reached.
    expect: { poll: { timeout: minute, interval: 50 } },
    projects: [
      project('unit', 1, ['test/unit/**/*.test.ts', 'test/architecture.test.ts'], minute),
      project(
        'service',
        2,
        ['test/service/**/*.test.ts', 'test/contracts/**/*.test.ts', 'test/migrations.test.ts'],
        3 * minute,
        services,
      ),
      project('browser', 3, ['test/browser/**/*.test.ts'], 3 * minute, services),
      // Stores of several nodes, which are killed and frozen.
      project('cluster', 4, ['test/cluster/**/*.test.ts'], 10 * minute, services),
    ],
  },
})
