import { randomBytes } from 'node:crypto'
import type { Clock } from '../../src/base/clock.ts'
import type { UserId } from '../../src/base/ids.ts'
import type { AuthorizationParams } from '../../src/oidc/code-issuer.ts'
import type { ProvedLogin } from '../../src/oidc/reconfirm-agreements.ts'
import type { EphemeralStore } from '../../src/store/ephemeral.ts'
import type { Sealing } from '../../src/store/seal.ts'

/** What an `auth_session` stands for between two requests of one app. */
export interface AuthSession {
  readonly clientId: string
  /** Thumbprint of the DPoP key it belongs to. */
  readonly jkt?: string | undefined
  readonly attemptId: string
  /** The authorization request under way; absent when the last one was answered with a code. */
  readonly params?: AuthorizationParams | undefined
  /** Who the last code was issued for: a further login has to be theirs. */
  readonly userId?: UserId | undefined
  readonly proved?: ProvedLogin | undefined
  readonly deviceName?: string | undefined
  /** `id@version` of what was agreed to. */
  readonly agreed: readonly string[]
  /** Messages it may ask for without another captcha. */
  readonly sendsLeft: number
  /** Requests since it began or was last answered with a code. */
  readonly uses: number
  /** Milliseconds since the epoch. */
  readonly expiresAt: number
}

interface Dependencies extends Sealing {
  readonly store: EphemeralStore
  readonly clock: Clock
}

const bytes = 32
/** As long as a request may take: then its grant has ended, or the request failed and the login waits again. */
const claimSeconds = 60

/**
 * The `auth_session` of the first-party-apps draft §5.3: 256 random bits, kept as a keyed digest, changed with every
 * answer. SECURITY: of several requests that bring one value, one is served.
 */
export class AuthSessions {
  readonly #deps: Dependencies

  constructor(dependencies: Dependencies) {
    this.#deps = dependencies
  }

  /** Reads a session without using it up. */
  async find(token: string): Promise<AuthSession | undefined> {
    return this.#read(await this.#deps.store.get<string>(this.#key(token)))
  }

  /** Uses the session up: of several callers one gets it. */
  async take(token: string): Promise<AuthSession | undefined> {
    return this.#read(await this.#deps.store.take<string>(this.#key(token)))
  }

  /** Keeps a session under a new value, which it answers. */
  async keep(session: AuthSession): Promise<string> {
    const { store, clock, seal } = this.#deps
    const token = randomBytes(bytes).toString('base64url')
    const ttlSeconds = Math.max(1, Math.ceil((session.expiresAt - clock()) / 1000))
    await store.set(this.#key(token), seal(JSON.stringify(session)), ttlSeconds)
    return token
  }

  /** Whether this is the first to go on with a login that waited: several sessions may have been opened for it. */
  async claim({ grantId }: Pick<ProvedLogin, 'grantId'>): Promise<boolean> {
    return this.#deps.store.add(this.#key(`claimed ${grantId}`), 1, claimSeconds)
  }

  #read(sealed: string | undefined): AuthSession | undefined {
    if (sealed === undefined) return undefined
    const session = JSON.parse(this.#deps.open(sealed)) as AuthSession
    return session.expiresAt > this.#deps.clock() ? session : undefined
  }

  #key(token: string): string {
    return `auth-session:${this.#deps.mac(token)}`
  }
}
