import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createRemoteJWKSet, decodeJwt, decodeProtectedHeader, jwtVerify } from 'jose'
import { describe, expect, onTestFinished, test } from 'vitest'
import { advanceClock, resetClock } from '../../sandbox/clock.ts'
import { jwksCacheSeconds, signsAfterSeconds } from '../../src/oidc/keys/key-life.ts'
import { openEmbedded } from '../../src/store/embedded.ts'
import { runCommand, secretKey } from '../support/cli.ts'
import { createDatabase } from '../support/database.ts'
import { exchange, loginBySms, startLogin, token } from '../support/login.ts'
import { patienceMs } from '../support/patience.ts'
import { redisUrl } from '../support/redis.ts'
import { type ServerProcess, startServer } from '../support/server-process.ts'
import { freePort } from '../support/services.ts'
import { Visitor } from '../support/visitor.ts'

const redirectUri = 'https://app.example.com/callback'
const backendSecret = 'backend-secret-of-at-least-32-characters'
const seeds = `
resources:
  - resource: https://api.example.com
    scopes: [read]
clients:
  - { client_id: new, first_party: true, token_endpoint_auth_method: none, redirect_uris: ['${redirectUri}'],
      default_resource: 'https://api.example.com' }
  - { client_id: old, first_party: true, token_endpoint_auth_method: none, redirect_uris: ['${redirectUri}'],
      default_resource: 'https://api.example.com', id_token_signed_response_alg: RS256 }
  - { client_id: backend, client_secret: { env: BACKEND_SECRET }, grant_types: [client_credentials],
      default_resource: 'https://api.example.com' }
`
const backend = { grant_type: 'client_credentials', client_id: 'backend' }
const backendAuth = { authorization: `Basic ${Buffer.from(`backend:${backendSecret}`).toString('base64')}` }

type StartPair = (env: Record<string, string>) => Promise<{
  readonly servers: readonly [ServerProcess, ServerProcess]
  /** For a command beside them. */
  readonly env: Readonly<Record<string, string>>
  readonly cwd: string
}>

const newFolder = async () => {
  const folder = await mkdtemp(join(tmpdir(), 'menshen-rotation-'))
  onTestFinished(() => rm(folder, { recursive: true, force: true, maxRetries: 5 }))
  return folder
}

const onRedis: StartPair = async (common) => {
  const cwd = await newFolder()
  const database = await createDatabase()
  onTestFinished(() => database.drop())
  const env = { ...common, DATABASE_URL: database.url, REDIS_URL: redisUrl() }
  return { servers: [await startServer({ cwd, env }), await startServer({ cwd, env })], env, cwd }
}

/** The second is what a worker of the first would be. */
const onEmbedded: StartPair = async (env) => {
  const cwd = await newFolder()
  const first = await startServer({ cwd, env })
  const { url, stop } = await openEmbedded({ dataDir: join(cwd, '.menshen'), pid: process.pid })
  onTestFinished(stop)
  return { servers: [first, await startServer({ cwd, env: { ...env, DATABASE_URL: url.reveal() } })], env, cwd }
}

/**
 * An API as strict as can be: it keeps the keys as long as it may, reads them from one server only, and does not read them again
 * when it meets one it does not know. Several of them, begun at different moments, keep sets of different age.
 */
function api(server: ServerProcess) {
  const address = new URL(`http://localhost:${server.port}/jwks`)
  return createRemoteJWKSet(address, {
    cacheMaxAge: jwksCacheSeconds * 1000,
    cooldownDuration: Number.MAX_SAFE_INTEGER,
  })
}

