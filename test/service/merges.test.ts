import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { formerIdsOf, survivorOf } from '../../src/accounts/merged-users.ts'
import type { IdentityId, UserId } from '../../src/base/ids.ts'
import { giveLogin, loginsLeft, type MergeHome, openMergeHome, waysOf } from '../support/merging.ts'
import { claimOf } from '../support/several.ts'

// Two accounts of one person become one.

const use = { ip: '203.0.113.7' }
const actor = { ip: '203.0.113.9', requestId: 'request-1' }
let world: MergeHome
const knex = () => world.home.database.knex

beforeAll(async () => {
  world = await openMergeHome({ github: 1 })
})
afterAll(() => world.close())

async function pair(): Promise<readonly [UserId, UserId]> {
  return [await world.person('小明'), await world.person('小明二号')]
}

/** Both proved a moment ago, by the number of each. */
async function proofs(...users: readonly UserId[]) {
  const all = await Promise.all(
    users.map(async (userId) => {
      const account = await world.directory.find(userId)
      const subjects = account?.identities.find(({ provider }) => provider === 'phone')?.subjects ?? []
      return { userId, begunAt: world.now, provedAt: world.now, claim: claimOf('phone', subjects) }
    }),
  )
  return all as unknown as readonly [(typeof all)[0], (typeof all)[0]]
}

async function merge(into: UserId, from: UserId, choices = {}) {
  const merged = await world.merges.merge({ into, from, proofs: await proofs(into, from), choices }, actor)
  if (merged === 'already') throw new Error('merged before')
  return merged
}

async function setPassword(userId: UserId, hash: string): Promise<void> {
  await knex()('passwords').insert({ user_id: userId, hash, updated_at: new Date(world.now - 5000) })
}

async function hashOf(userId: UserId): Promise<string | undefined> {
  return (await knex()('passwords').where({ user_id: userId }).first('hash'))?.hash
}

