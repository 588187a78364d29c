import { pbkdf2, randomBytes } from 'node:crypto'
import { promisify } from 'node:util'
import { NativeClient } from '../../clients/native/client.ts'
import { fetchTransport, type WireAnswer } from '../../clients/native/transports.ts'
import { type ApiRequest, type Challenge, type LoginAnswer, NativeError } from '../../clients/native/types.ts'
import { type Exchange, shown } from './native-exchanges.ts'

/** A way to log in of the person who is signed in, as the app endpoints list it. */
export interface OwnIdentity {
  readonly id: string
  readonly provider: string
  readonly label: string
  readonly removable: boolean
  /** What waits to take its place. */
  readonly changing?: { readonly label: string; readonly due_at: string }
}

/** A merge that its owner may still take back. */
export interface OwnMerge {
  readonly id: string
  readonly undo_until: string
}

/** What an app shows before it asks for a deletion. */
export interface DeletionFacts {
  readonly wait_seconds: number
  readonly apps: readonly { readonly client_name: string }[]
}

/** What the steps on the screen are for: a login, another way in, or the proof of another account. */
export type Purpose = 'login' | 'bind' | 'merge'

/** A number or address that is being changed, and which of the two is to be proved next. */
export interface Change {
  readonly identity: OwnIdentity
  readonly proving: 'old' | 'new'
}

type Form = Readonly<Record<string, string>>

const derive = promisify(pbkdf2)
const keptExchanges = 40
const keptInstallations = 200

/** An app on somebody's phone. It keeps what an app keeps, and what a person at this page wants to see of it. */
export class Installation {
  readonly client: NativeClient
  /** Newest first. */
  readonly exchanges: Exchange[] = []
  /** The server's last answer, if it asks for something. */
  challenge: Challenge | undefined
  /** When that answer came, by a clock that nobody moves. */
  answeredAt = 0
  purpose: Purpose = 'login'
  identities: readonly OwnIdentity[] | undefined
  merges: readonly OwnMerge[] | undefined
  /** While the person puts another number or address in the place of one. */
  change: Change | undefined
  /** While the person is asked whether the account is to go. */
  deletion: DeletionFacts | undefined
  /** Key of a sentence about what happened last. */
  notice: string | undefined
  /** The page of the carrier that is open: a person who comes back from it must bring this state. */
  atCarrier: { readonly state: string; readonly vendor: 'univerify' | 'aliyun'; readonly form: Form } | undefined
  /** What was sent last, without the answers to steps. Some steps ask for it to be sent again. */
  #sent: Form = {}
  readonly #issuer: string

  constructor(issuer: string) {
    this.#issuer = issuer
    const send = fetchTransport(fetch)
    let stored: string | undefined
    this.client = new NativeClient({
      ...{ issuer, clientId: 'sandbox-app', random: (bytes: number) => randomBytes(bytes) },
      scope: 'openid profile phone identities offline_access orders:read',
      transport: async (request) => {
        const answer = await send(request)
        this.answeredAt = performance.now()
        this.exchanges.unshift(shown(request, answer))
        this.exchanges.splice(keptExchanges)
        return answer
      },
      storage: {
        read: () => stored,
        write: (text) => {
          stored = text
        },
      },
      pbkdf2: ({ password, salt, iterations }) => derive(password, salt, iterations, 32, 'sha256'),
    })
  }

  /** Begins a login, the binding of a further way in, or the proof of another account. */
  async begin(form: Form, purpose: Purpose): Promise<void> {
    this.purpose = purpose
    this.#sent = form
    await this.#advance(form)
  }

  /** Answers a step: only with what the step asks for, or with that and what was sent before. */
  async goOn(form: Form, isAgain: boolean): Promise<void> {
    await this.#advance(isAgain ? { ...this.#sent, ...form } : form)
  }

  /** Cancels what was begun; a person who is signed in stays signed in. */
  async leave(): Promise<void> {
    await this.client.restart()
    this.challenge = undefined
    this.deletion = undefined
    this.change = undefined
    this.purpose = 'login'
    this.notice = undefined
  }

  /** Begins to put another number or address in the place of one. Nothing is sent yet. */
  async beginChange(id: string): Promise<void> {
    await this.leave()
    const identity = this.identities?.find((each) => each.id === id)
    this.change = identity && { identity, proving: 'old' }
  }

  /** Stops a change that waits. */
  async stopChange(id: string): Promise<void> {
    const answer = await this.call({ path: changePath(id), method: 'DELETE', scope: ownScope })
    if (answer && answer.status !== 204) this.#refused(answer)
    else await this.list()
  }

  async call(request: Omit<ApiRequest, 'url'> & { readonly path: string }): Promise<WireAnswer | undefined> {
    this.notice = undefined
    const { path, ...rest } = request
    return this.#guarded(() => this.client.request({ ...rest, url: `${this.#issuer}${path}` }))
  }

