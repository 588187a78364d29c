import type { FirebaseJob } from './firebase-scrypt.ts'
import type { FormulaInput } from './password-formula.ts'
import type { Argon2Type, HashParameters } from './phc.ts'
import type { Pbkdf2Digest } from './stored-password.ts'

/** One derivation, as sent to the child; the answer is the tag. */
export type HashJob = Argon2Job | BcryptJob | ScryptJob | Pbkdf2Job | FirebaseJob

/** What we hash with, and what others have hashed with the same. */
export interface Argon2Job {
  readonly kind: 'argon2'
  readonly type: Argon2Type
  /** `former`: the digest another system would have made is hashed in place of the password. */
  readonly password: Uint8Array
  readonly former?: (Omit<FormulaInput, 'password'> & { readonly recipe: string }) | undefined
  readonly salt: Uint8Array
  readonly parameters: HashParameters
  readonly tagLength: number
}

interface BcryptJob {
  readonly kind: 'bcrypt'
  readonly password: Uint8Array
  readonly setting: string
  readonly isWordPress: boolean
}

interface ScryptJob {
  readonly kind: 'scrypt'
  readonly password: Uint8Array
  readonly salt: Uint8Array
  readonly cost: { readonly N: number; readonly r: number; readonly p: number }
  readonly tagLength: number
}

interface Pbkdf2Job {
  readonly kind: 'pbkdf2'
  readonly password: Uint8Array
  readonly salt: Uint8Array
  readonly digest: Pbkdf2Digest
  readonly iterations: number
  readonly tagLength: number
}

/**
 * What derives argon2, the fastest first: npm `argon2` with the binary that was compiled on this machine, if there is
 * one; with the one that the package brings; Node itself.
 */
export const binaries = ['compiled', 'prebuilt', 'node'] as const
/** One of the implementations of argon2. */
export type Binary = (typeof binaries)[number]

/** What a child says once it has shown that its binary works here. */
export const ready = 'ready'