describe.each([
  ['PostgreSQL and Redis', onRedis],
  ['the embedded PostgreSQL', onEmbedded],
] as const)('a rotation under load, two servers on %s', (_, startPair) => {
  test('no token is refused by anybody, neither before nor after nor in between', async () => {
    const issuer = `http://localhost:${await freePort()}`
    const { servers, env, cwd } = await startPair({
      ISSUER: issuer,
      MENSHEN_SECRET_KEY: secretKey,
      MENSHEN_SMS__LIMITS__PER_NUMBER: '[{ max: 99, seconds: 60 }]',
    })
    onTestFinished(resetClock)
    const menshen = async (...argv: string[]) => {
      const done = await runCommand(argv, { env: { ...env, BACKEND_SECRET: backendSecret }, cwd })
      if (done.status !== 0) throw new Error(done.stderr)
      return done.stdout
    }
    await writeFile(join(cwd, 'seed.yaml'), seeds)
    await menshen('clients', 'apply', 'seed.yaml')
    const login = startLogin({ issuer }, 'new', redirectUri)
    for (const { port } of servers) {
      const ask = () => new Visitor(issuer, port).get(login)
      await until(ask, ({ status }) => status === 303)
    }

    const failures: string[] = []
    const tokens: { readonly jwt: string; readonly kid: string; readonly endsAtMs: number }[] = []
    const signedBy = new Map<string, Set<number>>()
    const apis: ReturnType<typeof api>[] = []
    let verifications = 0

    async function verify(jwt: string, kid: string): Promise<void> {
      for (const [n, keys] of apis.entries()) {
        await jwtVerify(jwt, keys, { issuer, clockTolerance: 5 }).then(
          () => (verifications += 1),
          (error: Error) => failures.push(`api ${n}, key ${kid}: ${error.message}`),
        )
      }
    }

    async function take(jwt: string, server: number): Promise<void> {
      const { kid = '' } = decodeProtectedHeader(jwt)
      signedBy.set(kid, (signedBy.get(kid) ?? new Set()).add(server))
      await verify(jwt, kid)
      const { exp = 0 } = decodeJwt(jwt)
      tokens.push({ jwt, kid, endsAtMs: exp * 1000 })
    }

    const at = { ...servers[0], issuer, otp: (to: string) => otpOf(servers[0], to) }
    async function firstRefreshToken(clientId: string, phone: string): Promise<string> {
      const url = startLogin({ issuer }, clientId, redirectUri, { scope: 'openid offline_access' })
      const { location } = await loginBySms(at, new Visitor(issuer, at.port), url, phone)
      return (await exchange(at, clientId, redirectUri, location))['refresh_token'] ?? ''
    }
    const refreshTokens = {
      new: await firstRefreshToken('new', '13800138001'),
      old: await firstRefreshToken('old', '13800138002'),
    }

    let isOver = false
    async function refreshing(clientId: keyof typeof refreshTokens): Promise<void> {
      for (let turn = 0; !isOver; turn++) {
        const form = { grant_type: 'refresh_token', client_id: clientId, refresh_token: refreshTokens[clientId] }
        const { status, body } = await token(servers[turn % 2] as ServerProcess, form)
        if (status !== 200) failures.push(`refresh: ${status} ${JSON.stringify(body)}`)
        refreshTokens[clientId] = body['refresh_token'] ?? ''
        await take(body['access_token'] ?? '', turn % 2)
        await take(body['id_token'] ?? '', turn % 2)
      }
    }
    async function workingAlone(): Promise<void> {
      for (let turn = 0; !isOver; turn++) {
        const { status, body } = await token(servers[turn % 2] as ServerProcess, backend, backendAuth)
        if (status !== 200) failures.push(`client credentials: ${status}`)
        await take(body['access_token'] ?? '', turn % 2)
      }
    }
    async function verifyingAgain(): Promise<void> {
      for (let turn = 0; !isOver; turn++) {
        const valid = tokens.filter(({ endsAtMs }) => endsAtMs > Date.now() + 60_000)
        const some = valid[(turn * 7919) % Math.max(valid.length, 1)]
        if (some) await verify(some.jwt, some.kid)
        else await new Promise(setImmediate)
      }
    }
    async function walk(stepSeconds: number): Promise<void> {
      for (const { port } of servers) await advance(port, stepSeconds)
      advanceClock(stepSeconds * 1000)
      const so = verifications
      await until(
        async () => verifications,
        (now) => now > so + apis.length * 10,
      )
    }

    apis.push(api(servers[0]), api(servers[1]))
    // Clocks of two machines are never the same.
    await advance(servers[1].port, 2)
    const load = Promise.all([refreshing('new'), refreshing('old'), workingAlone(), verifyingAgain()])
    const before = [...(await current(menshen))]
    await menshen('keys', 'rotate')
    const step = 60
    for (let passed = 0; passed < signsAfterSeconds + 3 * jwksCacheSeconds; passed += step) {
      if (passed < 5 * step) apis.push(api(servers[0]), api(servers[1]))
      await walk(step)
    }
    const kidsOfBoth = async () => [...signedBy.values()].filter((by) => by.size === 2)
    await until(kidsOfBoth, (kids) => kids.length === before.length * 2)
    isOver = true
    await load
    const after = await current(menshen)
    console.info(`${tokens.length} tokens, ${verifications} verifications, ${failures.length} failures`)

    expect([...new Set(failures)].slice(0, 20)).toEqual([])
    expect(before.filter((kid) => after.includes(kid))).toEqual([])
    expect(Object.fromEntries([...signedBy].map(([kid, by]) => [kid, [...by].sort()]))).toEqual(
      Object.fromEntries([...before, ...after].map((kid) => [kid, [0, 1]])),
    )
  })
})

/** What the clients and the API of this test are signed for; keys of the others are there and sign nothing. */
const usedAlgorithms = ['ES256', 'RS256']

async function current(menshen: (...argv: string[]) => Promise<string>): Promise<string[]> {
  const keys = JSON.parse(await menshen('keys', 'list', '--json')) as {
    id: string
    use: string
    state: string
    alg: string
  }[]
  const signs = ({ use, state, alg }: (typeof keys)[number]) =>
    use === 'sig' && state === 'current' && usedAlgorithms.includes(alg)
  return keys.filter(signs).map(({ id }) => id)
}

async function advance(port: number, seconds: number): Promise<void> {
  const headers = { accept: 'application/json' }
  const body = new URLSearchParams({ advance: `${seconds}s` })
  const answer = await fetch(`http://localhost:${port}/sandbox/clock`, { method: 'POST', headers, body })
  if (!answer.ok) throw new Error(`the clock did not move: ${answer.status} ${await answer.text()}`)
}

async function otpOf({ port }: ServerProcess, to: string): Promise<string> {
  const headers = { accept: 'application/json' }
  const answer = await fetch(`http://localhost:${port}/sandbox/outbox?to=${encodeURIComponent(to)}`, { headers })
  return ((await answer.json()) as { otp: string }[])[0]?.otp ?? ''
}

/** Asks again until the answer is what is waited for. */
async function until<T>(ask: () => Promise<T>, isWanted: (answer: T) => boolean): Promise<void> {
  const began = performance.now()
  while (!isWanted(await ask())) {
    if (performance.now() - began > patienceMs) throw new Error(`waited in vain: ${JSON.stringify(await ask())}`)
    await new Promise((resolve) => setTimeout(resolve, 20))
  }
}
