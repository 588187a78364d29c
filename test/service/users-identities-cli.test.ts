import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { AccountDirectory } from '../../src/accounts/directory.ts'
import type { IdentityId, UserId } from '../../src/base/ids.ts'
import { memberName } from '../../src/oidc/library/payload.ts'
import { openShell, type Shell } from '../support/cli.ts'
import { claimOf } from '../support/several.ts'

// `users identities move`: support gives a way in of one account to another.

const use = { ip: '203.0.113.7' }
const at = Date.UTC(2026, 10, 20, 10)
let shell: Shell
let directory: AccountDirectory
let people = 0
let from: UserId
let to: UserId
let identity: IdentityId

beforeAll(async () => {
  shell = await openShell()
  directory = new AccountDirectory({ database: shell.database.database, clock: () => at })
})
afterAll(() => shell.close())
beforeEach(async () => {
  people++
  from = (await directory.register(claimOf('wechat', [`openid:wx1:person-${people}`]), use)).user.id
  await directory.bind(from, claimOf('phone', [`+8613800${100_000 + people}`]), use)
  to = (await directory.register(claimOf('wechat', [`unionid:person-${people}`]), use)).user.id
  identity = await wechatOf(from)
})

const knex = () => shell.database.database.knex
const move = (...more: readonly string[]) =>
  shell.run('users', 'identities', 'move', identity, '--to', to, '--why', 'ticket 4711', '--yes', ...more)

async function wechatOf(userId: UserId): Promise<IdentityId> {
  const found = (await directory.find(userId))?.identities.find(({ provider }) => provider === 'wechat')
  if (!found) throw new Error('no wechat')
  return found.id
}

async function subjectsOf(userId: UserId): Promise<readonly (readonly string[])[]> {
  const identities = (await directory.find(userId))?.identities ?? []
  return identities.filter(({ provider }) => provider === 'wechat').map(({ subjects }) => subjects)
}

async function giveSession(id: string, userId: UserId, by: readonly string[]): Promise<void> {
  const about = JSON.stringify({ method: 'wechat', by, at, ip: use.ip })
  const row = {
    id,
    payload: JSON.stringify({ [memberName('loginTs')]: at / 1000 }),
    user_id: userId,
    expires_at: new Date(Date.UTC(2099, 0)),
    about,
  }
  await knex()('oidc_records').insert({ ...row, model: 1, uid: id })
}

test('moves the way in with all that is kept beside it, ends what came by it, and writes down who and why', async () => {
  await knex()('identities').where({ id: identity }).update({ upstream_credential: 'sealed' })
  await giveSession(`by-wechat-${people}`, from, [identity])
  await giveSession(`by-phone-${people}`, from, ['idn_phone'])
  const { status, stdout } = await move('--json')
  expect(status).toBe(0)
  const told = JSON.parse(stdout)
  expect(told).toMatchObject({ changed: true, provider: 'wechat', from, to, leaves_way_in: true, ended_records: 1 })
  expect(stdout).not.toContain(`person-${people}"`)
  expect(await subjectsOf(from)).toEqual([])
  expect(await subjectsOf(to)).toEqual([[`unionid:person-${people}`], [`openid:wx1:person-${people}`]])
  expect(told.now_as).not.toBe(identity)
  const [row] = await knex()('identities').where({ id: told.now_as })
  expect(row).toMatchObject({ upstream_credential: 'sealed', user_id: to, verified_at: new Date(at) })
  expect(row.created_at.getTime()).toBeGreaterThan(at)
  expect((await directory.find(from))?.user.proofsEndedAt?.getTime()).toBeGreaterThan(at)
  const left = await knex()('oidc_records').where({ user_id: from }).select('uid')
  expect(left).toEqual([{ uid: `by-phone-${people}` }])
  const ended = await knex()('audit_events').where({ event: 'session.ended', user_id: from })
  expect(ended).toMatchObject([{ detail: { reason: 'identity_moved', operator: expect.any(String) } }])
  const rows = await knex()('audit_events').where({ event: 'identity.moved' }).whereIn('user_id', [from, to])
  const detail = { from, to, identity, why: 'ticket 4711', operator: expect.any(String) }
  expect(rows).toMatchObject([
    { user_id: from, detail },
    { user_id: to, detail },
  ])
})

test('both owners are told where they could be reached before, and a trial tells nobody', async () => {
  await directory.bind(to, claimOf('email', [`taker${people}@example.com`]), use)
  const told = async () =>
    (await knex()('owner_messages').whereIn('user_id', [from, to]).orderBy('event')).map((row) => [
      row.event,
      row.user_id,
      row.channel,
      row.detail,
    ])
  await move('--dry-run')
  expect(await told()).toEqual([])
  const phone = (await directory.find(from))?.identities.find(({ provider }) => provider === 'phone')
  const args = ['users', 'identities', 'move', String(phone?.id), '--to', to, '--why', 'ticket 4711', '--yes']
  expect((await shell.run(...args)).status).toBe(0)
  const what = { provider: 'phone', label: expect.stringContaining('138****') }
  expect(await told()).toEqual([
    ['way_added', to, 'email', { what }],
    ['way_removed', from, 'sms', { what }],
  ])
})

