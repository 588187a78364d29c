import { randomBytes } from 'node:crypto'
import { NativeClient } from '../../clients/native/client.ts'
import { fetchTransport, type WireAnswer, type WireRequest } from '../../clients/native/transports.ts'
import { type ApiRequest, type Challenge, type LoginAnswer, NativeError } from '../../clients/native/types.ts'

/** A request of the app and its answer, in a form that may be shown. */
export interface Exchange {
  readonly request: string
  readonly headers: Readonly<Record<string, string>>
  readonly form: readonly (readonly [string, string])[]
  readonly status: number
  readonly answer: string
}

/** A way to log in of the person who is signed in, as the app endpoints list it. */
export interface OwnIdentity {
  readonly id: string
  readonly provider: string
  readonly label: string
  readonly removable: boolean
}

type Form = Readonly<Record<string, string>>

const keptExchanges = 40
const keptInstallations = 200
const hidden = '••••••'
/** Tokens are shown decoded elsewhere; here only their beginning and end are shown. */
const longestShown = 120

/** An app on somebody's phone. It keeps what an app keeps, and what a person at this page wants to see of it. */
export class Installation {
  readonly client: NativeClient
  /** Newest first. */
  readonly exchanges: Exchange[] = []
  /** The server's last answer, if it asks for something. */
  challenge: Challenge | undefined
  /** When that answer came, by a clock that nobody moves. */
  answeredAt = 0
  /** Whether the steps are those of adding a way in. */
  isBinding = false
  identities: readonly OwnIdentity[] | undefined
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
      issuer,
      clientId: 'sandbox-app',
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
      random: (bytes) => randomBytes(bytes),
    })
  }

  /** Begins a login, or the binding of a further way in. */
  async begin(form: Form, isBinding: boolean): Promise<void> {
    this.isBinding = isBinding
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
    this.isBinding = false
    this.notice = undefined
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

  async #advance(form: Form): Promise<void> {
    this.notice = undefined
    if (this.isBinding) return this.#bind(form)
    const answer = await this.#guarded<LoginAnswer>(() => this.client.login(form))
    if (answer?.kind === 'challenge') this.challenge = answer.challenge
    if (answer?.kind !== 'tokens') return
    this.challenge = undefined
    this.identities = undefined
    this.notice = answer.isNew ? 'native.welcome' : 'native.welcome_back'
  }

  async #bind(form: Form): Promise<void> {
    const answer = await this.call({ path: '/identities', method: 'POST', scope: ownScope, form })
    if (!answer) return
    if (answer.status !== 200) return this.#refused(answer)
    this.challenge = undefined
    this.isBinding = false
    this.identities = identitiesOf(answer)
    this.notice = 'native.bound'
  }

  #refused({ text }: WireAnswer): void {
    this.challenge = JSON.parse(text) as Challenge
    if (this.challenge.error === 'insufficient_user_authentication') this.isBinding = false
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

function identitiesOf({ text }: WireAnswer): readonly OwnIdentity[] {
  return (JSON.parse(text) as { readonly identities: readonly OwnIdentity[] }).identities
}

/** SECURITY: the screen of a sandbox may be shared, so it must not show a password or a token in use. */
function shown({ url, method, headers, body = '' }: WireRequest, { status, text }: WireAnswer): Exchange {
  const { authorization, ...others } = headers
  const form = [...new URLSearchParams(body)].map(([name, value]) => {
    return [name, name === 'password' ? hidden : shortened(value)] as const
  })
  return {
    request: `${method} ${new URL(url).pathname}`,
    headers: { ...others, ...(authorization === undefined ? {} : { authorization: `Bearer ${hidden}` }) },
    form,
    status,
    answer: text === '' ? '' : readable(text),
  }
}

function readable(text: string): string {
  try {
    const short = (_: string, value: unknown) => (typeof value === 'string' ? shortened(value) : value)
    return JSON.stringify(JSON.parse(text), short, 2)
  } catch {
    return shortened(text)
  }
}

function shortened(text: string): string {
  return text.length <= longestShown ? text : `${text.slice(0, 40)}…${text.slice(-12)}`
}
