import { decodeJwt } from 'jose'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { api, clients, redirectUri, resources } from '../support/clients.ts'
import { allows, boxes, granted } from '../support/consent.ts'
import { exchange, loginBySms, startLogin, subjectOf, token } from '../support/login.ts'
import type { Answer, Visitor } from '../support/visitor.ts'
import { openWorld, type World } from '../support/world.ts'

let world: World
let phones = 13_610_000_000
const uri = 'https://third.example.com/callback'
const orders = (scope: string) => `${api} orders:${scope}`

beforeAll(async () => {
  world = await openWorld()
  const third = { token_endpoint_auth_method: 'none', redirect_uris: [uri] }
  await world.register({
    clients: [...clients, { ...third, client_id: 'narrow', client_name: '便签', scope: 'openid profile' }],
    resources,
  })
})
afterAll(() => world?.close())

const newPhone = () => String(++phones)
const start = (more: Record<string, string> = {}, client = 'third') => startLogin(world, client, uri, more)
const rowsOf = (userId: string) => world.database.database.knex('consents').where({ user_id: userId })

const tokensOf = ({ location }: Answer, client = 'third') => exchange(world, client, uri, location)
const opens = async (visitor: Visitor, url: URL) => visitor.follow(await visitor.get(url))

/** Somebody who has allowed `third` this much of what was asked, in a browser of theirs. */
async function decided(asked: string, ...ticked: string[]) {
  const phone = newPhone()
  const visitor = world.visitor()
  const page = await loginBySms(world, visitor, start({ scope: asked }), phone)
  const tokens = await tokensOf(await allows(visitor, page, ...ticked))
  return { visitor, phone, tokens, userId: subjectOf(tokens) }
}

describe('what somebody has allowed an app', () => {
  test('is remembered for the next login, in any browser, with what they refused', async () => {
    const { phone, tokens, userId } = await decided('openid phone orders:read orders:write', 'phone', orders('read'))
    expect(granted(tokens)).toEqual(['openid', 'orders:read', 'phone'])
    const again = await loginBySms(
      world,
      world.visitor(),
      start({ scope: 'openid phone orders:read orders:write' }),
      phone,
    )
    const later = await tokensOf(again)
    expect(granted(later)).toEqual(['openid', 'orders:read', 'phone'])
    expect(decodeJwt(later['access_token'] ?? '')).toMatchObject({ scope: 'orders:read', aud: api })
    const [row] = await rowsOf(userId)
    expect(row).toMatchObject({
      client_id: 'third',
      decisions: { openid: true, phone: true, [orders('read')]: true, [orders('write')]: false },
    })
    expect(row?.used_at).toBeInstanceOf(Date)
  })

  test('is not granted beyond what a request asks for', async () => {
    const { phone } = await decided('openid phone profile', 'phone', 'profile')
    const narrower = await loginBySms(world, world.visitor(), start({ scope: 'openid profile' }), phone)
    expect(granted(await tokensOf(narrower))).toEqual(['openid', 'profile'])
  })

  test('is theirs and that app’s alone', async () => {
    const { visitor } = await decided('openid profile', 'profile')
    expect(boxes(await opens(visitor, start({ scope: 'openid profile' }, 'narrow')))).toEqual(['profile'])
    const another = await loginBySms(world, world.visitor(), start({ scope: 'openid profile' }), newPhone())
    expect(boxes(another)).toEqual(['profile'])
  })

  test('is enough for prompt=none in a session of another browser, and nothing less is', async () => {
    const { phone } = await decided('openid phone', 'phone')
    const other = world.visitor()
    await loginBySms(world, other, startLogin(world, 'plain', redirectUri), phone)
    const answered = await other.get(start({ scope: 'openid phone', prompt: 'none' }))
    expect(granted(await tokensOf(answered))).toEqual(['openid', 'phone'])
    const wider = await other.get(start({ scope: 'openid phone profile', prompt: 'none' }))
    expect(new URL(wider.location ?? '').searchParams.get('error')).toBe('consent_required')
  })

  test('is not asked again by a wider request, which asks for the new alone', async () => {
    const { visitor, userId } = await decided('openid phone profile', 'phone')
    const page = await opens(visitor, start({ scope: 'openid phone profile orders:read' }))
    expect(boxes(page)).toEqual([orders('read')])
    expect(page.text).toContain('您此前已授权')
    expect(page.text).toContain('识别您的账号、手机号')
    const tokens = await tokensOf(await allows(visitor, page, orders('read')))
    expect(granted(tokens)).toEqual(['openid', 'orders:read', 'phone'])
    expect((await rowsOf(userId))[0]?.decisions).toMatchObject({ profile: false, [orders('read')]: true })
  })

  test('stays as it is when a wider request is declined', async () => {
    const { visitor } = await decided('openid phone', 'phone')
    const page = await opens(visitor, start({ scope: 'openid phone profile' }))
    const back = await visitor.follow(await visitor.post(page.url, { choice: 'deny' }))
    expect(new URL(back.location ?? '').searchParams.get('error')).toBe('access_denied')
    expect(granted(await tokensOf(await opens(visitor, start({ scope: 'openid phone' }))))).toEqual(['openid', 'phone'])
  })

  test('of our own apps is not kept: they ask for nothing', async () => {
    const page = await loginBySms(world, world.visitor(), startLogin(world, 'plain', redirectUri), newPhone())
    const tokens = await exchange(world, 'plain', redirectUri, page.location)
    expect(await rowsOf(subjectOf(tokens))).toEqual([])
  })
})

