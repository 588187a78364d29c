import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'

/** Cleaning up after every call would cost as much as the work. */
const callsBetween = 3

/**
 * For work on rows without end, each of which lives for a moment: called before anything large is loaded, because the
 * part of the memory where V8 makes new things never becomes smaller again.
 */
export function keepNewThingsFew(): void {
  setFlagsFromString('--semi-space-growth-factor=1')
}

/**
 * For the same work: answers what has to be called after some thousand rows. Left alone, V8 takes hundreds of megabytes
 * before it cleans up, and keeps them.
 */
export function flatMemory(): () => void {
  setFlagsFromString('--expose-gc')
  const cleanUp = runInNewContext('gc') as () => void
  let calls = 0
  return () => {
    calls += 1
    if (calls % callsBetween === 0) cleanUp()
  }
}