  async refresh(): Promise<void> {
    this.notice = undefined
    if (await this.#guarded(() => this.client.refresh())) this.notice = 'native.refreshed'
  }

  async list(): Promise<void> {
    const answer = await this.call({ path: '/identities', scope: ownScope })
    if (answer?.status === 200) this.identities = identitiesOf(answer)
  }

  async remove(id: string): Promise<void> {
    const path = `/identities/${encodeURIComponent(id)}`
    const answer = await this.call({ path, method: 'DELETE', scope: ownScope })
    if (answer && answer.status !== 204) this.#refused(answer)
    else await this.list()
  }

  async listMerges(): Promise<void> {
    const answer = await this.call({ path: mergePath, scope: ownScope })
    if (answer?.status === 200) this.merges = membersOf<{ merges: readonly OwnMerge[] }>(answer).merges
  }

  async undoMerge(id: string): Promise<void> {
    const path = `${mergePath}/${encodeURIComponent(id)}`
    const answer = await this.call({ path, method: 'DELETE', scope: ownScope })
    if (answer?.status === 200) await this.#signedOut('native.unmerged')
    else if (answer) this.#refused(answer)
  }

  /** What to say before a deletion. */
  async showDeletion(): Promise<void> {
    const answer = await this.call({ path: deletionPath, scope: ownScope })
    if (answer?.status === 200) this.deletion = membersOf<DeletionFacts>(answer)
  }

  async askForDeletion(): Promise<void> {
    const answer = await this.call({ path: deletionPath, method: 'POST', scope: ownScope, form: { confirm: '1' } })
    if (answer?.status === 200) await this.#signedOut('native.deletion_asked')
    else if (answer) this.#refused(answer)
  }

  /** The tokens are over, and so is what is known of the account. */
  async #signedOut(notice: string): Promise<void> {
    await this.client.logout().catch(() => undefined)
    await this.leave()
    this.identities = undefined
    this.merges = undefined
    this.notice = notice
  }

  async #advance(form: Form): Promise<void> {
    this.notice = undefined
    if (this.purpose === 'bind') return this.#bind(form)
    if (this.purpose === 'merge') return this.#merge(form)
    if (this.change) return this.#goOnChanging(this.change, form)
    const answer = await this.#guarded<LoginAnswer>(() => this.client.login(form))
    if (answer?.kind === 'challenge') this.challenge = answer.challenge
    if (answer?.kind !== 'tokens') return
    this.challenge = undefined
    this.identities = undefined
    this.merges = undefined
    this.notice = answer.isNew ? 'native.welcome' : 'native.welcome_back'
  }

  async #bind(form: Form): Promise<void> {
    const answer = await this.call({ path: '/identities', method: 'POST', scope: ownScope, form })
    if (!answer) return
    if (answer.status !== 200) return this.#refused(answer)
    this.challenge = undefined
    this.purpose = 'login'
    this.identities = identitiesOf(answer)
    this.notice = 'native.bound'
  }

  /** Where the other account stays, the app is signed out with this one. */
  async #merge(form: Form): Promise<void> {
    const answer = await this.call({ path: mergePath, method: 'POST', scope: ownScope, form })
    if (!answer) return
    if (answer.status !== 200) return this.#refused(answer)
    const { merged, sub } = membersOf<{ readonly merged: boolean; readonly sub?: string }>(answer)
    const { claims } = (await this.client.tokens()) ?? {}
    if (merged && claims?.['sub'] !== sub) return this.#signedOut('native.merged_other')
    await this.leave()
    this.identities = undefined
    await this.listMerges()
    this.notice = merged ? 'native.merged' : 'native.apart'
  }

  async #goOnChanging({ identity }: Change, form: Form): Promise<void> {
    const answer = await this.call({ path: changePath(identity.id), method: 'POST', scope: ownScope, form })
    if (!answer) return
    if (answer.status !== 200) return this.#refused(answer)
    await this.leave()
    const { changed } = membersOf<{ readonly changed: boolean }>(answer)
    // What came by the old number is over, as a rule this app's login too.
    if (changed) this.identities = undefined
    else await this.list()
    this.notice = changed ? 'native.changed' : 'native.change_waits'
  }

  #refused(answer: WireAnswer): void {
    this.challenge = membersOf<Challenge>(answer)
    const { error, proving } = this.challenge
    if (this.change && (proving === 'old' || proving === 'new')) this.change = { ...this.change, proving }
    if (error !== 'insufficient_user_authentication') return
    this.purpose = 'login'
    this.change = undefined
  }

  async #guarded<T>(work: () => Promise<T>): Promise<T | undefined> {
    try {
      return await work()
    } catch (error) {
      this.notice = hasAnswer(error) ? 'native.signed_out' : 'native.no_answer'
      return undefined
    }
  }
}

const ownScope = 'openid identities'
const mergePath = '/account/merge'
const deletionPath = '/account/deletion'
const changePath = (id: string) => `/identities/${encodeURIComponent(id)}/change`

function hasAnswer(error: unknown): boolean {
  return error instanceof NativeError && (error.status ?? 0) < 500
}

/**
 * The apps of everybody at this page, in this process. When there are too many, the one not used for longest is
 * dropped.
 */
export class Installations {
  readonly #issuer: string
  readonly #byKey = new Map<string, Installation>()

  constructor(issuer: string) {
    this.#issuer = issuer
  }

  find(key: string | undefined): Installation | undefined {
    const found = key === undefined ? undefined : this.#byKey.get(key)
    if (key === undefined || !found) return undefined
    this.#byKey.delete(key)
    this.#byKey.set(key, found)
    return found
  }

  /** A new one and the key it is found by, which nobody can guess. */
  add(): { readonly key: string; readonly installation: Installation } {
    const [oldest] = this.#byKey.keys()
    if (oldest !== undefined && this.#byKey.size >= keptInstallations) this.#byKey.delete(oldest)
    const key = randomBytes(18).toString('base64url')
    const installation = new Installation(this.#issuer)
    this.#byKey.set(key, installation)
    return { key, installation }
  }
}

function identitiesOf(answer: WireAnswer): readonly OwnIdentity[] {
  return membersOf<{ readonly identities: readonly OwnIdentity[] }>(answer).identities
}

function membersOf<T>({ text }: WireAnswer): T {
  return JSON.parse(text) as T
}
