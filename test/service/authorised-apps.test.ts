import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { decodeJwt } from 'jose'
import { afterAll, beforeAll, beforeEach, describe, expect, test, vi } from 'vitest'
import { formToken, signedIn } from '../support/account.ts'
import { runCommand } from '../support/cli.ts'
import { redirectUri } from '../support/clients.ts'
import { untilLocked } from '../support/database.ts'
import { exchange, loginBySms, startLogin, subjectOf, token } from '../support/login.ts'
import { patienceMs } from '../support/patience.ts'
import type { Answer, Visitor } from '../support/visitor.ts'
import { openWorld, type World } from '../support/world.ts'

let world: World
let phones = 13_620_000_000
const uri = 'https://third.example.com/callback'
const apps = '/account/apps'
/** Logout tokens that the client `told` was sent. */
const received: string[] = []
const receiver = createServer(async (request, response) => {
  let body = ''
  for await (const chunk of request) body += chunk
  received.push(`${new URLSearchParams(body).get('logout_token')}`)
  response.writeHead(200, { connection: 'close' }).end()
})

beforeAll(async () => {
  await new Promise<void>((done) => receiver.listen(0, '127.0.0.1', done))
  world = await openWorld({ env: { MENSHEN_OUTBOUND__PRIVATE_ADDRESSES: 'true' } })
  knex = world.database.database.knex
  const third = { token_endpoint_auth_method: 'none', redirect_uris: [uri], scope: 'openid phone offline_access' }
  const { port } = receiver.address() as AddressInfo
  await world.register({
    clients: [
      { ...third, client_id: 'ledger', client_name: '茶园记账', policy_uri: 'https://tea.example.com/privacy' },
      { ...third, client_id: 'market', client_name: '集市' },
      {
        ...third,
        client_id: 'told',
        client_name: '茶铺',
        backchannel_logout_uri: `http://127.0.0.1:${port}/logout`,
        backchannel_logout_session_required: true,
      },
      { ...third, client_id: 'told-of-people', backchannel_logout_uri: `http://127.0.0.1:${port}/logout` },
      { client_id: 'plain', first_party: true, token_endpoint_auth_method: 'none', redirect_uris: [redirectUri] },
    ],
  })
})
beforeEach(() => {
  received.length = 0
})
afterAll(async () => {
  await world?.close()
  receiver.close()
})

const newPhone = () => String(++phones)
let knex: World['database']['database']['knex']
const all = { scope: 'openid phone offline_access', prompt: 'consent' }
const start = (client: string, more: Record<string, string> = all) => startLogin(world, client, uri, more)
const opens = async (visitor: Visitor, url: URL) => visitor.follow(await visitor.get(url))
const refresh = (client_id: string, tokens: Readonly<Record<string, string>>) =>
  token(world, { grant_type: 'refresh_token', client_id, refresh_token: tokens['refresh_token'] ?? '' })

/** Allows an app everything, in a browser that is signed in or is being signed in. */
async function allows(visitor: Visitor, client: string, phone?: string) {
  const page = phone ? await loginBySms(world, visitor, start(client), phone) : await opens(visitor, start(client))
  const scope = ['phone', 'offline_access']
  const back = await visitor.follow(await visitor.post(page.url, { choice: 'allow', scope }))
  return exchange(world, client, uri, back.location)
}

async function withdraws(visitor: Visitor, app: string): Promise<Answer> {
  const page = await visitor.get(apps)
  return visitor.follow(await visitor.post(apps, { form_token: formToken(page), app }))
}

const listed = (page: Answer) => [...page.text.matchAll(/name="app" value="([^"]+)"/g)].map(([, value]) => value)

describe('the list of authorised apps', () => {
  test('shows what each may do, since when, and when it came last, and none of our own', async () => {
    const visitor = await signedIn(world, redirectUri, newPhone())
    const empty = await visitor.get(apps)
    expect([empty.status, listed(empty)]).toEqual([200, []])
    expect(empty.text).toContain('您还没有授权任何应用。')
    await allows(visitor, 'ledger')
    const page = await visitor.get(apps)
    expect(listed(page)).toEqual(['ledger'])
    for (const text of ['茶园记账', '手机号', '持续访问（您未使用时）', 'href="https://tea.example.com/privacy"']) {
      expect(page.text).toContain(text)
    }
    expect(page.text).toMatch(/授权于 <time datetime="[^"]+"/)
    expect(page.text).toContain('不会注销您在该应用的账号')
  })

  test('asks whoever is signed out to log in, and comes back', async () => {
    const { location } = await world.visitor().get(apps)
    expect(new URL(location ?? '', world.issuer).searchParams.get('state')).toBe(apps)
  })

  test('is everybody’s own', async () => {
    const [mine, theirs] = [world.visitor(), world.visitor()]
    await allows(mine, 'ledger', newPhone())
    await allows(theirs, 'market', newPhone())
    expect(listed(await theirs.get(apps))).toEqual(['market'])
    expect((await withdraws(theirs, 'ledger')).text).toContain('该授权此前已经取消')
    expect(listed(await mine.get(apps))).toEqual(['ledger'])
  })
})

