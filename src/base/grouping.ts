import { AppError } from './errors.ts'

/**
 * How many shared calls run before the next parts wait to share one. With more, the other side would only switch
 * between them.
 */
const mostUnderWay = 2
/** How many parts share one call. A time limit fails all of them, and a longer list gains nothing more. */
const mostParts = 200

interface Group<Part, Outcome> {
  readonly parts: Part[]
  readonly done: Promise<readonly Outcome[]>
  start(): void
}

/**
 * Does what is asked in one turn of the event loop, and while enough is under way, with one call of `work`, which
 * answers the outcomes in the order of the parts. When a shared call fails for anything but a store that is away, every
 * part is tried on its own, so that nobody fails for what another asked.
 */
export function inGroups<Part, Outcome>(
  work: (parts: readonly Part[]) => Promise<readonly Outcome[]>,
): (part: Part) => Promise<Outcome> {
  let underWay = 0
  const waiting: Group<Part, Outcome>[] = []

  function startWaiting(): void {
    if (underWay < mostUnderWay) waiting.shift()?.start()
  }

  async function carryOut(parts: readonly Part[]): Promise<readonly Outcome[]> {
    underWay += 1
    try {
      return await work(parts)
    } catch (error) {
      if (parts.length === 1 || (error instanceof AppError && error.code === 'server.unavailable')) throw error
      throw new SharedFailure()
    } finally {
      underWay -= 1
      startWaiting()
    }
  }

  function newGroup(): Group<Part, Outcome> {
    const { promise, resolve, reject } = Promise.withResolvers<readonly Outcome[]>()
    const parts: Part[] = []
    return { parts, done: promise, start: () => void carryOut(parts).then(resolve, reject) }
  }

  function openGroup(): Group<Part, Outcome> {
    const last = waiting.at(-1)
    if (last && last.parts.length < mostParts) return last
    const group = newGroup()
    waiting.push(group)
    setImmediate(startWaiting)
    return group
  }

  return async (part) => {
    const { parts, done } = openGroup()
    const index = parts.push(part) - 1
    try {
      return (await done)[index] as Outcome
    } catch (error) {
      if (!(error instanceof SharedFailure)) throw error
      const [outcome] = await work([part])
      return outcome as Outcome
    }
  }
}

/** Tells each part of a group that another part may have caused the failure. */
class SharedFailure extends Error {}
