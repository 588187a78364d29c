import { type Child, startChild } from '../bench/child.ts'
import type { Fields } from './door.ts'
import type { AltchaChallenge, SolverCalls } from './solver.ts'

/** What somebody answers to a challenge, and how long it takes them. */
export interface Solved {
  readonly fields: Fields
  readonly walkedMs: number
}

/** Solves what the page or the app was given, as their script or program would. */
export interface Solving {
  solve(challenge: AltchaChallenge): Promise<Solved>
  close(): Promise<void>
}

/** What one try takes a cheap phone. */
const msATry = 20

/** Starts the process that solves. */
export function startSolving(): Solving {
  const child: Child<SolverCalls> = startChild(new URL('./solver.ts', import.meta.url).href)
  return {
    async solve(challenge) {
      const { counter, derivedKey } = await child.call('search', challenge)
      const walkedMs = counter * msATry
      const text = JSON.stringify({ challenge, solution: { counter, derivedKey, time: walkedMs } })
      return { fields: { altcha: Buffer.from(text).toString('base64') }, walkedMs }
    },
    close: () => child.stop(),
  }
}
