import { AsyncLocalStorage } from 'node:async_hooks'
import { recordGroups } from './record-groups.ts'
import { Unit, type UnitDependencies } from './unit.ts'

/** Gives each request a unit of its own. */
export interface UnitOfWork {
  /** The unit of the running request; outside one, a unit whose writes the caller must flush. */
  current(): Unit | undefined
  /** Runs `work` with a unit of its own and flushes it; answers false when the flush lost the race for a consumed value. */
  run(work: (unit: Unit) => Promise<void>): Promise<boolean>
  /** Runs `work` with a unit that was flushed, for what is left to settle. */
  resume(unit: Unit, work: () => Promise<void>): Promise<void>
}

/** Where the adapter finds the unit of the request it is called in. */
export function unitOfWork(dependencies: Omit<UnitDependencies, 'groups'>): UnitOfWork {
  const groups = recordGroups(dependencies)
  const storage = new AsyncLocalStorage<Unit>()
  return {
    current: () => storage.getStore(),
    async run(work) {
      const unit = new Unit({ ...dependencies, groups })
      await storage.run(unit, () => work(unit))
      return unit.flush()
    },
    resume: (unit, work) => storage.run(unit, work),
  }
}