describe('taking it back', () => {
  test('ends what the app has got in every browser, at once, and nothing else', async () => {
    const phone = newPhone()
    const [here, there] = [world.visitor(), world.visitor()]
    const tokens = await allows(here, 'ledger', phone)
    const elsewhere = await allows(there, 'ledger', phone)
    const other = await allows(here, 'market')
    const page = await withdraws(here, 'ledger')
    expect(page.text).toContain('已取消授权。')
    expect(listed(page)).toEqual(['market'])
    for (const each of [tokens, elsewhere]) {
      expect((await refresh('ledger', each)).body).toMatchObject({ error: 'invalid_grant' })
      const headers = { authorization: `Bearer ${each['access_token']}` }
      expect((await fetch(`${world.issuer}/me`, { headers })).status).toBe(401)
    }
    expect((await refresh('market', other)).status).toBe(200)
    expect((await there.get('/account')).status).toBe(200)
    expect((await there.get('/account/devices')).text).not.toContain('茶园记账')
  })

  test('forgets it: the app asks again, with no box ticked', async () => {
    const visitor = world.visitor()
    await allows(visitor, 'ledger', newPhone())
    await withdraws(visitor, 'ledger')
    const silent = await visitor.get(start('ledger', { scope: 'openid', prompt: 'none' }))
    expect(new URL(silent.location ?? '').searchParams.get('error')).toBe('consent_required')
    const page = await opens(visitor, start('ledger'))
    expect(page.text).toContain('value="allow"')
    expect(page.text).not.toContain(' checked')
  })

  test('leaves lines in the audit that say who, what and why', async () => {
    const visitor = world.visitor()
    const userId = subjectOf(await allows(visitor, 'ledger', newPhone()))
    await withdraws(visitor, 'ledger')
    const [line] = await knex('audit_events').where({ user_id: userId, event: 'consent.withdrawn' })
    const granted = ['openid', 'phone', 'offline_access'].toSorted()
    expect(line).toMatchObject({ client_id: 'ledger', ip: '127.0.0.1' })
    expect(line.detail.granted.toSorted()).toEqual(granted)
    const ended = await knex('audit_events').where({ user_id: userId, event: 'grant.revoked' })
    expect(ended).toMatchObject([{ client_id: 'ledger', detail: { reason: 'consent_withdrawn' } }])
  })

  test('tells the app by a logout token, of the session it was signed in through', async () => {
    const visitor = world.visitor()
    const tokens = await allows(visitor, 'told', newPhone())
    const { sub, sid } = decodeJwt(tokens['id_token'] ?? '')
    await withdraws(visitor, 'told')
    await vi.waitFor(() => expect(received).toHaveLength(1), { timeout: patienceMs, interval: 50 })
    expect(decodeJwt(received[0] ?? '')).toMatchObject({ aud: 'told', sub, sid })
  })

  test('tells an app that has outlived the session of the person, where it takes that', async () => {
    const phone = newPhone()
    const visitor = world.visitor()
    const tokens = await allows(visitor, 'told-of-people', phone)
    await knex('oidc_records')
      .where({ model: 1, user_id: subjectOf(tokens) })
      .delete()
    await withdraws(await signedIn(world, redirectUri, phone), 'told-of-people')
    await vi.waitFor(() => expect(received).toHaveLength(1), { timeout: patienceMs, interval: 50 })
    expect(decodeJwt(received[0] ?? '')).toMatchObject({ aud: 'told-of-people', sub: subjectOf(tokens) })
  })

  test('takes no form of another page, and ends no app of our own', async () => {
    const phone = newPhone()
    const visitor = world.visitor()
    await allows(visitor, 'ledger', phone)
    const scope = { scope: 'openid offline_access' }
    const own = await opens(visitor, startLogin(world, 'plain', redirectUri, scope))
    const tokens = await exchange(world, 'plain', redirectUri, own.location)
    expect((await visitor.post(apps, { app: 'ledger' })).status).toBe(403)
    const form = { app: 'ledger', form_token: formToken(await visitor.get(apps)) }
    expect((await visitor.post(apps, form, { 'sec-fetch-site': 'cross-site' })).status).toBe(403)
    expect(listed(await visitor.get(apps))).toEqual(['ledger'])
    expect((await withdraws(visitor, 'plain')).text).toContain('该授权此前已经取消')
    expect((await refresh('plain', tokens)).status).toBe(200)
  })
})

