import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'

/** Cleaning up after every call would cost as much as the work. */
const callsBetween = 3

/**
 * For work on rows without end, each of which lives for a moment: answers what has to be called after some thousand of
 * them. Left alone, V8 takes hundreds of megabytes before it cleans up, and keeps them.
 */
export function flatMemory(): () => void {
  setFlagsFromString('--semi-space-growth-factor=1')
  setFlagsFromString('--expose-gc')
  const cleanUp = runInNewContext('gc') as () => void
  let calls = 0
  return () => {
    calls += 1
    if (calls % callsBetween === 0) cleanUp()
  }
}
