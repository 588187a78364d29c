import { AsyncLocalStorage } from 'node:async_hooks'
import type { Clock } from '../../base/clock.ts'
import type { Database } from '../../store/postgres.ts'
import type { FamilyTokens } from './family-tokens.ts'
import { recordStore } from './record-store.ts'
import { Unit } from './unit.ts'
import { usedTokens } from './used-tokens.ts'

/** Gives each request a unit of its own. */
export interface UnitOfWork {
  /** The unit of the running request; outside one, a unit whose writes the caller must flush. */
  current(): Unit | undefined
  /**
   * Runs `work` with a unit of its own and flushes it; returns false if the flush lost the race for a consumed value.
   * What the audit notes of it names the request.
   */
  run(work: (unit: Unit) => Promise<void>, requestId?: string): Promise<boolean>
  /** Runs `work` with a unit that has been flushed already, for what still has to be done. */
  resume(unit: Unit, work: () => Promise<void>): Promise<void>
}

interface Dependencies {
  readonly database: Database
  readonly clock: Clock
  /** How many grants of a user for one client live at once. */
  readonly perClient: number
  readonly families: Pick<FamilyTokens, 'recall'>
}

/** Where the adapter finds the unit of the request it is called in. */
export function unitOfWork({ database, clock, perClient, families }: Dependencies): UnitOfWork {
  const records = recordStore({ database, perClient })
  const used = usedTokens({ records, families })
  const storage = new AsyncLocalStorage<Unit>()
  return {
    current: () => storage.getStore(),
    async run(work, requestId) {
      const unit = new Unit({ clock, records, used })
      unit.requestId = requestId
      await storage.run(unit, () => work(unit))
      return unit.flush()
    },
    resume: (unit, work) => storage.run(unit, work),
  }
}
