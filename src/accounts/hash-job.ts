import type { HashParameters } from './phc.ts'

/** One derivation, as sent to the child; the answer is the tag. */
export interface HashJob {
  readonly password: Uint8Array
  readonly salt: Uint8Array
  readonly parameters: HashParameters
  readonly tagLength: number
}

/**
 * What derives, the fastest first: npm `argon2` with the binary that was compiled on this machine, if there is one;
 * with the one that the package brings; Node itself.
 */
export const binaries = ['compiled', 'prebuilt', 'node'] as const
/** One of the implementations of argon2id. */
export type Binary = (typeof binaries)[number]

/** What a child says once it has shown that its binary works here. */
export const ready = 'ready'