describe('while it is being taken back', () => {
  test('a refresh either comes first and ends with the rest, or is refused', async () => {
    for (let round = 0; round < 5; round++) {
      const visitor = world.visitor()
      const tokens = await allows(visitor, 'ledger', newPhone())
      const form = { app: 'ledger', form_token: formToken(await visitor.get(apps)) }
      const [refreshed] = await Promise.all([refresh('ledger', tokens), visitor.post(apps, form)])
      const userId = subjectOf(tokens)
      const left = await knex('oidc_records').where({ user_id: userId }).whereNot({ model: 1 })
      expect(left).toEqual([])
      if (refreshed.status === 200) expect((await refresh('ledger', refreshed.body)).status).toBe(400)
      else expect(refreshed.body).toMatchObject({ error: 'invalid_grant' })
    }
  })

  test('a request that was about to be answered by it gets nothing', async () => {
    const phone = newPhone()
    const userId = subjectOf(await allows(world.visitor(), 'ledger', phone))
    const visitor = await signedIn(world, redirectUri, phone)
    const withdrawal = await knex.transaction()
    try {
      await withdrawal.raw('select 1 from oidc_records where user_id = ? for update', [userId])
      const asked = visitor.get(start('ledger', { scope: 'openid phone' }))
      await untilLocked(knex)
      await withdrawal('consents').where({ user_id: userId }).delete()
      await withdrawal('oidc_records').where({ user_id: userId }).whereNot({ model: 1 }).delete()
      await withdrawal.commit()
      const answer = await asked
      expect([answer.status, answer.location]).toEqual([400, undefined])
    } finally {
      if (!withdrawal.isCompleted()) await withdrawal.rollback()
    }
    expect(await knex('oidc_records').where({ user_id: userId, model: 2 }).whereRaw(`payload like '%ledger%'`)).toEqual(
      [],
    )
  })

  test('two presses of the button take back once', async () => {
    const visitor = world.visitor()
    const userId = subjectOf(await allows(visitor, 'ledger', newPhone()))
    const form = { app: 'ledger', form_token: formToken(await visitor.get(apps)) }
    const answers = await Promise.all([visitor.post(apps, form), visitor.post(apps, form)])
    expect(answers.map(({ location }) => location?.split('=')[1]).toSorted()).toEqual(['gone', 'withdrawn'])
    expect(await knex('audit_events').where({ user_id: userId, event: 'consent.withdrawn' })).toHaveLength(1)
  })
})

describe('an operator', () => {
  const run = async (...words: string[]) => {
    const { status, stdout, stderr } = await runCommand(words, { env: world.env, cwd: '/' })
    return { status, text: stdout + stderr }
  }

  test('sees what a user has allowed, and takes it back', async () => {
    const visitor = world.visitor()
    const tokens = await allows(visitor, 'ledger', newPhone())
    const userId = subjectOf(tokens)
    const listed = await run('users', 'consents', userId, '--json')
    expect(JSON.parse(listed.text)).toMatchObject([{ client_id: 'ledger', refused: [] }])
    expect((await run('users', 'consents', userId)).text).toMatch(/ledger +openid, phone, offline_access/)
    expect((await run('users', 'revoke', userId, '--client', 'market')).status).toBe(1)
    expect((await run('users', 'revoke', userId, '--client', 'ledger', '--dry-run')).status).toBe(3)
    expect((await run('users', 'revoke', userId, '--client', 'ledger')).status).toBe(0)
    expect((await refresh('ledger', tokens)).body).toMatchObject({ error: 'invalid_grant' })
    const [line] = await knex('audit_events').where({ user_id: userId, event: 'consent.withdrawn' })
    expect(line).toMatchObject({ client_id: 'ledger', ip: null, detail: { operator: expect.any(String) } })
    expect((await visitor.get('/account')).status).toBe(200)
  })
})
