import { decodeJwt } from 'jose'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type GithubSimulator, startGithub } from '../../sandbox/simulators/github.ts'
import { type OidcSimulator, startOidc } from '../../sandbox/simulators/oidc.ts'
import { clients, redirectUri, resources } from '../support/clients.ts'
import { exchange, reachLogin, startLogin } from '../support/login.ts'
import { freePort } from '../support/services.ts'
import { loginThrough } from '../support/upstream.ts'
import { openWorld, type World } from '../support/world.ts'

const secret = 'a-secret-of-the-server'
const id = 583231

describe.each(['redis', 'tables'] as const)('two servers that count alike, short-lived values in %s', (stores) => {
  let world: World
  let servers: { readonly github: GithubSimulator; readonly ghe: GithubSimulator }
  let providers: { readonly one: OidcSimulator; readonly two: OidcSimulator }

  beforeAll(async () => {
    const port = await freePort()
    const callback = (connection: string) => `http://localhost:${port}/callback/${connection}`
    const github = (connection: string, name: string) =>
      startGithub({
        clock: () => Date.now(),
        apps: [{ clientId: 'ours', secret, redirectUris: [callback(connection)] }],
        people: [{ id, login: `${connection}-user`, name, publicEmail: null, emails: [] }],
      })
    const provider = (connection: string) =>
      startOidc({
        clock: () => Date.now(),
        alg: 'ES256',
        clients: [
          { clientId: 'ours', secret, authMethod: 'client_secret_basic', redirectUris: [callback(connection)] },
        ],
        people: [{ id: 'person-7', name: connection, email: `${connection}@example.com`, emailVerified: true }],
      })
    servers = { github: await github('github', '公众'), ghe: await github('ghe', '员工') }
    providers = { one: await provider('one'), two: await provider('two') }
    const app = { client_id: 'ours', client_secret: secret }
    const connections = [
      ...Object.entries(servers).map(([name, { url }]) => ({
        ...{ type: 'github', id: name, ...app, web_url: url, api_url: url },
      })),
      ...Object.entries(providers).map(([name, { issuer }]) => ({ type: 'oidc', id: name, name, ...app, issuer })),
    ]
    world = await openWorld({ stores, port, env: { MENSHEN_CONNECTIONS: JSON.stringify(connections) } })
    await world.register({ clients, resources })
  })
  afterAll(async () => {
    await world.close()
    await Promise.all([...Object.values(servers), ...Object.values(providers)].map((each) => each.close()))
  })

  /** Comes by a connection; unknown people take a new account. */
  async function login(connection: string, answer: (upstream: URL) => string) {
    const visitor = world.visitor()
    const start = startLogin(world, 'plain', redirectUri)
    let came = await loginThrough(visitor, start, connection, answer)
    const isNew = came.location === undefined
    if (isNew) came = await visitor.follow(await visitor.post(came.url.pathname, { choice: 'new' }))
    const tokens = await exchange(world, 'plain', redirectUri, came.location)
    const { sub, amr } = decodeJwt(tokens['id_token'] as string)
    return { sub, amr, isNew }
  }

  test('one id at two GitHub servers is two people: the second is asked, and gets an account of their own', async () => {
    const at = (name: 'github' | 'ghe') => login(name, (upstream) => servers[name].authorize(id, upstream))
    const first = await at('github')
    const second = await at('ghe')
    expect([first.isNew, second.isNew]).toEqual([true, true])
    expect(second.sub).not.toBe(first.sub)
    expect([first.amr, second.amr]).toEqual([['github'], ['github:ghe']])
    expect(await at('github')).toMatchObject({ sub: first.sub, isNew: false })
    expect(await at('ghe')).toMatchObject({ sub: second.sub, isNew: false })
    const filed = await world.database.database
      .knex('identity_subjects')
      .where({ subject: String(id) })
      .orderBy('provider')
    expect(filed.map(({ provider }) => provider)).toEqual(['github', 'github:ghe'])
  })

  test('one subject at two OpenID providers is two people', async () => {
    const at = (name: 'one' | 'two') => login(name, (upstream) => providers[name].authorize('person-7', upstream))
    const [first, second] = [await at('one'), await at('two')]
    expect([first.isNew, second.isNew]).toEqual([true, true])
    expect(second.sub).not.toBe(first.sub)
    expect(await at('two')).toMatchObject({ sub: second.sub, isNew: false })
  })

  test('the login page tells the buttons of both servers apart', async () => {
    const page = await reachLogin(world.visitor(), startLogin(world, 'plain', redirectUri))
    expect(page.text).toContain('GitHub (ghe)')
  })
})
