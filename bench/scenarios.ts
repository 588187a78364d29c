import { Browsing, codeIn, expect, pathIn } from './browsing.ts'
import { Connection, get, type HttpAnswer, post } from './connection.ts'
import {
  api,
  type ClientId,
  clientSecret,
  clients,
  codeChallenge,
  codeVerifier,
  password,
  redirectUri,
  type Seat,
} from './fixture.ts'

/** One connection at work. */
export interface Worker {
  readonly connection: Connection
  readonly seat: Seat
  /** The token the next operation presents. */
  token: string
  /** A login that has begun: its browser and the address of its page. */
  begun: { readonly browser: Browsing; readonly page: string } | undefined
}

export interface Scenario {
  readonly title: string
  readonly client: ClientId
  /** HTTP requests of one operation. */
  readonly requests: number
  /** Slices of this many times the usual length, for operations that take long. */
  readonly stretch?: number
  /** How long each server is busy before its first slice, where its code is compiled later than that of others. */
  readonly warmUpSeconds?: number
  prepare?(worker: Worker): Promise<void>
  run(worker: Worker): Promise<void>
}

export const authorizations = Object.fromEntries(
  Object.entries(clients).map(([id, { scope }]) => [
    id,
    `/auth?${new URLSearchParams({
      client_id: id,
      response_type: 'code',
      scope,
      redirect_uri: redirectUri,
      code_challenge: codeChallenge,
      code_challenge_method: 'S256',
      state: 'state',
      nonce: 'nonce',
    })}`,
  ]),
)
const credentials = Object.fromEntries(
  Object.keys(clients).map((id) => [
    id,
    `Authorization: Basic ${Buffer.from(`${id}:${clientSecret}`).toString('base64')}\r\n`,
  ]),
)
const packedAsBrowsersAsk = 'Accept-Encoding: gzip, deflate, br\r\n'
const encodedRedirect = encodeURIComponent(redirectUri)

function field(name: string, { body }: HttpAnswer): string {
  const value = new RegExp(`"${name}":"([^"]+)"`).exec(body)?.[1]
  if (value === undefined) throw new Error(`no ${name} in ${body.slice(0, 200)}`)
  return value
}

async function authorize({ connection, seat }: Worker): Promise<string> {
  const request = get(authorizations[seat.clientId] ?? '', `Cookie: ${seat.cookie}\r\n`)
  return codeIn(expect(await connection.send(request), 303, 'authorize'))
}

async function token({ connection, seat }: Worker, form: string): Promise<HttpAnswer> {
  return expect(await connection.send(post('/token', form, credentials[seat.clientId])), 200, 'token')
}

function exchange(worker: Worker, code: string): Promise<HttpAnswer> {
  return token(
    worker,
    `grant_type=authorization_code&code=${code}&redirect_uri=${encodedRedirect}&code_verifier=${codeVerifier}`,
  )
}

async function codeFlow(worker: Worker): Promise<HttpAnswer> {
  return exchange(worker, await authorize(worker))
}

async function haveRefreshToken(worker: Worker): Promise<void> {
  worker.token = field('refresh_token', await codeFlow(worker))
}

async function haveAccessToken(worker: Worker): Promise<void> {
  worker.token = field('access_token', await codeFlow(worker))
}

async function refresh(worker: Worker): Promise<void> {
  worker.token = field('refresh_token', await token(worker, `grant_type=refresh_token&refresh_token=${worker.token}`))
}

async function fetchMetadata({ connection }: Worker, path: string): Promise<void> {
  expect(await connection.send(get(path)), 200, path)
}

/** A browser that is not signed in: authorization request, login page, password, return to the request, token. */
async function login(worker: Worker): Promise<void> {
  const { connection, seat } = worker
  const browser = new Browsing(connection)
  const begun = await browser.get(authorizations[seat.clientId] ?? '', 303, 'authorize')
  const page = pathIn(begun)
  await browser.get(page, 200, 'the login page')
  const form = `method=password&identifier=${seat.identifier}&password=${password}`
  const resume = pathIn(await browser.post(page, form, 303, 'the login form'))
  await exchange(worker, codeIn(await browser.get(resume, 303, 'the return to the request')))
}

