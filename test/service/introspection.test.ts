import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { backendAuth, backendSecret, clients, redirectUri } from '../support/clients.ts'
import { exchange, introspect, loginBySms, startLogin, token } from '../support/login.ts'
import { openWorld, type World } from '../support/world.ts'

const nothing = { active: false }
const named = 'https://named.example.com'
const own = 'https://own.example.com'
const machine = { token_endpoint_auth_method: 'client_secret_basic', secret: backendSecret }
const basic = (clientId: string) => ({
  authorization: `Basic ${Buffer.from(`${encodeURIComponent(clientId)}:${backendSecret}`).toString('base64')}`,
})

describe.each(['redis', 'tables'] as const)('who may look into a token, short-lived values in %s', (stores) => {
  let world: World

  beforeAll(async () => {
    world = await openWorld({ stores })
    const opaque = { format: 'opaque', ttl: '10m' }
    await world.register({
      resources: [
        { resource: named, scopes: ['named'], access_token: { ...opaque, introspected_by: ['backend'] } },
        { resource: own, scopes: ['own'], access_token: opaque },
      ],
      clients: [
        ...clients.filter(({ client_id }) => client_id === 'backend' || client_id === 'plain'),
        { ...machine, client_id: own, grant_types: [] },
        { ...machine, client_id: 'stranger', grant_types: ['client_credentials'] },
        { ...machine, client_id: 'ours', first_party: true, grant_types: ['client_credentials'] },
        { ...machine, client_id: 'site', first_party: true, redirect_uris: [redirectUri] },
      ],
    })
  })
  afterAll(() => world.close())

  let phones = 13_610_000_000
  async function tokensOf(more: Record<string, string> = {}) {
    phones += 1
    const answer = await loginBySms(
      world,
      world.visitor(),
      startLogin(world, 'plain', redirectUri, more),
      String(phones),
    )
    return exchange(world, 'plain', redirectUri, answer.location)
  }
  const others = ['stranger', 'ours', 'site']
  const answersTo = (value: string | undefined, ids: readonly string[]) =>
    Promise.all(ids.map((clientId) => introspect(world, value, basic(clientId))))

  test('of an API that names who may: those, and the client it was issued to', async () => {
    const { access_token: value } = await tokensOf({ scope: 'openid named', resource: named })
    expect(await introspect(world, value, backendAuth)).toMatchObject({ active: true, client_id: 'plain' })
    expect(await introspect(world, value, 'plain')).toMatchObject({ active: true })
    expect(await answersTo(value, [...others, own])).toEqual([...others, own].map(() => nothing))
  })

  test('of an API that names nobody: the client that bears its name, and no other with a secret, ours or not', async () => {
    const { access_token: value } = await tokensOf({ scope: 'openid own', resource: own })
    expect(await introspect(world, value, basic(own))).toMatchObject({ active: true, client_id: 'plain' })
    expect(await answersTo(value, [...others, 'backend'])).toEqual([...others, 1].map(() => nothing))
  })

  test('for userinfo: its own client alone, so that no machine of a third party reads who somebody is', async () => {
    const { access_token: value } = await tokensOf({ scope: 'openid phone' })
    expect(await introspect(world, value, 'plain')).toMatchObject({ active: true })
    expect(await answersTo(value, [...others, 'backend', own])).toEqual([...others, 1, 2].map(() => nothing))
  })

  test('to refresh with: its own client alone, also where its access tokens name somebody', async () => {
    const { refresh_token: value } = await tokensOf({ scope: 'openid offline_access named', resource: named })
    expect(await introspect(world, value, 'plain')).toMatchObject({ active: true })
    expect(await answersTo(value, [...others, 'backend', own])).toEqual([...others, 1, 2].map(() => nothing))
  })

  test('of a machine: the same rules', async () => {
    const ask = async (resource: string) => {
      const { body } = await token(world, { grant_type: 'client_credentials', resource }, basic('stranger'))
      return body['access_token'] as string
    }
    const [forNamed, forOwn] = [await ask(named), await ask(own)]
    expect(await introspect(world, forNamed, backendAuth)).toMatchObject({ active: true })
    expect(await introspect(world, forOwn, basic(own))).toMatchObject({ active: true })
    expect(await introspect(world, forOwn, basic('stranger'))).toMatchObject({ active: true })
    expect(await answersTo(forOwn, ['ours', 'site', 'backend'])).toEqual([nothing, nothing, nothing])
  })
})
