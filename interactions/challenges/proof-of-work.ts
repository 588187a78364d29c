import { createHmac, randomInt } from 'node:crypto'
import { createChallenge, verifySolution } from 'altcha-lib'
import { deriveKey } from 'altcha-lib/algorithms/pbkdf2'
import { z } from 'zod'
import { type Clock, epochSeconds } from '../../src/base/clock.ts'
import type { Limits } from '../../src/ops/limits.ts'
import type { EphemeralStore } from '../../src/store/ephemeral.ts'
import type { HumanChallenge, Level, Proved, Wanted } from './human-challenge.ts'

/** Name of the challenge, and of the field and parameter that its solution comes in, as ALTCHA has it. */
export const altcha = 'altcha'

interface Dependencies {
  readonly store: Pick<EphemeralStore, 'add'>
  readonly limits: Pick<Limits<'challenge.ip'>, 'take'>
  readonly clock: Clock
  /** Signing keys, the current one first; of each pair one signs the challenge, the other the solution. */
  readonly keys: readonly { readonly challenge: Buffer; readonly solution: Buffer }[]
}

/**
 * How many tries a challenge takes, least and most. It is drawn here, so that solving takes a fixed time and not a
 * matter of luck.
 */
const triesOf: Readonly<Record<Level, readonly [least: number, most: number]>> = {
  1: [20, 40],
  2: [60, 120],
  3: [150, 300],
}
/** Iterations of PBKDF2 for one try. */
const cost = 5000
const algorithm = 'PBKDF2/SHA-256'
/** Long enough for the slowest phone, and for servers whose clocks are minutes apart. */
const lifeSeconds = 300
/** A mark of a used solution outlives it by this. */
const spareSeconds = 5
/** Letters of a solution: ours have about 900. */
const longest = 4096

const hex = (most: number) =>
  z
    .string()
    .max(most)
    .regex(/^(?:[0-9a-f]{2})+$/)
const solved = z.strictObject({
  challenge: z.strictObject({
    parameters: z.strictObject({
      algorithm: z.literal(algorithm),
      nonce: hex(64),
      salt: hex(64),
      cost: z.int().positive(),
      keyLength: z.literal(32),
      keyPrefix: hex(64),
      keySignature: hex(64),
      expiresAt: z.int().positive(),
      data: z.strictObject({
        purpose: z.string().max(20),
        attempt: z.string().max(64),
        to: z.string().max(64),
        level: z.union([z.literal(1), z.literal(2), z.literal(3)]),
      }),
    }),
    signature: hex(64),
  }),
  solution: z.object({ counter: z.int().nonnegative(), derivedKey: hex(64) }),
})

type Solved = z.output<typeof solved>

/**
 * ALTCHA v2: the browser or app searches for a number, which takes it a moment, and nobody is asked anything. It is a
 * speed bump and no price: it stops whoever repeats a copied request, and no limit is wider because of it.
 *
 * SECURITY: a challenge names what it is for, so that nobody solves some in store, and a solution counts once. The
 * library takes the same one any number of times.
 */
export function proofOfWork({ store, limits, clock, keys }: Dependencies): HumanChallenge {
  const secrets = keys.map(({ challenge, solution }) => ({
    hmacSignatureSecret: challenge.toString('base64url'),
    hmacKeySignatureSecret: solution.toString('base64url'),
    /** SECURITY: a number is in no page and no log of an app, and cannot be found by trying them all. */
    bound: ({ purpose, attemptId, to }: Wanted) => {
      const digest = (text: string) => createHmac('sha256', challenge).update(text).digest('base64url')
      return { purpose, attempt: digest(`attempt ${attemptId}`), to: digest(`to ${to}`) }
    },
  }))

  async function isOurs({ challenge, solution }: Solved, wanted: Wanted): Promise<string | undefined> {
    for (const { bound, ...signed } of secrets) {
      const given = { deriveKey, challenge, solution: { ...solution, time: 0 }, ...signed }
      const { verified, expired, invalidSignature } = await verifySolution(given)
      if (expired) return 'expired'
      if (invalidSignature) continue
      if (!verified) return 'unsolved'
      const { data } = challenge.parameters
      const expected = bound(wanted)
      const isFor = data.purpose === expected.purpose && data.attempt === expected.attempt && data.to === expected.to
      return isFor ? undefined : 'for_something_else'
    }
    return 'foreign'
  }

  async function judge(text: string, wanted: Wanted): Promise<Proved> {
    const given = read(text)
    if (!given) return { verdict: 'refused', vendorCode: 'unreadable' }
    const { nonce, expiresAt, data } = given.challenge.parameters
    const leftSeconds = expiresAt - epochSeconds(clock)
    if (leftSeconds <= 0) return { verdict: 'refused', vendorCode: 'expired' }
    const wrong = await isOurs(given, wanted)
    if (wrong !== undefined) return { verdict: 'refused', vendorCode: wrong }
    // SECURITY: marked when all else is right, so that nobody fills the store with what was never asked for.
    const isFirst = await store.add(`altcha:${nonce}`, 1, leftSeconds + spareSeconds)
    return isFirst ? { verdict: 'human', level: data.level } : { verdict: 'refused', vendorCode: 'used' }
  }

  return {
    name: altcha,
    fields: [altcha],

    async shown({ ip, level, ...wanted }) {
      // SECURITY: each costs a derivation here, and a mark when it is used.
      await limits.take('challenge.ip', ip)
      const [{ bound, ...signed }] = secrets as [(typeof secrets)[number]]
      const [least, most] = triesOf[level]
      const expiresAt = epochSeconds(clock) + lifeSeconds
      const data = { ...bound(wanted), level }
      const counter = randomInt(least, most + 1)
      return { [altcha]: await createChallenge({ algorithm, deriveKey, cost, counter, expiresAt, data, ...signed }) }
    },

    async verify({ fields, ...wanted }) {
      const text = fields[altcha]
      if (text === undefined) return { verdict: 'refused', vendorCode: 'missing' }
      try {
        return await judge(text, wanted)
      } catch (cause) {
        // SECURITY: without its mark a solution could be used again.
        return { verdict: 'unavailable', cause }
      }
    },
  }
}

/** What a solution says; undefined for whatever is none. */
function read(text: string): Solved | undefined {
  if (text.length > longest || !/^[A-Za-z0-9+/]+={0,2}$/.test(text)) return undefined
  try {
    return solved.safeParse(JSON.parse(Buffer.from(text, 'base64').toString())).data
  } catch {
    return undefined
  }
}
