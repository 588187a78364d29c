import type { TestProject } from 'vitest/node'
import { dropDatabases, makeTemplate } from './database-template.ts'
import { type Services, startServices } from './services.ts'

declare module 'vitest' {
  export interface ProvidedContext {
    readonly services: Services
  }
}

/** Runs once for all projects: starts the services, migrates the template database, and tells the tests where they are. */
export default async function setup(project: TestProject): Promise<() => Promise<void>> {
  const { services, stop } = await startServices()
  try {
    await makeTemplate(services)
  } catch (error) {
    await stop()
    throw error
  }
  project.provide('services', services)
  return async () => {
    await dropDatabases(services)
    await stop()
  }
}
