import { decodeJwt } from 'jose'
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import { type GithubSimulator, startGithub } from '../../sandbox/simulators/github.ts'
import type { UserId } from '../../src/base/ids.ts'
import { clients, redirectUri, resources } from '../support/clients.ts'
import { exchange, loginBySms, reachLogin, startLogin, subjectOf } from '../support/login.ts'
import { freePort } from '../support/services.ts'
import { resetClock, walkTo } from '../support/time.ts'
import { leaveFor, loginThrough } from '../support/upstream.ts'
import type { Answer, Visitor } from '../support/visitor.ts'
import { openWorld, type World } from '../support/world.ts'

const secret = 'github-app-secret'

describe.each(['redis', 'tables'] as const)('a login through an upstream, short-lived values in %s', (stores) => {
  let world: World
  let github: GithubSimulator
  let people = 1000

  beforeAll(async () => {
    const port = await freePort()
    const issuer = `http://localhost:${port}`
    github = await startGithub({
      clock: () => Date.now(),
      apps: [{ clientId: 'ours', secret, redirectUris: [`${issuer}/callback/github`, `${issuer}/callback/second`] }],
      people: Array.from({ length: 40 }, (_, index) => ({
        id: 1001 + index,
        login: `person-${index}`,
        name: `人 ${index}`,
        publicEmail: null,
        emails: [],
      })),
    })
    const app = `client_id: ours, client_secret: ${secret}, web_url: ${github.url}, api_url: ${github.url}`
    world = await openWorld({
      stores,
      port,
      env: {
        MENSHEN_CONNECTIONS: `[{ type: github, ${app} }, { type: github, id: second, label: Second, ${app} }]`,
      },
    })
    await world.register({ clients, resources })
  })
  afterEach(resetClock)
  afterAll(async () => {
    await world.close()
    await github.close()
  })

  const start = () => startLogin(world, 'plain', redirectUri)
  const through = (visitor: Visitor, person: number, url = start()) =>
    loginThrough(visitor, url, 'github', (upstream) => github.authorize(person, upstream))
  const newPerson = () => ++people
  async function subOf(answer: Answer): Promise<UserId> {
    return subjectOf(await exchange(world, 'plain', redirectUri, answer.location))
  }
  /** An account made by this person's first login. */
  async function registered(person: number): Promise<string | undefined> {
    const visitor = world.visitor()
    const choose = await through(visitor, person)
    return subOf(await visitor.follow(await visitor.post(choose.url.pathname, { choice: 'new' })))
  }
  const users = async () => Number((await world.database.database.knex('users').count('* as n').first())?.['n'])
  const audited = (event: string) => world.database.database.knex('audit_events').where({ event }).orderBy('id')

  test('somebody unknown is asked, and nothing is made before the answer', async () => {
    const before = await users()
    const visitor = world.visitor()
    const person = newPerson()
    const choose = await through(visitor, person)
    expect(choose.status).toBe(200)
    expect(choose.text).toContain('value="new"')
    expect(choose.text).toContain(`人 ${person - 1001}`)
    expect(await users()).toBe(before)
    const back = await visitor.follow(await visitor.post(choose.url.pathname, { choice: 'new' }))
    const tokens = await exchange(world, 'plain', redirectUri, back.location)
    expect(decodeJwt(tokens['id_token'] as string)).toMatchObject({ amr: ['github'], acr: 'urn:menshen:acr:federated' })
    expect(await users()).toBe(before + 1)
  })

  test('who is known logs in, whatever the name is by then', async () => {
    const person = newPerson()
    const sub = await registered(person)
    github.rename(person, `renamed-${stores}`)
    expect(await subOf(await through(world.visitor(), person))).toBe(sub)
  })

  test('an account that is there already is entered by phone, and bound', async () => {
    const phone = `1390013${String(people).padStart(4, '0')}`
    const mine = await subOf(await loginBySms(world, world.visitor(), start(), phone))
    const person = newPerson()
    const visitor = world.visitor()
    const choose = await through(visitor, person)
    const page = await visitor.get(`${choose.url.pathname}?method=sms`)
    expect(page.text).toContain('GitHub')
    await visitor.post(choose.url.pathname, { method: 'sms', phone })
    const otp = await world.otp(`+86${phone}`)
    const asked = await visitor.follow(await visitor.post(choose.url.pathname, { method: 'sms', otp }))
    expect(asked.text).toContain(`人 ${person - 1001}`)
    const bound = await visitor.follow(await visitor.post(choose.url.pathname, { choice: 'bind' }))
    expect(await subOf(bound)).toBe(mine)
    expect(await subOf(await through(world.visitor(), person))).toBe(mine)
    expect((await audited('identity.bound')).at(-1)).toMatchObject({ user_id: mine, identity_provider: 'github' })
  })

  test('what was proved waits ten minutes and no longer', async () => {
    const visitor = world.visitor()
    const choose = await through(visitor, newPerson())
    walkTo(601_000)
    const late = await visitor.post(choose.url.pathname, { choice: 'new' })
    expect(late.status).toBe(400)
  })

  test('the same new person twice at once becomes one user', async () => {
    const person = newPerson()
    const before = await users()
    const visitors = [world.visitor(), world.visitor()]
    const pages = await Promise.all(visitors.map((visitor) => through(visitor, person)))
    const backs = await Promise.all(
      visitors.map(async (visitor, index) =>
        visitor.follow(await visitor.post((pages[index] as Answer).url.pathname, { choice: 'new' })),
      ),
    )
    const [one, two] = await Promise.all(backs.map(subOf))
    expect(one).toBe(two)
    expect(await users()).toBe(before + 1)
  })

  test('a refusal leads back to the login page, and says so', async () => {
    const visitor = world.visitor()
    const refused = await loginThrough(visitor, start(), 'github', (upstream) =>
      github.authorize(newPerson(), upstream, { decision: 'refuse' }),
    )
    expect(refused.status).toBe(400)
    expect(refused.text).toContain('upstream.cancelled')
    expect(refused.text).toContain('name="phone"')
  })

  test('a callback that WeChat-like clients open twice changes nothing the second time', async () => {
    const person = newPerson()
    const sub = await registered(person)
    const visitor = world.visitor()
    const page = await reachLogin(visitor, start())
    const callback = github.authorize(person, await leaveFor(visitor, page, 'github'))
    const [first, second] = await Promise.all([visitor.get(callback), visitor.get(callback)])
    expect(second.location).toBe(first.location)
    const [done, again] = await Promise.all([
      visitor.get(new URL(first.location as string, world.issuer)),
      visitor.get(new URL(second.location as string, world.issuer)),
    ])
    expect(done.status).toBe(303)
    expect(again.location).toBe(done.location)
    expect(await subOf(await visitor.follow(done))).toBe(sub)
    const exchanges = github.requests.filter(({ path }) => path.startsWith('/login/oauth/access_token'))
    expect(new Set(exchanges.map(({ body }) => body)).size).toBe(exchanges.length)
  })

  test('a state that was made up, belongs to another connection, is over, or is another browser’s, logs nobody in', async () => {
    const person = newPerson()
    await registered(person)
    const visitor = world.visitor()
    const page = await reachLogin(visitor, start())
    const callback = new URL(github.authorize(person, await leaveFor(visitor, page, 'github')))

    const madeUp = new URL(callback)
    madeUp.searchParams.set('state', 'x'.repeat(32))
    expect((await visitor.get(madeUp)).status).toBe(400)
    const crossed = new URL(callback)
    crossed.pathname = '/callback/second'
    expect((await visitor.get(crossed)).status).toBe(400)
    const thief = world.visitor()
    const stolen = await thief.follow(await thief.get(callback))
    expect(stolen.status).toBe(400)
    expect(stolen.text).toContain('attempt.elsewhere')
    const doubled = new URL(callback)
    doubled.searchParams.append('state', 'y')
    expect((await visitor.get(doubled)).status).toBe(400)
    // The browser it belongs to still comes in.
    expect((await visitor.follow(await visitor.get(callback))).location).toContain('code=')
    walkTo(601_000)
    expect((await visitor.get(callback)).status).toBe(400)
  })

  test('a code of somebody else slipped into one’s own state is refused once the state was answered', async () => {
    const [mine, other] = [newPerson(), newPerson()]
    await registered(mine)
    const victim = world.visitor()
    const page = await reachLogin(victim, start())
    const callback = new URL(github.authorize(mine, await leaveFor(victim, page, 'github')))
    await victim.get(callback)
    const attacker = world.visitor()
    const foreign = new URL(
      github.authorize(other, await leaveFor(attacker, await reachLogin(attacker, start()), 'github')),
    )
    const mixed = new URL(callback)
    mixed.searchParams.set('code', foreign.searchParams.get('code') as string)
    const back = await victim.follow(await victim.get(mixed))
    expect(back.location).toContain('code=')
    const sub = await subOf(back)
    expect(sub).toBe(await subOf(await through(world.visitor(), mine)))
  })

  test('an upstream in trouble is told on the login page, with the vendor’s code in the audit and nothing secret in the log', async () => {
    const visitor = world.visitor()
    const page = await reachLogin(visitor, start())
    const callback = github.authorize(newPerson(), await leaveFor(visitor, page, 'github'))
    github.faults.push({ kind: 'html_instead' })
    const answer = await visitor.follow(await visitor.get(callback))
    expect(answer.status).toBe(503)
    expect(answer.text).toContain('name="phone"')
    const [failed] = (await audited('upstream.failed')).slice(-1)
    expect(failed).toMatchObject({ detail: { method: 'github', vendor_code: 'page' } })
    const log = world.log.join('')
    expect(log).not.toContain(secret)
    expect(log).not.toContain(new URL(callback).searchParams.get('code') as string)
    expect(log).not.toContain(new URL(callback).searchParams.get('state') as string)
  })
})
