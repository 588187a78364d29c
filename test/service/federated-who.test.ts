import { afterAll, afterEach, beforeAll, expect, test } from 'vitest'
import { keptCredentials } from '../../src/accounts/kept-credentials.ts'
import type { UserId } from '../../src/base/ids.ts'
import { clients, redirectUri } from '../support/clients.ts'
import { exchange, loginBySms, reachLogin, startLogin, subjectOf } from '../support/login.ts'
import { freePort } from '../support/services.ts'
import { resetClock, walkTo } from '../support/time.ts'
import { agreeAt } from '../support/upstream.ts'
import { type ConnectionName, insideWechat, openUpstreams, type Upstreams, website } from '../support/upstreams.ts'
import type { Answer, Visitor } from '../support/visitor.ts'
import { openWorld, type World } from '../support/world.ts'

let world: World
let upstreams: Upstreams

beforeAll(async () => {
  const port = await freePort()
  upstreams = await openUpstreams(`http://localhost:${port}`)
  const env = upstreams.env(['wechat', 'silent', 'qq', 'weibo', 'github', 'apple', 'corp'])
  world = await openWorld({ stores: 'tables', port, env: { ...env, MENSHEN_SERVER__TRUSTED_PROXIES: '[127.0.0.1]' } })
  await world.register({ clients })
})
afterEach(() => {
  resetClock()
  upstreams.wechat.bind(website, 'ours')
})
afterAll(async () => {
  await world?.close()
  await upstreams?.close()
})

const desk = 'Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 Chrome/142.0.0.0 Safari/537.36'
const start = () => startLogin(world, 'plain', redirectUri)
const table = (name: string) => world.database.database.knex(name)

interface Coming {
  readonly visitor?: Visitor
  readonly userAgent?: string
  readonly ip?: string
}

/** Logs in as this person of the vendor; what comes is a page of ours, or the way back to the app. */
async function through(
  connection: ConnectionName,
  person: string,
  { visitor = world.visitor(), userAgent = desk, ip = '203.0.113.1' }: Coming = {},
): Promise<{ readonly visitor: Visitor; readonly answer: Answer }> {
  const headers = { 'user-agent': userAgent, 'x-forwarded-for': ip }
  const page = await reachLogin(visitor, start())
  const { location = '' } = await visitor.post(page.url, { method: connection, agreement: 'on' }, headers)
  const back = await agreeAt(upstreams, visitor, { connection, person, location, headers })
  return {
    visitor,
    answer: await visitor.follow(await visitor.get(new URL(back.location ?? '', world.issuer), headers)),
  }
}

async function subOf(answer: Answer): Promise<UserId> {
  return subjectOf(await exchange(world, 'plain', redirectUri, answer.location))
}

let networks = 0

/** A first login: the account is made, in a network that has not made many in this hour. */
async function registered(connection: ConnectionName, person: string, coming?: Coming): Promise<UserId> {
  networks += 1
  const ip = coming?.ip ?? `198.${networks}.113.1`
  const { visitor, answer } = await through(connection, person, { ...coming, ip })
  expect(answer.text).toContain('value="new"')
  const headers = { 'x-forwarded-for': ip }
  return subOf(await visitor.follow(await visitor.post(answer.url.pathname, { choice: 'new' }, headers)))
}

const known = async (connection: ConnectionName, person: string, coming?: Coming) =>
  subOf((await through(connection, person, coming)).answer)
const inWechat: Coming = { userAgent: insideWechat }
const subjectsOf = async (userId: UserId) =>
  (await world.app.core.directory.find(userId))?.identities.map(({ subjects }) =>
    subjects.map((each) => each.split(':')[0]),
  )

test('a bare openid first, the unionid from the same account later and from a QR code at last, are one user', async () => {
  const sub = await registered('silent', 'p1', inWechat)
  expect(await subjectsOf(sub)).toEqual([['openid']])
  expect(await known('wechat', 'p1', inWechat)).toBe(sub)
  expect(await subjectsOf(sub)).toEqual([['unionid', 'openid']])
  expect(await known('wechat', 'p1')).toBe(sub)
  expect(await known('silent', 'p1', inWechat)).toBe(sub)
  expect(await subjectsOf(sub)).toEqual([['unionid', 'openid', 'openid']])
})

test('a login of an app that joins the Open Platform account later stays one user', async () => {
  upstreams.wechat.bind(website, undefined)
  const sub = await registered('wechat', 'p2')
  expect(await subjectsOf(sub)).toEqual([['openid']])
  upstreams.wechat.bind(website, 'ours')
  expect(await known('wechat', 'p2')).toBe(sub)
  expect(await known('wechat', 'p2', inWechat)).toBe(sub)
})

