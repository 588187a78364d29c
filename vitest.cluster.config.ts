import { defineConfig } from 'vitest/config'
import { minute, project, services, shared } from './vitest.config.ts'

/** Stores of several nodes, which take minutes: `npm run test:cluster`, and not `npm test`. */
export default defineConfig({
  test: { ...shared, projects: [project('cluster', 1, ['test/cluster/**/*.test.ts'], 10 * minute, services)] },
})
