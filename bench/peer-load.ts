import { Browsing, codeIn, expect, pathIn } from './browsing.ts'
import { busyConnections, type Finished, type Mark } from './busy.ts'
import { answer } from './child.ts'
import { Connection, get, type HttpAnswer, header, post, put } from './connection.ts'
import { codeVerifier, password, redirectUri } from './fixture.ts'
import {
  algorithmOf,
  authorizationPath,
  basic,
  formAction,
  type PeerOperation,
  type PeerSeat,
  type PeerSite,
} from './peer-site.ts'

export type PeerLoadCalls = {
  begin(input: { site: PeerSite; operation: PeerOperation; seats: readonly PeerSeat[] }): Promise<void>
  mark(): Mark
  end(): Promise<Finished>
}

/** Cookies outlive the connections of a slice: a session is live because it began before. */
const jars = new Map<string, Map<string, string>>()
const redirect = [302, 303]
/** A login is one form, and now and then one page more. */
const mostSteps = 6

function leadsToApp(answered: HttpAnswer): boolean {
  return header(answered, 'location')?.startsWith(`${redirectUri}?`) ?? false
}

function jarOf({ port }: PeerSite, { identifier, cookie }: PeerSeat): Map<string, string> {
  const key = cookie || `${port} ${identifier}`
  const pairs = cookie === '' ? [] : cookie.split('; ').map((pair) => pair.split(/=(.*)/s) as [string, string])
  const jar = jars.get(key) ?? new Map(pairs.map(([name, value]) => [name, value]))
  jars.set(key, jar)
  return jar
}

/** One connection, or two where there is an admin port, and what it holds. */
class PeerWorker {
  readonly site: PeerSite
  readonly seat: PeerSeat
  readonly connection: Connection
  readonly admin: Connection
  readonly #browser: Browsing
  token = ''

  private constructor(site: PeerSite, seat: PeerSeat, [connection, admin]: readonly [Connection, Connection]) {
    this.site = site
    this.seat = seat
    this.connection = connection
    this.admin = admin
    this.#browser = new Browsing(connection, '', jarOf(site, seat))
  }

  static async open(site: PeerSite, seat: PeerSeat): Promise<PeerWorker> {
    const connection = await Connection.open(site.port)
    const admin = site.adminPort === undefined ? connection : await Connection.open(site.adminPort)
    return new PeerWorker(site, seat, [connection, admin])
  }

  close(): void {
    this.connection.close()
    if (this.admin !== this.connection) this.admin.close()
  }

  async fetch(path: string): Promise<void> {
    expect(await this.connection.send(get(path)), 200, path)
  }

  async askToken(client: Parameters<typeof basic>[0], form: string): Promise<Record<string, string>> {
    const { token } = this.site.paths
    const { body } = expect(await this.connection.send(post(token, form, basic(client))), 200, 'token')
    return JSON.parse(body)
  }

  /** A code flow with a session that is live, or comes to be so the first time. */
  async codeFlow(client: 'offline' | 'browser', scope: string): Promise<Record<string, string>> {
    const code = await this.#authorize(authorizationPath(this.site, client, scope))
    const redirectTo = encodeURIComponent(redirectUri)
    const form = `grant_type=authorization_code&code=${code}&redirect_uri=${redirectTo}&code_verifier=${codeVerifier}`
    return this.askToken(client, form)
  }