describe('a merge', () => {
  test('brings every way in to the account that stays, and the old id stands for it for good', async () => {
    const [into, from] = await pair()
    const before = [...(await waysOf(world, into)), ...(await waysOf(world, from))].sort()
    await merge(into, from)
    expect(await waysOf(world, into)).toEqual(before)
    expect(await waysOf(world, from)).toEqual([])
    expect((await world.directory.find(from))?.user).toMatchObject({ status: 'deleted', profile: {} })
    expect(await survivorOf(world.home.database, from)).toBe(into)
    expect(await formerIdsOf(world.home.database, into)).toEqual([from])
    const [phone = ''] = before
    const resolved = await world.directory.resolve(claimOf('phone', [phone]), use)
    expect(resolved).toMatchObject({ kind: 'known', account: { user: { id: into } } })
  })

  test('ends every login of the account that goes and none of the one that stays, and says why', async () => {
    const [into, from] = await pair()
    await giveLogin(world, into, `stays-${into}`, ['idn_other'])
    await giveLogin(world, from, `goes-${from}`, ['idn_other'])
    await merge(into, from)
    expect([await loginsLeft(world, into), await loginsLeft(world, from)]).toEqual([[`stays-${into}`], []])
    const ended = await knex()('audit_events').where({ user_id: from, event: 'session.ended' })
    expect(ended).toMatchObject([{ detail: { reason: 'merged' }, request_id: 'request-1' }])
    for (const userId of [into, from]) {
      const rows = await knex()('audit_events').where({ user_id: userId, event: 'user.merged' })
      expect(rows).toMatchObject([{ detail: { into, from, proved: ['phone', 'phone'] }, ip: '203.0.113.9' }])
    }
  })

  test('tells apps of ours that asked for it, and the owner at every number of both', async () => {
    const metadata = { account_events_uri: 'https://rp.example/events', first_party: true }
    const times = { created_at: new Date(world.now), updated_at: new Date(world.now) }
    await knex()('clients').insert({ client_id: 'told', metadata, ...times })
    const [into, from] = await pair()
    const { id } = await merge(into, from)
    await world.merges.unmerge(id, actor)
    const messages = await knex()('owner_messages').whereIn('user_id', [into, from]).select('event', 'user_id')
    // At both numbers, which one account had when it was told.
    const message = (event: string) => ({ event, user_id: into })
    expect(messages.filter(({ event }) => event.endsWith('merged'))).toEqual([
      ...[message('merged'), message('merged'), message('unmerged'), message('unmerged')],
    ])
    const rows = await knex()('client_events').orderBy('id').select('client_id', 'user_id', 'event', 'detail')
    expect(rows).toEqual([
      { client_id: 'told', user_id: from, event: 'account-merged', detail: { new_sub: into } },
      { client_id: 'told', user_id: from, event: 'account-unmerged', detail: { former_sub: into } },
    ])
    await knex()('clients').where({ client_id: 'told' }).delete()
  })

  test('keeps the password that was chosen, and ends what came by the other one', async () => {
    const [into, from] = await pair()
    await Promise.all([setPassword(into, 'of-into'), setPassword(from, 'of-from')])
    await giveLogin(world, into, `by-password-${into}`, ['password'])
    await giveLogin(world, into, `by-phone-${into}`, ['idn_other'])
    await merge(into, from, { password: from })
    expect([await hashOf(into), await hashOf(from)]).toEqual(['of-from', undefined])
    expect(await loginsLeft(world, into)).toEqual([`by-phone-${into}`])
    expect((await world.directory.find(into))?.user.proofsEndedAt?.getTime()).toBe(world.now)
  })

  test('keeps the password of the account that stays unless somebody says otherwise, and takes one where there is none', async () => {
    const [into, from] = await pair()
    await Promise.all([setPassword(into, 'own'), setPassword(from, 'other')])
    await merge(into, from)
    expect(await hashOf(into)).toBe('own')
    const [bare, rich] = await pair()
    await setPassword(rich, 'only')
    await merge(bare, rich)
    expect([await hashOf(bare), await hashOf(rich)]).toEqual(['only', undefined])
  })

  test('keeps name and picture as they were chosen', async () => {
    const [into, from] = await pair()
    await knex()('users').where({ id: from }).update({ picture: 'https://p.example/2', picture_copy: 'copy-2' })
    const bytes = { bytes: Buffer.from('x'), type: 'image/png', copied_at: new Date(world.now) }
    await knex()('pictures').insert({ user_id: from, id: `copy-${from}`, ...bytes })
    await merge(into, from, { nickname: from })
    const { user } = (await world.directory.find(into)) ?? {}
    expect(user).toMatchObject({
      profile: { nickname: '小明二号', picture: 'https://p.example/2' },
      pictureCopy: 'copy-2',
    })
    expect(await knex()('pictures').where({ user_id: into }).select('id')).toEqual([{ id: `copy-${from}` }])
  })

  test('of what both have decided about an app of others, the later decision counts, and what it narrows ends', async () => {
    const [into, from] = await pair()
    const at = (ms: number) => ({ created_at: new Date(ms), updated_at: new Date(ms) })
    const [early, late] = [at(world.now - 9000), at(world.now - 1000)]
    await knex()('consents').insert([
      { user_id: into, client_id: 'app', decisions: { openid: true, phone: true }, ...early },
      { user_id: from, client_id: 'app', decisions: { phone: false, email: true }, ...late },
      { user_id: from, client_id: 'other', decisions: { openid: true }, ...early },
    ])
    await giveLogin(world, into, `with-app-${into}`, ['idn_other'])
    const { narrowed } = await merge(into, from)
    expect(narrowed).toEqual(['app'])
    const rows = await knex()('consents').where({ user_id: into }).orderBy('client_id').select('client_id', 'decisions')
    expect(rows).toEqual([
      { client_id: 'app', decisions: { openid: true, phone: false, email: true } },
      { client_id: 'other', decisions: { openid: true } },
    ])
    expect(await knex()('oidc_records').where({ user_id: into, model: 2 })).toEqual([])
    expect(await loginsLeft(world, into)).toEqual([`with-app-${into}`])
  })

  test('brings along the apps that are known to the account', async () => {
    const [into, from] = await pair()
    await knex()('known_devices').insert({ user_id: from, key: `key-${from}`, used_at: new Date(world.now) })
    await merge(into, from)
    expect(await knex()('known_devices').where({ user_id: into }).select('key')).toEqual([{ key: `key-${from}` }])
  })

  test('asks which of too many ways in stay, and lets the others go', async () => {
    const [into, from] = await pair()
    const own = await world.directory.bind(into, claimOf('github', [`own-${into}`]), use)
    const other = await world.directory.bind(from, claimOf('github', [`other-${from}`]), use)
    world.now += 1000
    await expect(merge(into, from)).rejects.toMatchObject({ code: 'merge.undecided' })
    const both = { identities: [own.identityId, other.identityId] }
    await expect(merge(into, from, both)).rejects.toMatchObject({ code: 'merge.undecided' })
    await giveLogin(world, into, `by-github-${into}`, [own.identityId])
    const { leftOut } = await merge(into, from, { identities: [other.identityId] })
    expect(leftOut).toEqual([own.identityId])
    expect((await waysOf(world, into)).filter((each) => /^(own|other)-/.test(each))).toEqual([`other-${from}`])
    expect(await loginsLeft(world, into)).toEqual([])
  })

  test('makes one identity of what one proof vouches for in both', async () => {
    const [into, from] = await pair()
    const joins = claimOf(
      'wechat',
      [...(await waysOf(world, into)), ...(await waysOf(world, from))].filter((each) => each.startsWith('unionid')),
    )
    await world.merges.merge({ into, from, proofs: await proofs(into, from), choices: {}, joins }, actor)
    const wechat = (await world.directory.find(into))?.identities.filter(({ provider }) => provider === 'wechat')
    expect(wechat?.map(({ subjects }) => [...subjects].sort())).toEqual([[...joins.subjects].sort()])
  })

  test('leaves no chain: what had become part of the one that goes stands for the one that stays', async () => {
    const [a, b] = await pair()
    const c = await world.person()
    await merge(b, a)
    await merge(c, b)
    expect(await survivorOf(world.home.database, a)).toBe(c)
    expect([...(await formerIdsOf(world.home.database, c))].sort()).toEqual([a, b].sort())
  })
})

