import { execFile } from 'node:child_process'
import { existsSync } from 'node:fs'
import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { freePort } from '../test/support/services.ts'
import { type Contender, type ContenderInput, namedSeats } from './contender.ts'
import { clientSecret, clients, redirectUri } from './fixture.ts'
import { type PeerSite, peerClients } from './peer-site.ts'
import { startProgram } from './program.ts'

const run = promisify(execFile)
/** The newest release that the proxy for Go modules serves. */
const version = 'v2.3.0'
const lastingScope = 'openid profile email offline_access'

/** The fork of a package that Hydra is made with; what a module replaces counts only where it is built itself. */
const goMod = `module menshen.bench/hydra

go 1.22

require github.com/ory/hydra/v2 ${version}

replace github.com/gobuffalo/pop/v6 => github.com/ory/pop/v6 v6.2.1-0.20241121111754-e5dfc0f3344b
`
const mainGo = `package main

import "github.com/ory/hydra/v2/cmd"

func main() { cmd.Execute() }
`

/** The program, from the cache or built with Go from its module. */
async function obtain(cache: string): Promise<string> {
  const folder = join(cache, `hydra-${version}`)
  const program = join(folder, 'hydra')
  if (existsSync(program)) return program
  await mkdir(folder, { recursive: true })
  await writeFile(join(folder, 'go.mod'), goMod)
  await writeFile(join(folder, 'main.go'), mainGo)
  const options = { cwd: folder, maxBuffer: 2 ** 26 }
  await run('go', ['build', '-mod=mod', '-o', program, '.'], options)
  return program
}

/** Hydra on a database of its own, with ES256 keys and our clients. It has no login page: the load plays the login app. */
export async function startHydra({ stores, cache }: ContenderInput): Promise<Contender> {
  const command = await obtain(cache)
  const [port, adminPort] = [await freePort(), await freePort()]
  const env = {
    // With its default of two connections a core, requests that sign wait for one another for ever.
    DSN: `${await stores.createDatabase('bench_hydra')}?sslmode=disable&max_conns=40&max_idle_conns=40`,
    SERVE_PUBLIC_HOST: '127.0.0.1',
    SERVE_PUBLIC_PORT: String(port),
    SERVE_ADMIN_HOST: '127.0.0.1',
    SERVE_ADMIN_PORT: String(adminPort),
    URLS_SELF_ISSUER: `http://127.0.0.1:${port}/`,
    URLS_LOGIN: 'http://127.0.0.1:1/login',
    URLS_CONSENT: 'http://127.0.0.1:1/consent',
    SECRETS_SYSTEM: 'b'.repeat(32),
    OAUTH2_PKCE_ENFORCED: 'true',
    // The default of 25 000 would be most of what each request of a client costs.
    OAUTH2_HASHERS_PBKDF2_ITERATIONS: '1',
    SQA_OPT_OUT: 'true',
  }
  const startedMs = performance.now()
  await run(command, ['migrate', 'sql', '-e', '--yes'], { env: { ...env, PATH: '' }, maxBuffer: 2 ** 26 })
  const migratedSeconds = (performance.now() - startedMs) / 1000
  const readyUrl = `http://127.0.0.1:${adminPort}/health/ready`
  const start = () => startProgram({ command, args: ['serve', 'all', '--dev'], env, folder: stores.folder, readyUrl })
  const first = await start()
  try {
    await setUp(adminPort)
  } finally {
    await first.stop()
  }
  const { usage, stop, readySeconds } = await start()
  const site: PeerSite = {
    port,
    adminPort,
    paths: {
      discovery: '/.well-known/openid-configuration',
      jwks: '/.well-known/jwks.json',
      authorization: '/oauth2/auth',
      token: '/oauth2/token',
      userinfo: '/userinfo',
      introspection: '/admin/oauth2/introspect',
    },
    lastingScope,
    opaqueForm: 'grant_type=client_credentials',
    jwtForm: 'grant_type=client_credentials',
    entrance: 'login app',
  }
  return {
    name: 'hydra',
    version,
    site,
    firstSeconds: migratedSeconds + first.readySeconds,
    laterSeconds: readySeconds,
    warmSeconds: 2,
    seats: async (_, count) => namedSeats(count),
    usage,
    storeCpuSeconds: () => stores.databaseCpuSeconds(),
    stop,
  }
}

async function setUp(adminPort: number): Promise<void> {
  for (const set of ['hydra.openid.id-token', 'hydra.jwt.access-token']) {
    // The keys it has made at its start are for RS256.
    await ask(adminPort, 'DELETE', `/admin/keys/${set}`)
    await ask(adminPort, 'POST', `/admin/keys/${set}`, { alg: 'ES256', use: 'sig', kid: `${set}-bench` })
  }
  for (const id of peerClients) {
    const { grantTypes, jwt } = clients[id]
    const isMachine = grantTypes.includes('client_credentials')
    await ask(adminPort, 'POST', '/admin/clients', {
      client_id: id,
      client_secret: clientSecret,
      grant_types: grantTypes,
      token_endpoint_auth_method: 'client_secret_basic',
      access_token_strategy: jwt ? 'jwt' : 'opaque',
      ...(isMachine ? {} : { response_types: ['code'], redirect_uris: [redirectUri], scope: lastingScope }),
    })
  }
}

async function ask(adminPort: number, method: string, path: string, body?: object): Promise<void> {
  const json = body === undefined ? {} : { body: JSON.stringify(body), headers: { 'content-type': 'application/json' } }
  const answered = await fetch(`http://127.0.0.1:${adminPort}${path}`, { method, ...json })
  if (!answered.ok) throw new Error(`Hydra answered ${method} ${path} with ${answered.status} ${await answered.text()}`)
}
