import { createLocalJWKSet, decodeJwt, decodeProtectedHeader, type JSONWebKeySet, jwtVerify } from 'jose'
import { issuer } from './clientele.ts'
import { type Fleet, send } from './fleet.ts'

/** Clocks of one machine, and seconds that are rounded. */
const slackMs = 3000

/** Knows which keys the servers publish, and which are needed by tokens that are still good. */
export class Keyring {
  readonly #fleet: Fleet
  readonly #neededUntilMs = new Map<string, number>()
  #keys: ReturnType<typeof createLocalJWKSet> | undefined
  /** Every key that was ever published. */
  readonly seen = new Set<string>()

  constructor(fleet: Fleet) {
    this.#fleet = fleet
  }

  /** What is wrong with a JWT that has just been issued, if anything. */
  async faultIn(jwt: string, issued: { readonly fromMs: number; readonly toMs: number }): Promise<string | undefined> {
    const { kid = '' } = decodeProtectedHeader(jwt)
    const { iat = 0, exp = 0 } = decodeJwt(jwt)
    this.#neededUntilMs.set(kid, Math.max(this.#neededUntilMs.get(kid) ?? 0, exp * 1000))
    if (iat * 1000 < issued.fromMs - slackMs || iat * 1000 > issued.toMs + slackMs) {
      return `a token says that it was issued at ${new Date(iat * 1000).toISOString()}`
    }
    // Which server published it last does not matter: a key is published long before it signs.
    if (!this.#keys || !this.seen.has(kid)) await this.look()
    if (!this.#keys || !this.seen.has(kid)) return undefined
    const currentDate = new Date(issued.toMs)
    const problem = await jwtVerify(jwt, this.#keys, { issuer, currentDate, clockTolerance: 10 }).catch(String)
    return typeof problem === 'string' ? `a token cannot be verified: ${problem}` : undefined
  }

  /** Asks every server for its keys. What is missing is told; a server that does not answer is passed over. */
  async look(): Promise<string[]> {
    const missing: string[] = []
    for (const port of this.#fleet.ports) {
      const answer = await send(port, { path: '/jwks' }).catch(() => undefined)
      if (answer?.status !== 200) continue
      const set = JSON.parse(answer.text) as JSONWebKeySet
      const published = new Set(set.keys.map(({ kid = '' }) => kid))
      for (const kid of published) this.seen.add(kid)
      this.#keys = createLocalJWKSet(set)
      const now = Date.now()
      for (const [kid, untilMs] of this.#neededUntilMs) {
        if (untilMs > now && !published.has(kid)) missing.push(`port ${port} does not publish ${kid}`)
      }
    }
    return missing
  }
}
