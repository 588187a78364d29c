import type { TestProject } from 'vitest/node'
import { dropDatabases, makeTemplate } from './database-template.ts'
import { type RunningServices, type Services, startServices } from './services.ts'

declare module 'vitest' {
  export interface ProvidedContext {
    readonly services: Services
  }
}

/** What the projects of one run share. Vitest loads this file anew for each of them, so it cannot be a variable of the module. */
const shared = globalThis as { menshenTests?: { users: number; readonly running: Promise<RunningServices> } }

/** Starts the services, in a run, for the first project that needs them, tells its tests where they are, and stops them after the last. */
export default async function setup(project: TestProject): Promise<() => Promise<void>> {
  shared.menshenTests ??= { users: 0, running: start() }
  const { menshenTests } = shared
  menshenTests.users++
  const { services, stop } = await menshenTests.running
  project.provide('services', services)
  return async () => {
    menshenTests.users--
    if (menshenTests.users > 0) return
    delete shared.menshenTests
    await dropDatabases(services)
    await stop()
  }
}

/** Services with the migrated template database. */
async function start(): Promise<RunningServices> {
  const running = await startServices()
  try {
    await makeTemplate(running.services)
    return running
  } catch (error) {
    await running.stop()
    throw error
  }
}