test('who is unknown while the unionid cannot be learnt is asked to come back, and who is known goes in', async () => {
  upstreams.wechat.bind(website, undefined)
  const inTrouble = () => upstreams.wechat.faults.push({ kind: 'refuse', code: '45011', path: '/sns/userinfo' })
  const before = await table('users').count()
  inTrouble()
  const { answer } = await through('wechat', 'p17')
  expect(answer.status).toBe(503)
  expect(answer.text).toContain('name="phone"')
  expect(await table('users').count()).toEqual(before)
  const sub = await registered('wechat', 'p17')
  inTrouble()
  expect(await known('wechat', 'p17')).toBe(sub)
})

test('an app that moves to another Open Platform account keeps its users by their openid', async () => {
  const sub = await registered('wechat', 'p3')
  upstreams.wechat.bind(website, 'another')
  expect(await known('wechat', 'p3')).toBe(sub)
})

test('two users of one person are asked about and nothing changes; each way that led to one of them still does', async () => {
  const byOpenid = await registered('silent', 'p4', inWechat)
  const byUnionid = await registered('wechat', 'p4')
  const stored = async () => [
    await table('identities').orderBy('id'),
    await table('identity_subjects').orderBy('subject'),
  ]
  const before = await stored()
  const { answer } = await through('wechat', 'p4', inWechat)
  expect(answer.text).toContain('该微信对应您的多个账号')
  expect(await stored()).toEqual(before)
  expect(await table('audit_events').where({ event: 'identity.conflicted' })).toMatchObject([
    { identity_provider: 'wechat', detail: { users: [byUnionid, byOpenid] } },
  ])
  expect(await known('silent', 'p4', inWechat)).toBe(byOpenid)
  expect(await known('wechat', 'p4')).toBe(byUnionid)
})

test('a snapshot visitor is nobody, even one with an account', async () => {
  await registered('wechat', 'p5', inWechat)
  const before = [await table('users').orderBy('id'), await table('identities').orderBy('id')]
  upstreams.wechat.signIn('p5')
  upstreams.wechat.setSnapshot(true)
  try {
    const { answer } = await through('wechat', 'p5', inWechat)
    expect(answer.status).toBe(400)
    expect(answer.text).toContain('upstream.snapshot')
  } finally {
    upstreams.wechat.setSnapshot(false)
  }
  expect([await table('users').orderBy('id'), await table('identities').orderBy('id')]).toEqual(before)
})

test('a refusal that comes twice, as WeChat may send it, is told both times, and to nobody else', async () => {
  const visitor = world.visitor()
  const page = await reachLogin(visitor, start())
  const { location = '' } = await visitor.post(page.url, { method: 'wechat', agreement: 'on' }, { 'user-agent': desk })
  const callback = `/callback/wechat?state=${new URL(location).searchParams.get('state')}`
  const told = [await visitor.follow(await visitor.get(callback)), await visitor.follow(await visitor.get(callback))]
  for (const { status, text } of told)
    expect({ status, isTold: text.includes('upstream.cancelled') }).toEqual({ status: 400, isTold: true })
  const other = world.visitor()
  const { url } = await reachLogin(other, start())
  const elsewhere = await other.get(`${url.pathname}${told[0]?.url.search}`)
  expect({ status: elsewhere.status, isTold: elsewhere.text.includes('upstream.') }).toEqual({
    status: 200,
    isTold: false,
  })
})

test('two people with one name are two users', async () => {
  const one = await registered('github', '1000')
  const other = await registered('github', '1039')
  expect(other).not.toBe(one)
  const nicknames = await table('users').whereIn('id', [one, other]).pluck('nickname')
  expect(nicknames).toEqual(['客人 0', '客人 0'])
})

test.each(['github', 'apple', 'corp'] as const)(
  'an address %s tells finds no account with that address',
  async (connection) => {
    const number = { github: 6, apple: 7, corp: 8 }[connection]
    const { directory } = world.app.core
    const email = { provider: 'email', subjects: [`guest-${number}@example.com`], profile: {} } as const
    const owner = await directory.register(email, { ip: '203.0.113.9' })
    const sub = await registered(connection, connection === 'github' ? `${1000 + number}` : `p${number}`)
    expect(sub).not.toBe(owner.user.id)
    expect((await directory.find(owner.user.id))?.identities).toHaveLength(1)
  },
)

