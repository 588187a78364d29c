import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import { type GithubSimulator, startGithub } from '../../sandbox/simulators/github.ts'
import { clients, redirectUri, resources } from '../support/clients.ts'
import { loginBySms, reachLogin, startLogin } from '../support/login.ts'
import { freePort } from '../support/services.ts'
import { resetClock, walkTo } from '../support/time.ts'
import { leaveFor } from '../support/upstream.ts'
import { openWorld, type World } from '../support/world.ts'

const secret = 'github-app-secret'
const max = 12

describe.each(['redis', 'tables'] as const)('questions to a vendor through pages, counted in %s', (stores) => {
  let world: World
  let github: GithubSimulator

  beforeAll(async () => {
    const port = await freePort()
    github = await startGithub({
      clock: () => Date.now(),
      apps: [{ clientId: 'ours', secret, redirectUris: [`http://localhost:${port}/callback/github`] }],
      people: [{ id: 1, login: 'one', name: null, publicEmail: null, emails: [] }],
    })
    const app = `client_id: ours, client_secret: ${secret}, web_url: ${github.url}, api_url: ${github.url}`
    world = await openWorld({
      stores,
      port,
      env: {
        MENSHEN_CONNECTIONS: `[{ type: github, ${app} }]`,
        MENSHEN_SERVER__TRUSTED_PROXIES: '[127.0.0.1, "::1"]',
        MENSHEN_NATIVE_LOGIN__LIMITS__PER_IP: `[{ max: ${max}, seconds: 3600 }]`,
      },
    })
    await world.register({ clients, resources })
  })
  afterEach(resetClock)
  afterAll(async () => {
    await world.close()
    await github.close()
  })

  const calls = () => github.requests.filter(({ path }) => path.startsWith('/login/oauth/access_token')).length
  const audited = (ip: string) => world.database.database.knex('audit_events').where({ ip }).select('event')

  test('are bounded for each network, and so are the lines they leave', async () => {
    const ip = { 'x-forwarded-for': '198.51.100.7' }
    const before = calls()
    const visitor = world.visitor()
    for (let round = 0; round < max; round++) {
      const page = await reachLogin(visitor, startLogin(world, 'plain', redirectUri))
      const pressed = await visitor.post(page.url, { method: 'github', agreement: 'on' }, ip)
      if (pressed.status !== 303) continue
      const state = new URL(pressed.location ?? '').searchParams.get('state') ?? ''
      const back = await visitor.get(`/callback/github?code=bogus&state=${state}`, ip)
      await visitor.get(new URL(back.location ?? '', world.issuer), ip)
    }
    // The press of the button and the answer count alike.
    expect(calls() - before).toBe(max / 2)
    const events = (await audited('198.51.100.7')).map(({ event }) => event).sort()
    expect(events).toEqual(['login.failed', 'upstream.failed'])
  })

  test('are the same for somebody who is signed in and binds another way in', async () => {
    const ip = { 'x-forwarded-for': '198.51.100.8' }
    const visitor = world.visitor()
    await loginBySms(world, visitor, startLogin(world, 'plain', redirectUri), '13800138000')
    const before = calls()
    const list = await visitor.follow(await visitor.get('/account/identities'))
    const formToken = /name="form_token" value="([^"]+)"/.exec(list.text)?.[1] ?? ''
    const statuses: number[] = []
    for (let round = 0; round < max; round++) {
      const pressed = await visitor.post('/account/identities', { method: 'github', form_token: formToken }, ip)
      statuses.push(pressed.status)
      if (pressed.status !== 303) continue
      const state = new URL(pressed.location ?? '').searchParams.get('state') ?? ''
      const back = await visitor.get(`/callback/github?code=bogus&state=${state}`, ip)
      await visitor.get(new URL(back.location ?? '', world.issuer), ip)
    }
    expect(calls() - before).toBe(max / 2)
    expect(statuses.filter((status) => status === 429)).toHaveLength(max / 2)
  })

  test('another network asks, and a minute later the next line is kept', async () => {
    const ip = { 'x-forwarded-for': '198.51.100.9' }
    const visitor = world.visitor()
    for (const aheadMs of [0, 1000, 61_000]) {
      walkTo(aheadMs)
      const page = await reachLogin(visitor, startLogin(world, 'plain', redirectUri))
      const upstream = await leaveFor(visitor, page, 'github')
      const back = await visitor.get(`/callback/github?code=x&state=${upstream.searchParams.get('state')}`, ip)
      await visitor.get(new URL(back.location ?? '', world.issuer), ip)
    }
    expect(await audited('198.51.100.9')).toEqual([{ event: 'upstream.failed' }, { event: 'upstream.failed' }])
  })
})