test('a trial changes nothing and says what would change', async () => {
  await giveSession(`trial-${people}`, from, [identity])
  const before = [await directory.find(from), await directory.find(to)]
  const { status, stdout } = await move('--dry-run', '--json')
  expect(status).toBe(3)
  expect(JSON.parse(stdout)).toMatchObject({ changed: false, would_change: true, ended_records: 1 })
  expect([await directory.find(from), await directory.find(to)]).toEqual(before)
  expect(await knex()('oidc_records').where({ user_id: from })).toHaveLength(1)
  expect(await knex()('audit_events').whereIn('user_id', [from, to])).toEqual([])
})

test('says whether one proof has ever led to both', async () => {
  expect((await move('--dry-run')).stderr).toContain('no proof has led to both users')
  const detail = JSON.stringify({ users: [to, from] })
  await knex()('audit_events').insert({ at: new Date(at), event: 'identity.conflicted', detail })
  expect((await move('--dry-run')).stderr).toContain('one proof led to both users on 2026-11-20T10:00:00.000Z')
  expect(JSON.parse((await move('--dry-run', '--json')).stdout).vouched_at).toBe('2026-11-20T10:00:00.000Z')
})

describe('with --join', () => {
  test('both parts are one way in', async () => {
    expect((await move('--join')).status).toBe(0)
    expect(await subjectsOf(to)).toHaveLength(1)
    expect((await subjectsOf(to))[0]).toHaveLength(2)
  })

  test('two people of one vendor are refused', async () => {
    await knex()('identity_subjects').insert({
      ...{ provider: 'wechat', subject: `openid:wx1:another-${people}`, identity_id: await wechatOf(to) },
      ...{ position: 1, created_at: new Date(at) },
    })
    const { status, stderr } = await move('--join')
    expect([status, stderr]).toEqual([1, expect.stringContaining('two people')])
  })

  test('it needs exactly one to become part of', async () => {
    await directory.bind(to, claimOf('wechat', [`unionid:second-${people}`]), use)
    expect((await move('--join')).stderr).toContain('not exactly one')
  })
})

describe('is refused', () => {
  test('the last way in, unless that is meant', async () => {
    const phone = (await directory.find(from))?.identities.find(({ provider }) => provider === 'phone')
    await directory.unbind(from, phone?.id as IdentityId, async () => undefined)
    const refused = await move()
    expect([refused.status, refused.stderr]).toEqual([1, expect.stringContaining('--last')])
    expect(await subjectsOf(from)).toHaveLength(1)
    const { status, stderr } = await move('--last')
    expect([status, stderr]).toEqual([0, expect.stringContaining('left without a way in')])
    expect((await directory.find(from))?.identities).toEqual([])
  })

  test.each(['from', 'to'])('a locked user: %s', async (which) => {
    await directory.setStatus(which === 'from' ? from : to, 'locked')
    expect((await move()).stderr).toContain('locked')
    expect(await subjectsOf(from)).toHaveLength(1)
  })

  test('a deleted user, and one that is not there', async () => {
    await directory.setStatus(to, 'deleted')
    expect((await move()).status).toBe(1)
    const { stderr } = await shell.run('users', 'identities', 'move', identity, '--to', '+8613800999999', '--why', 'x')
    expect(stderr).toContain('there is no user')
  })

  test('more of one provider than a user may have', async () => {
    const limited = { MENSHEN_IDENTITIES_PER_PROVIDER: '1' }
    const args = ['users', 'identities', 'move', identity, '--to', to, '--why', 'x', '--yes']
    expect((await shell.runWith(limited, ...args)).stderr).toContain('identities_per_provider')
    expect((await shell.runWith(limited, ...args, '--join')).status).toBe(0)
  })

  test('what is not there, is there already, or lacks a word', async () => {
    const run = (...words: readonly string[]) => shell.run('users', 'identities', 'move', ...words)
    expect((await run('idn_nothing', '--to', to, '--why', 'x')).status).toBe(1)
    expect((await run(identity, '--to', to, '--why', 'x')).stderr).toContain('--yes')
    expect((await run(identity, '--to', from, '--why', 'x', '--yes')).stderr).toContain('already')
    expect((await run(identity, '--why', 'x')).stderr).toContain('--to')
    expect((await run(identity, '--to', to)).stderr).toContain('--why')
    expect((await run(identity, '--to', to, '--why', '  ')).stderr).toContain('--why')
  })
})

test('of two moves at once one moves, and nothing is lost', async () => {
  const other = (await directory.register(claimOf('wechat', [`unionid:other-${people}`]), use)).user.id
  const args = ['users', 'identities', 'move', identity, '--why', 'x', '--yes', '--to']
  const [one, two] = await Promise.all([shell.run(...args, to), shell.run(...args, other)])
  expect([one.status, two.status].sort()).toEqual([0, 1])
  const [led] = await knex()('identity_subjects').where({ subject: `openid:wx1:person-${people}` })
  expect(await knex()('identities').where({ id: led.identity_id })).toMatchObject([
    { user_id: one.status === 0 ? to : other },
  ])
})