test('one number as the id at two vendors is two users', async () => {
  const one = await registered('qq', 'p10')
  expect(await registered('weibo', 'p10')).not.toBe(one)
  expect(await registered('corp', 'p10')).not.toBe(one)
})

test('each login is noted at its identity with time and address, and only there', async () => {
  const sub = await registered('github', '1011', { ip: '198.51.100.1' })
  const { visitor, answer } = await through('qq', 'p11', { ip: '198.51.100.2' })
  expect(answer.text).toContain('value="new"')
  const page = `${answer.url.pathname}?method=github`
  const { location = '' } = await visitor.post(page, { method: 'github', agreement: 'on' })
  await visitor.follow(await visitor.get(upstreams.github.authorize(1011, location)))
  const back = await visitor.follow(await visitor.post(answer.url.pathname, { choice: 'bind' }))
  expect(await subOf(back)).toBe(sub)
  const before = await table('identities').where({ user_id: sub }).orderBy('provider')
  expect(before).toMatchObject([
    { provider: 'github', created_ip: '198.51.100.1' },
    { provider: 'qq', last_used_ip: before[1]?.created_ip },
  ])
  walkTo(3_600_000)
  expect(await known('qq', 'p11', { ip: '198.51.100.3' })).toBe(sub)
  const [github, qq] = await table('identities').where({ user_id: sub }).orderBy('provider')
  expect(github).toEqual(before[0])
  expect(qq).toMatchObject({ created_at: before[1]?.created_at, last_used_ip: '198.51.100.3' })
  expect(qq.last_used_at - before[1]?.last_used_at).toBeGreaterThanOrEqual(3_590_000)
})

test('a new user starts with the name the upstream tells; later logins leave alone what the person chose since', async () => {
  const sub = await registered('github', '1012')
  const nickname = async () => (await world.app.core.directory.find(sub))?.user.profile.nickname
  expect(await nickname()).toBe('客人 12')
  await world.app.core.directory.rename(sub, '掌柜')
  expect(await known('github', '1012')).toBe(sub)
  expect(await nickname()).toBe('掌柜')
})

test('an account made by phone keeps to its own name when an upstream is bound', async () => {
  const mine = await subOf(await loginBySms(world, world.visitor(), start(), '13900139013'))
  const { visitor, answer } = await through('weibo', 'p13')
  await visitor.post(answer.url.pathname, { method: 'sms', phone: '13900139013' })
  const otp = await world.otp('+8613900139013')
  await visitor.post(answer.url.pathname, { method: 'sms', otp })
  expect(await subOf(await visitor.follow(await visitor.post(answer.url.pathname, { choice: 'bind' })))).toBe(mine)
  expect((await world.app.core.directory.find(mine))?.user.profile).toEqual({})
})

test('Apple’s refresh token is kept sealed, of the newest login, and is readable nowhere in the database or the log', async () => {
  const sub = await registered('apple', 'p14')
  const opened = async () => {
    const row = await table('identities').where({ user_id: sub }).first()
    const { database, sealer } = world.app.core
    const [kept] = keptCredentials({ database, sealer }).open(String(row.upstream_credential))
    return kept?.secret ?? ''
  }
  const first = await opened()
  expect(upstreams.apple.isLive(first)).toBe(true)
  expect(await known('apple', 'p14')).toBe(sub)
  const tokens = [first, await opened()]
  expect(upstreams.apple.isLive(tokens[1] ?? '')).toBe(true)
  const { rows } = await world.database.database.knex.raw(
    "select table_name from information_schema.tables where table_schema = 'public'",
  )
  const dumped = await Promise.all(
    (rows as { table_name: string }[]).map(async ({ table_name }) => JSON.stringify(await table(table_name))),
  )
  const everything = `${dumped.join('')}${world.log.join('')}`
  expect(everything).toContain(sub)
  for (const token of tokens) expect(everything).not.toContain(token)
})

test('nobody else’s identity keeps a credential of an upstream', async () => {
  await registered('corp', 'p15')
  const kept = await table('identities').whereNotNull('upstream_credential').distinct('provider')
  expect(kept).toEqual([{ provider: 'apple' }])
})

test('the audit names the connection a new account came through, not what its identities are filed under', async () => {
  const sub = await registered('corp', 'p16')
  const [made] = await table('audit_events').where({ event: 'login.succeeded', user_id: sub })
  expect(made).toMatchObject({ identity_provider: 'oidc:corp', detail: { method: 'corp' } })
})
