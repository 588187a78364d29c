import { pbkdf2 } from 'node:crypto'
import { promisify } from 'node:util'
import { answer } from '../bench/child.ts'

/** A challenge of ALTCHA v2, as far as somebody who solves it looks at it. */
export interface AltchaChallenge {
  readonly parameters: {
    readonly algorithm: string
    readonly nonce: string
    readonly salt: string
    readonly cost: number
    readonly keyLength: number
    readonly keyPrefix: string
  }
  readonly signature: string
}

/** What the process of those who solve can be asked. */
export type SolverCalls = {
  /** The number that was searched for, and the key that shows it. */
  search(challenge: AltchaChallenge): Promise<{ readonly counter: number; readonly derivedKey: string }>
}

const derive = promisify(pbkdf2)
const mostTries = 100_000

const calls: SolverCalls = {
  async search({ parameters }) {
    const { algorithm, nonce, salt, cost, keyLength, keyPrefix } = parameters
    if (algorithm !== 'PBKDF2/SHA-256') throw new Error(`nobody here solves ${algorithm}`)
    const password = Buffer.alloc(nonce.length / 2 + 4)
    password.write(nonce, 'hex')
    for (let counter = 0; counter < mostTries; counter++) {
      password.writeUInt32BE(counter, password.length - 4)
      const key = await derive(password, Buffer.from(salt, 'hex'), cost, keyLength, 'sha256')
      const derivedKey = key.toString('hex')
      if (derivedKey.startsWith(keyPrefix)) return { counter, derivedKey }
    }
    throw new Error(`no solution in ${mostTries} tries`)
  },
}

answer(calls)