describe('prompt=consent', () => {
  const everything = { scope: 'openid phone profile orders:read', prompt: 'consent' }

  test('shows all of the request with the ticks of before, so that what was left out can be granted', async () => {
    const { visitor } = await decided('openid phone profile orders:read', 'profile')
    const page = await opens(visitor, start(everything))
    expect(boxes(page).toSorted()).toEqual(['+profile', orders('read'), 'phone'])
    const tokens = await tokensOf(await allows(visitor, page, 'profile', 'phone'))
    expect(granted(tokens)).toEqual(['openid', 'phone', 'profile'])
    expect(boxes(await opens(visitor, start(everything))).toSorted()).toEqual(['+phone', '+profile', orders('read')])
  })

  test('takes what is unticked now out of every login of the app at once', async () => {
    const phone = newPhone()
    const first = world.visitor()
    const offline = { scope: 'openid phone offline_access', prompt: 'consent' }
    const page = await loginBySms(world, first, start(offline), phone)
    const tokens = await tokensOf(await allows(first, page, 'phone', 'offline_access'))
    const other = world.visitor()
    const again = await loginBySms(world, other, start(offline), phone)
    expect(boxes(again).toSorted()).toEqual(['+offline_access', '+phone'])
    await tokensOf(await allows(other, again, 'offline_access'))
    const refreshed = await token(world, {
      grant_type: 'refresh_token',
      client_id: 'third',
      refresh_token: tokens['refresh_token'] ?? '',
    })
    expect(refreshed.status).toBe(200)
    expect(granted(refreshed.body)).toEqual(['offline_access', 'openid'])
  })

  test('without a tick for it gives no refresh token', async () => {
    const visitor = world.visitor()
    const url = start({ scope: 'openid offline_access', prompt: 'consent' })
    const page = await loginBySms(world, visitor, url, newPhone())
    expect(boxes(page)).toEqual(['offline_access'])
    const tokens = await tokensOf(await allows(visitor, page))
    expect(granted(tokens)).toEqual(['openid'])
    expect(tokens).not.toHaveProperty('refresh_token')
  })

  test('of an app of ours lists what it gets, and takes nothing out', async () => {
    const visitor = world.visitor()
    const url = startLogin(world, 'plain', redirectUri, { scope: 'openid phone', prompt: 'consent' })
    const page = await loginBySms(world, visitor, url, newPhone())
    expect(boxes(page)).toEqual([])
    expect(page.text).toContain('手机号')
    const tokens = await exchange(world, 'plain', redirectUri, (await allows(visitor, page)).location)
    expect(granted(tokens)).toEqual(['openid', 'phone'])
    expect(await rowsOf(subjectOf(tokens))).toEqual([])
  })
})

describe('a consent', () => {
  test('that is given in two windows at once keeps what was ticked in either', async () => {
    const { visitor, phone, userId } = await decided('openid')
    const other = world.visitor()
    await loginBySms(world, other, startLogin(world, 'plain', redirectUri), phone)
    const pages = [
      await opens(visitor, start({ scope: 'openid phone' })),
      await opens(other, start({ scope: 'openid profile' })),
    ] as const
    const answers = await Promise.all([allows(visitor, pages[0], 'phone'), allows(other, pages[1], 'profile')])
    const scopes = await Promise.all(answers.map(async (answer) => granted(await tokensOf(answer))))
    expect(scopes).toEqual([
      ['openid', 'phone'],
      ['openid', 'profile'],
    ])
    expect((await rowsOf(userId))[0]?.decisions).toEqual({ openid: true, phone: true, profile: true })
    const both = await opens(visitor, start({ scope: 'openid phone profile', prompt: 'none' }))
    expect(granted(await tokensOf(both))).toEqual(['openid', 'phone', 'profile'])
  })

  test('is not kept where the session has ended while the page was open', async () => {
    const phone = newPhone()
    const visitor = world.visitor()
    const page = await loginBySms(world, visitor, start({ scope: 'openid phone' }), phone)
    const { knex } = world.database.database
    const identity = knex('identity_subjects')
      .where({ subject: `+86${phone}` })
      .select('identity_id')
    const { user_id } = await knex('identities').whereIn('id', identity).first('user_id')
    expect(await knex('oidc_records').where({ user_id }).delete()).toBeGreaterThan(0)
    const refused = await visitor.post(page.url, { choice: 'allow', scope: 'phone' })
    expect([refused.status, refused.location]).toEqual([400, undefined])
    expect(await rowsOf(user_id)).toEqual([])
  })

  test('names scopes and nothing else: a form cannot grant what was not asked for', async () => {
    const phone = newPhone()
    const visitor = world.visitor()
    const page = await loginBySms(world, visitor, start({ scope: 'openid phone' }), phone)
    const tokens = await tokensOf(await allows(visitor, page, 'phone', 'email', orders('write'), 'identities'))
    expect((await rowsOf(subjectOf(tokens)))[0]?.decisions).toEqual({ openid: true, phone: true })
  })

  test('leaves a line in the audit that says what was granted and what was refused', async () => {
    const { userId } = await decided('openid phone profile', 'phone')
    const [line] = await world.database.database
      .knex('audit_events')
      .where({ user_id: userId, event: 'consent.granted' })
    expect(line).toMatchObject({ client_id: 'third', detail: { granted: ['openid', 'phone'], refused: ['profile'] } })
  })

  test.each(['locked', 'deleted'] as const)('is forgotten when the account is %s', async (status) => {
    const { userId } = await decided('openid phone', 'phone')
    expect(await rowsOf(userId)).toHaveLength(1)
    await world.app.core.directory.setStatus(userId, status)
    expect(await rowsOf(userId)).toEqual([])
  })
})