async function beginLogin(worker: Worker): Promise<void> {
  const browser = new Browsing(worker.connection, packedAsBrowsersAsk)
  const page = pathIn(await browser.get(authorizations[worker.seat.clientId] ?? '', 303, 'authorize'))
  worker.begun = { browser, page }
}

/** The page is drawn, its form is sent without a password, and the page comes back with a refusal. */
async function readAndSend({ begun, seat }: Worker): Promise<void> {
  if (!begun) throw new Error('no login has begun')
  const { browser, page } = begun
  await browser.get(page, 200, 'the login page')
  await browser.post(
    page,
    `method=password&identifier=${seat.identifier}&password=`,
    400,
    'the form without a password',
  )
}

export const scenarios = {
  discovery: {
    title: 'discovery',
    client: 'browser',
    requests: 1,
    run: (worker) => fetchMetadata(worker, '/.well-known/openid-configuration'),
  },
  jwks: { title: 'jwks', client: 'browser', requests: 1, run: (worker) => fetchMetadata(worker, '/jwks') },
  client_credentials_jwt: {
    title: 'client credentials, JWT',
    client: 'machine-jwt',
    requests: 1,
    run: async (worker) => {
      await token(worker, `grant_type=client_credentials&scope=read&resource=${encodeURIComponent(api)}`)
    },
  },
  client_credentials: {
    title: 'client credentials, opaque',
    client: 'machine',
    requests: 1,
    run: async (worker) => {
      await token(worker, 'grant_type=client_credentials')
    },
  },
  authorize: {
    title: 'authorize, live session',
    client: 'offline',
    requests: 1,
    run: async (worker) => {
      await authorize(worker)
    },
  },
  code: {
    title: 'code flow, opaque',
    client: 'offline',
    requests: 2,
    run: async (worker) => {
      await codeFlow(worker)
    },
  },
  code_jwt: {
    title: 'code flow, JWT',
    client: 'offline-jwt',
    requests: 2,
    run: async (worker) => {
      await codeFlow(worker)
    },
  },
  refresh: {
    title: 'refresh, opaque',
    client: 'offline',
    requests: 1,
    prepare: haveRefreshToken,
    run: refresh,
  },
  refresh_jwt: {
    title: 'refresh, JWT',
    client: 'offline-jwt',
    requests: 1,
    prepare: haveRefreshToken,
    run: refresh,
  },
  userinfo: {
    title: 'userinfo',
    client: 'browser',
    requests: 1,
    prepare: haveAccessToken,
    run: async ({ connection, token }) => {
      expect(await connection.send(get('/me', `Authorization: Bearer ${token}\r\n`)), 200, 'userinfo')
    },
  },
  introspection: {
    title: 'introspection',
    client: 'browser',
    requests: 1,
    prepare: haveAccessToken,
    run: async ({ connection, seat, token }) => {
      const form = `token=${token}&token_type_hint=access_token`
      const answer = await connection.send(post('/token/introspection', form, credentials[seat.clientId]))
      if (!expect(answer, 200, 'introspection').body.includes('"active":true'))
        throw new Error('the token is not active')
    },
  },
  login_page: { title: 'login page', client: 'offline', requests: 2, prepare: beginLogin, run: readAndSend },
  // A hash takes so long that code runs a thousand times only after twenty seconds.
  login: { title: 'password login', client: 'offline', requests: 5, stretch: 4, warmUpSeconds: 20, run: login },
} satisfies Record<string, Scenario>

export type ScenarioName = keyof typeof scenarios

export const scenarioNames = Object.keys(scenarios) as ScenarioName[]

export async function openWorker(port: number, seat: Seat): Promise<Worker> {
  return { connection: await Connection.open(port), seat, token: '', begun: undefined }
}