describe('a merge is refused', () => {
  test('where a proof is missing, or of another account', async () => {
    const [into, from] = await pair()
    const [one] = await proofs(into)
    await expect(world.merges.merge({ into, from, proofs: [one, one], choices: {} }, actor)).rejects.toMatchObject({
      code: 'attempt.expired',
    })
  })

  test('where one of both signed out everywhere, lost the identity or was locked since it was proved', async () => {
    const since = async (change: (userId: UserId, phone: IdentityId) => Promise<unknown>) => {
      const [into, from] = await pair()
      const proved = await proofs(into, from)
      world.now += 1000
      const account = await world.directory.find(from)
      const phone = account?.identities.find(({ provider }) => provider === 'phone')?.id as IdentityId
      await change(from, phone)
      return world.merges.merge({ into, from, proofs: proved, choices: {} }, actor)
    }
    const ended = () => new Date(world.now)
    await expect(since((id) => knex()('users').where({ id }).update({ signed_out_at: ended() }))).rejects.toMatchObject(
      { code: 'attempt.expired' },
    )
    await expect(since((id) => setPasswordNow(id))).rejects.toMatchObject({ code: 'attempt.expired' })
    await expect(since((id, phone) => world.directory.unbind(id, phone, async () => undefined))).rejects.toMatchObject({
      code: 'attempt.expired',
    })
    await expect(since((id) => world.directory.setStatus(id, 'locked'))).rejects.toMatchObject({ code: 'merge.unfit' })
    await expect(since((id) => world.directory.setStatus(id, 'deleted'))).rejects.toMatchObject({
      code: 'attempt.expired',
    })
  })

  async function setPasswordNow(userId: UserId): Promise<void> {
    await knex()('passwords').insert({ user_id: userId, hash: 'x', updated_at: new Date(world.now) })
  }

  test('of an account with itself', async () => {
    const [into] = await pair()
    const both = await proofs(into, into)
    await expect(world.merges.merge({ into, from: into, proofs: both, choices: {} }, actor)).rejects.toMatchObject({
      code: 'merge.same',
    })
  })
})

describe('at once', () => {
  test('two merges that cross leave one account, and nothing half done', async () => {
    const [a, b] = await pair()
    const ways = [...(await waysOf(world, a)), ...(await waysOf(world, b))].sort()
    const proved = await proofs(a, b)
    const results = await Promise.allSettled([
      world.merges.merge({ into: a, from: b, proofs: proved, choices: {} }, actor),
      world.merges.merge({ into: b, from: a, proofs: proved, choices: {} }, actor),
    ])
    expect(results.map(({ status }) => status).sort()).toEqual(['fulfilled', 'rejected'])
    const survivor = await survivorOf(world.home.database, a)
    expect(await survivorOf(world.home.database, b)).toBe(survivor)
    expect(await waysOf(world, survivor)).toEqual(ways)
  })

  test('the same merge twice is done once, and the other is told that it is done', async () => {
    const [into, from] = await pair()
    const request = { into, from, proofs: await proofs(into, from), choices: {} }
    const results = await Promise.all([1, 2, 3].map(() => world.merges.merge(request, actor)))
    expect(results.filter((each) => each === 'already')).toHaveLength(2)
    expect(await knex()('merges').where({ from_user: from })).toHaveLength(1)
  })

  test('a merge beside the deletion of either leaves nothing of a deleted account', async () => {
    for (const which of [0, 1] as const) {
      const users = await pair()
      const [into, from] = users
      const request = { into, from, proofs: await proofs(into, from), choices: {} }
      await Promise.allSettled([world.merges.merge(request, actor), world.directory.setStatus(users[which], 'deleted')])
      for (const userId of users) {
        const account = await world.directory.find(userId)
        if (account?.user.status === 'deleted') expect(account.identities).toEqual([])
      }
      const left = await knex()('merges')
        .whereIn('into_user', [...users])
        .whereNotNull('kept')
      const alive = (await world.directory.find(into))?.user.status === 'active'
      expect(left.length > 0 && !alive).toBe(false)
    }
  })

  test('a merge beside the removal of a way in loses none and leaves none behind', async () => {
    const [into, from] = await pair()
    const account = await world.directory.find(from)
    const phone = account?.identities.find(({ provider }) => provider === 'phone')
    const request = { into, from, proofs: await proofs(into, from), choices: {} }
    const [merged, removed] = await Promise.allSettled([
      world.merges.merge(request, actor),
      world.directory.unbind(from, phone?.id as IdentityId, async () => undefined),
    ])
    expect([merged.status, removed.status].sort()).toEqual(['fulfilled', 'rejected'])
    const holder = merged.status === 'fulfilled' ? into : from
    expect((await waysOf(world, holder)).length).toBe(merged.status === 'fulfilled' ? 4 : 1)
  })
})