  async #authorize(path: string): Promise<string> {
    const { entrance } = this.site
    const begun = await this.#browser.get(path, entrance === 'form' ? [200, ...redirect] : redirect, 'authorize')
    if (entrance === 'cookie') return codeIn(begun)
    return entrance === 'form' ? this.#fillIn(begun) : this.#passLoginApp(begun)
  }

  /** Sends every form that comes, and follows every redirect that stays with the server. */
  async #fillIn(begun: HttpAnswer): Promise<string> {
    const form = `username=${this.seat.identifier}&password=${password}&credentialId=`
    let answered = begun
    for (let step = 0; step < mostSteps && !leadsToApp(answered); step++) {
      answered =
        answered.status === 200
          ? await this.#browser.post(formAction(answered.body), form, [200, ...redirect], 'the login form')
          : await this.#browser.get(pathIn(answered), [200, ...redirect], 'the way through the login')
    }
    return codeIn(answered)
  }

  /** Accepts login and consent at once, as an app would for somebody it knows, and remembers both. */
  async #passLoginApp(begun: HttpAnswer): Promise<string> {
    const login = await this.#accept('login', begun, { subject: this.seat.identifier, remember: true, remember_for: 0 })
    const asked = await this.#browser.get(login, redirect, 'the return from the login')
    const scopes = new URL(`https://id.bench.example${authorizationPath(this.site, 'offline', this.site.lastingScope)}`)
    const grantScope = (scopes.searchParams.get('scope') ?? '').split(' ')
    const consent = await this.#accept('consent', asked, { grant_scope: grantScope, remember: true, remember_for: 0 })
    return codeIn(await this.#browser.get(consent, redirect, 'the return from the consent'))
  }

  /** Tells the admin port; answers where the browser goes next. */
  async #accept(kind: 'login' | 'consent', sent: HttpAnswer, body: object): Promise<string> {
    const challenge = new URLSearchParams(pathIn(sent).split('?')[1]).get(`${kind}_challenge`) ?? ''
    const path = `/admin/oauth2/auth/requests/${kind}/accept?${kind}_challenge=${encodeURIComponent(challenge)}`
    const answered = expect(await this.admin.send(put(path, JSON.stringify(body))), 200, `accept ${kind}`)
    const { pathname, search } = new URL((JSON.parse(answered.body) as { redirect_to: string }).redirect_to)
    return `${pathname}${search}`
  }
}

interface Work {
  prepare?(worker: PeerWorker): Promise<void>
  run(worker: PeerWorker): Promise<void>
}

const sessionScope = 'openid profile email'

async function haveAccessToken(worker: PeerWorker): Promise<void> {
  worker.token = (await worker.codeFlow('browser', sessionScope))['access_token'] ?? ''
}

/** All servers sign with the same algorithm, or the comparison says nothing. */
function mustBeES256(token: string, what: string): void {
  if (algorithmOf(token) !== 'ES256') throw new Error(`the ${what} is signed with ${algorithmOf(token)}`)
}

async function haveRefreshToken(worker: PeerWorker): Promise<void> {
  const { id_token: idToken = '', refresh_token: token = '' } = await worker.codeFlow(
    'offline',
    worker.site.lastingScope,
  )
  mustBeES256(idToken, 'ID token')
  if (token === '') throw new Error('no refresh token')
  worker.token = token
}

const works: Readonly<Record<PeerOperation, Work>> = {
  discovery: { run: (worker) => worker.fetch(worker.site.paths.discovery) },
  jwks: { run: (worker) => worker.fetch(worker.site.paths.jwks) },
  client_credentials: {
    run: async (worker) => void (await worker.askToken('machine', worker.site.opaqueForm ?? '')),
  },
  client_credentials_jwt: {
    prepare: async (worker) => {
      const { access_token: token = '' } = await worker.askToken('machine-jwt', worker.site.jwtForm ?? '')
      mustBeES256(token, 'access token')
    },
    run: async (worker) => void (await worker.askToken('machine-jwt', worker.site.jwtForm ?? '')),
  },
  introspection: {
    prepare: haveAccessToken,
    run: async ({ admin, site, token }) => {
      const form = `token=${token}&token_type_hint=access_token`
      const answered = await admin.send(post(site.paths.introspection, form, basic('browser')))
      if (!expect(answered, 200, 'introspection').body.includes('"active":true'))
        throw new Error('the token is not active')
    },
  },
  userinfo: {
    prepare: haveAccessToken,
    run: async ({ connection, site, token }) => {
      expect(await connection.send(get(site.paths.userinfo, `Authorization: Bearer ${token}\r\n`)), 200, 'userinfo')
    },
  },
  refresh: {
    prepare: haveRefreshToken,
    run: async (worker) => {
      const answered = await worker.askToken('offline', `grant_type=refresh_token&refresh_token=${worker.token}`)
      if (answered['refresh_token'] === worker.token) throw new Error('the refresh token stays the same')
      worker.token = answered['refresh_token'] ?? ''
    },
  },
  code: {
    prepare: haveRefreshToken,
    run: async (worker) => void (await worker.codeFlow('offline', worker.site.lastingScope)),
  },
}

const busy = busyConnections()

const calls: PeerLoadCalls = {
  async begin({ site, operation, seats }) {
    const { prepare, run } = works[operation]
    const workers = await Promise.all(
      seats.map(async (seat) => {
        const worker = await PeerWorker.open(site, seat)
        await prepare?.(worker)
        return worker
      }),
    )
    busy.begin(workers.map((worker) => ({ run: () => run(worker), close: () => worker.close() })))
  },
  mark: busy.mark,
  end: busy.end,
}

answer(calls)
