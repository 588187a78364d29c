import { randomBytes } from 'node:crypto'
import type { Knex } from 'knex'
import { afterAll, describe, expect, test } from 'vitest'
import type { IdentityId } from '../../src/base/ids.ts'
import { type DurableModel, durableModels } from '../../src/oidc/library/stored-models.ts'
import { type Changes, recordStore } from '../../src/oidc/records/record-store.ts'
import type { RecordRow } from '../../src/oidc/records/records.ts'
import { renewSignIn } from '../../src/oidc/renew-sign-in.ts'
import { noChanges } from '../support/changes.ts'
import { createDatabase, untilLocked } from '../support/database.ts'

const { database, drop } = await createDatabase()
afterAll(drop)

// PostgreSQL looks for a deadlock once, a second after a wait began: only who closes the circle, by waiting last, is sure to be undone.
test('of two that wait for each other the one that is undone writes all the same', async () => {
  const { knex } = database
  const at = new Date()
  const model = durableModels.AccessToken
  const ids = ['a', 'b', 'c']
  await knex('oidc_records').insert(ids.map((id) => ({ model, id, payload: '{}', expires_at: at })))
  const later = Math.floor(at.getTime() / 1000) + 3600
  const slides = ids.map((id) => ({ model: 'AccessToken' as const, id, expiresAt: later }))
  const gate = await knex.transaction()
  const other = await knex.transaction()
  try {
    await other.raw("set local deadlock_timeout = '10min'")
    await other('oidc_records').where({ id: 'c' }).update({ payload: '{"other":1}' })
    await gate('oidc_records').where({ id: 'b' }).forUpdate()
    const written = recordStore({ database, perClient: 20 }).write({ ...noChanges, at: later, slides })
    await untilLocked(knex)
    const otherWrites = other('oidc_records').where({ id: 'a' }).update({ payload: '{"other":1}' })
    const othersEnd = otherWrites.then(() => other.commit())
    await untilLocked(knex, 2)
    await gate.commit()
    const [wrote] = await Promise.all([written, othersEnd])
    expect(wrote.isAllowed).toBe(true)
  } finally {
    await Promise.all([gate, other].filter((each) => !each.isCompleted()).map((each) => each.rollback()))
  }
  const rows = await knex('oidc_records').select('id', 'payload', 'expires_at').orderBy('id')
  expect(rows.map((row) => [row.id, row.payload, row.expires_at.getTime() / 1000])).toEqual([
    ['a', '{"other":1}', later],
    ['b', '{}', later],
    ['c', '{"other":1}', later],
  ])
})

// What each clause of the statements that write does to single rows.
const store = recordStore({ database, perClient: 20 })
const now = Math.floor(Date.now() / 1000)
const unique = () => randomBytes(6).toString('hex')
const empty = { payload: '{}', grantId: null, uid: null, userCode: null, sessionUid: null, userId: null, since: null }
const row = (model: DurableModel, id: string, more: Partial<RecordRow> = {}): RecordRow => ({
  ...empty,
  ...{ model, id, expiresAt: now + 600 },
  ...more,
})
const write = (changes: Partial<Changes>) => store.write({ ...noChanges, at: now, ...changes })
const put = (...rows: readonly RecordRow[]) => write({ rows })
const find = (model: DurableModel, id: string) =>
  database.knex('oidc_records').where({ model: durableModels[model], id }).first()
const end = async (model: DurableModel, id: string) => (await find(model, id))?.expires_at.getTime() / 1000
const used = async (model: DurableModel, id: string) => ((await find(model, id))?.used_at ?? null)?.getTime() / 1000
const consuming = (model: DurableModel, id: string) => ({
  consumed: { model, id, successor: null, isForgotten: false },
})

describe('a row that is written again', () => {
  test('has the new values, and no longer the old since', async () => {
    const id = unique()
    const others = { grantId: `g-${id}`, sessionUid: `s-${id}`, userId: `u-${id}`, userCode: `c-${id}` }
    await put(row('Grant', id, { payload: '{"a":1}', since: now - 500 }))
    await put(row('Grant', id, { payload: '{"a":2}', ...others, since: now - 60, expiresAt: now + 900 }))
    expect(await find('Grant', id)).toMatchObject({
      payload: '{"a":2}',
      grant_id: `g-${id}`,
      session_uid: `s-${id}`,
      user_id: `u-${id}`,
      user_code: `c-${id}`,
      since: new Date((now - 60) * 1000),
      expires_at: new Date((now + 900) * 1000),
    })
  })

  test('keeps what it says of the login unless that is said anew', async () => {
    const id = unique()
    await put(row('Grant', id, { about: '{"n":1}' }))
    await put(row('Grant', id))
    expect((await find('Grant', id)).about).toBe('{"n":1}')
    await put(row('Grant', id, { about: '{"n":2}' }))
    expect((await find('Grant', id)).about).toBe('{"n":2}')
  })
})

describe('a value', () => {
  test.each([
    ['token', 'Session'],
    ['token', 'Grant'],
    ['token', 'DeviceCode'],
    ['deviceCode', 'AccessToken'],
    ['session', 'AccessToken'],
    ['grant', 'Session'],
  ] as const)('that is asked for as a %s is no %s', async (by, model) => {
    const id = unique()
    await put(row(model, id))
    expect(await store.read(by, id)).toBeUndefined()
  })

  test('is found as what it is, with the grant and the session it hangs on', async () => {
    const id = unique()
    const payload = (name: string) => ({ payload: `{"is":"${name}"}` })
    const [code, uid] = [{ userCode: `c-${id}` }, `uid-${id}`]
    await put(
      row('Grant', id, payload('grant')),
      row('Session', id, { uid, ...payload('session') }),
      row('DeviceCode', id, { ...code, ...payload('device') }),
      row('AccessToken', `t-${id}`, { grantId: id, sessionUid: uid, ...payload('token') }),
      row('AccessToken', `lone-${id}`, { grantId: uid, userCode: `no-${id}` }),
      row('Session', uid),
    )
    expect(await store.read('grant', id)).toMatchObject(payload('grant'))
    expect(await store.read('session', id)).toMatchObject(payload('session'))
    expect(await store.read('userCode', code.userCode)).toMatchObject(payload('device'))
    expect(await store.read('userCode', `no-${id}`)).toBeUndefined()
    const related = { grant_payload: '{"is":"grant"}', session_payload: '{"is":"session"}', session_id: id }
    expect(await store.read('token', `t-${id}`)).toMatchObject({ ...payload('token'), ...related })
    expect(await store.read('token', `lone-${id}`)).toMatchObject({ grant_payload: null, session_payload: null })
  })
})

describe('a slide', () => {
  test('reaches the row of its model only', async () => {
    const id = unique()
    await put(row('AccessToken', id), row('RefreshToken', id))
    await write({ slides: [{ model: 'AccessToken', id, expiresAt: now + 900 }] })
    expect([await end('AccessToken', id), await end('RefreshToken', id)]).toEqual([now + 900, now + 600])
  })

  test('notes the use of a session that gains nothing once an hour, and of nothing else', async () => {
    const id = unique()
    await put(row('Session', id), row('AccessToken', id))
    const slideAt = (at: number) =>
      write({ at, slides: (['Session', 'AccessToken'] as const).map((model) => ({ model, id, expiresAt: now + 60 })) })
    await slideAt(now)
    await slideAt(now + 3599)
    expect(await used('Session', id)).toBe(now)
    await slideAt(now + 3600)
    expect(await used('Session', id)).toBe(now + 3600)
    expect((await find('AccessToken', id)).used_at).toBe(null)
    expect([await end('Session', id), await end('AccessToken', id)]).toEqual([now + 600, now + 600])
  })
})

describe('what consumes', () => {
  // Codes and tokens are consumed many together; what issues anything else is by itself.
  test.each(['AccessToken', 'Grant'] as const)('and issues %s does so once, of its own model', async (issued) => {
    const id = unique()
    await put(row('RefreshToken', id), row('AuthorizationCode', id))
    const issue = (n: number) => write({ ...consuming('RefreshToken', id), rows: [row(issued, `${n}-${id}`)] })
    expect(await issue(1)).toEqual({ isAllowed: true })
    expect(await issue(2)).toEqual({ isAllowed: false })
    expect([await find(issued, `1-${id}`), await find(issued, `2-${id}`)]).toEqual([expect.anything(), undefined])
    expect((await find('AuthorizationCode', id)).consumed_at).toBe(null)
    expect(await store.useOf('AuthorizationCode', id)).toMatchObject({ consumed: null })
    expect(await store.useOf('RefreshToken', id)).toMatchObject({ consumed: now })
  })

  test('together gives each its own: who lost issues nothing', async () => {
    const [one, two] = [unique(), unique()]
    await put(row('RefreshToken', one), row('AuthorizationCode', two), row('RefreshToken', two))
    await write(consuming('RefreshToken', two))
    const wrote = await Promise.all([
      write({ ...consuming('RefreshToken', one), rows: [row('AccessToken', `1-${one}`)] }),
      write({ ...consuming('RefreshToken', two), rows: [row('AccessToken', `2-${one}`)] }),
      write({ ...consuming('AuthorizationCode', two), rows: [row('AccessToken', `3-${one}`)] }),
    ])
    expect(wrote.map(({ isAllowed }) => isAllowed)).toEqual([true, false, true])
    const issued = await Promise.all([1, 2, 3].map((n) => find('AccessToken', `${n}-${one}`)))
    expect(issued.map((each) => each !== undefined)).toEqual([true, false, true])
  })
})

describe('a login', () => {
  const atMs = now * 1000

  /** Somebody with an identity and a password of then. */
  async function person({ ended, changed }: { readonly ended?: number; readonly changed?: number } = {}) {
    const u = unique()
    const [user, identity] = [`usr_${u}`, `idn_${u}` as IdentityId]
    const { knex } = database
    const times = { created_at: new Date(atMs), updated_at: new Date(atMs) }
    await knex('users').insert({
      id: user,
      status: 'active',
      ...times,
      proofs_ended_at: ended ? new Date(ended) : null,
    })
    const ip = { created_ip: '', last_used_ip: '', created_at: new Date(atMs), last_used_at: new Date(atMs) }
    await knex('identities').insert({ id: identity, user_id: user, provider: 'phone', ...ip })
    if (changed) await knex('passwords').insert({ user_id: user, hash: 'x', updated_at: new Date(changed) })
    return identity
  }

  /** What comes of a session that is written while another request has changed something and not committed it. */
  async function meanwhile(
    needed: { readonly required?: string; readonly identity?: IdentityId },
    change: (trx: Knex.Transaction) => Promise<unknown>,
    afterwards: (trx: Knex.Transaction) => Promise<unknown> = async () => {},
  ): Promise<boolean> {
    const id = unique()
    const other = await database.knex.transaction()
    try {
      // Who closes a circle of waits is then the one that is undone.
      await other.raw("set local deadlock_timeout = '10ms'")
      await change(other)
      const identities = needed.identity === undefined ? [] : [needed.identity]
      const required = needed.required === undefined ? [] : [needed.required]
      const changes = { rows: [row('Session', id)], required, needed: { identities, unendedSince: atMs } }
      const writing = write(changes)
      await untilLocked(database.knex)
      await afterwards(other)
      await other.commit()
      expect((await find('Session', id)) !== undefined).toBe((await writing).isAllowed)
      return (await writing).isAllowed
    } finally {
      if (!other.isCompleted()) await other.rollback()
    }
  }

  async function isLetIn(identities: readonly IdentityId[], unendedSince?: number) {
    const id = unique()
    const { isAllowed } = await write({ rows: [row('Session', id)], needed: { identities, unendedSince } })
    expect((await find('Session', id)) !== undefined).toBe(isAllowed)
    return isAllowed
  }

  test('needs every identity it was made with', async () => {
    const identity = await person()
    expect(await isLetIn([identity])).toBe(true)
    expect(await isLetIn([identity, 'idn_gone' as IdentityId])).toBe(false)
  })

  test('ends with a password that was chosen, or proofs that were ended, after it began', async () => {
    const [changed, ended] = [await person({ changed: atMs }), await person({ ended: atMs })]
    for (const identity of [changed, ended]) {
      expect(await isLetIn([identity], atMs - 1)).toBe(false)
      expect(await isLetIn([identity], atMs)).toBe(true)
      expect(await isLetIn([identity])).toBe(true)
    }
  })

  test('waits for who ends what it needs, and is not let in', async () => {
    const uid = `uid-${unique()}`
    await put(row('Session', uid, { uid }))
    expect(await meanwhile({ required: uid }, (trx) => trx('oidc_records').where({ uid }).delete())).toBe(false)

    const locked = await person()
    const ended = { proofs_ended_at: new Date(atMs + 1) }
    const users = (trx: Knex.Transaction, identity: IdentityId) =>
      trx('users').whereIn('id', trx('identities').where({ id: identity }).select('user_id'))
    expect(await meanwhile({ identity: locked }, (trx) => users(trx, locked).update(ended))).toBe(false)

    const changed = await person({ changed: atMs })
    const chosen = { updated_at: new Date(atMs + 1) }
    const passwords = (trx: Knex.Transaction) =>
      trx('passwords').whereIn('user_id', trx('identities').where({ id: changed }).select('user_id'))
    expect(await meanwhile({ identity: changed }, (trx) => passwords(trx).update(chosen))).toBe(false)

    const removed = await person()
    const remove = (trx: Knex.Transaction) => trx('identities').where({ id: removed }).delete()
    expect(await meanwhile({ identity: removed }, remove)).toBe(false)
  })

  test('waits for the account first, as whoever takes a way in away, so that neither is undone', async () => {
    const identity = await person()
    const lock = (trx: Knex.Transaction) =>
      trx('users')
        .whereIn('id', trx('identities').where({ id: identity }).select('user_id'))
        .forNoKeyUpdate()
    const remove = (trx: Knex.Transaction) => trx('identities').where({ id: identity }).delete()
    expect(await meanwhile({ identity }, lock, remove)).toBe(false)
  })

  test('is not let in by an identity of somebody else', async () => {
    const [mine, theirs] = [await person(), await person({ ended: atMs + 1 })]
    expect(await isLetIn([mine], atMs)).toBe(true)
    expect(await isLetIn([mine, theirs], atMs)).toBe(false)
  })
})

describe('a request that is not allowed', () => {
  test('inserts, slides and changes nothing, and ends what it ends', async () => {
    const id = unique()
    const [uid, gone] = [`uid-${id}`, `gone-${id}`]
    await put(
      row('Session', id, { uid }),
      row('AccessToken', id),
      row('Grant', gone),
      row('RefreshToken', gone, { grantId: id }),
    )
    const session = {
      uid,
      id,
      payload: '{"a":1}',
      removedAuthorizations: [],
      changedAuthorizations: '{}',
      expiresAt: now + 900,
    }
    const wrote = await write({
      required: ['nowhere'],
      rows: [row('AccessToken', `new-${id}`)],
      slides: [{ model: 'AccessToken', id, expiresAt: now + 900 }],
      sessions: [session],
      deletes: [['Grant', gone]],
      revokedGrants: [id],
    })
    expect(wrote).toEqual({ isAllowed: false, ended: { [id]: [gone] } })
    expect(await find('AccessToken', `new-${id}`)).toBeUndefined()
    expect(await end('AccessToken', id)).toBe(now + 600)
    expect(await find('Session', id)).toMatchObject({ payload: '{}', expires_at: new Date((now + 600) * 1000) })
    expect([await find('Grant', gone), await find('RefreshToken', gone)]).toEqual([undefined, undefined])
    expect(await write({ required: [uid], rows: [row('AccessToken', `new-${id}`)] })).toMatchObject({ isAllowed: true })
  })

  test('says the last tokens of what it deletes', async () => {
    const id = unique()
    await put(row('RefreshToken', id, { grantId: id }))
    expect(await write({ deletes: [['RefreshToken', id]] })).toEqual({ isAllowed: true, ended: { [id]: [id] } })
  })

  test('says of each grant the last five: live ones first, then those that were used last', async () => {
    const grants = [unique(), unique()]
    const usedAt = { c: now - 10, b: now - 20, a: now - 30 }
    for (const grantId of grants) {
      const token = (model: DurableModel, name: string, expiresAt: number) =>
        row(model, `${name}-${grantId}`, { grantId, expiresAt })
      await put(
        token('AuthorizationCode', 'g', now + 900),
        token('RefreshToken', 'f', now + 600),
        token('AccessToken', 'd', now + 300),
        token('AccessToken', 'e', now + 900),
        ...['a', 'b', 'c'].map((name) => token('RefreshToken', name, now + 900)),
      )
      for (const [name, at] of Object.entries(usedAt)) {
        await database
          .knex('oidc_records')
          .where({ id: `${name}-${grantId}` })
          .update({ consumed_at: new Date(at * 1000) })
      }
    }
    const { ended } = await write({ revokedGrants: grants })
    const last = grants.map((grantId) => [grantId, ['f', 'e', 'd', 'c', 'b'].map((name) => `${name}-${grantId}`)])
    expect(ended).toEqual(Object.fromEntries(last))
  })

  test('deletes what it names, of its own model, and says nothing of a token without a grant', async () => {
    const id = unique()
    await put(row('AccessToken', id), row('Session', id))
    expect(await write({ deletes: [['AccessToken', id]] })).toEqual({ isAllowed: true, ended: {} })
    expect([await find('AccessToken', id), (await find('Session', id))?.id]).toEqual([undefined, id])
  })
})

test('a session that changes ends no sooner, notes its use, and says whose it is and what was said last of its login', async () => {
  const id = unique()
  const uid = `uid-${id}`
  await put(row('Session', id, { uid, about: '{"n":1}' }))
  const change = { uid, id, payload: '{}', removedAuthorizations: [], changedAuthorizations: '{}', expiresAt: now + 60 }
  await write({ sessions: [change] })
  expect([await end('Session', id), await used('Session', id)]).toEqual([now + 600, now])
  expect((await find('Session', id)).about).toBe('{"n":1}')
  await write({ sessions: [{ ...change, about: '{"n":2}' }] })
  expect((await find('Session', id)).about).toBe('{"n":2}')
  await write({ sessions: [{ ...change, payload: '{"accountId":"usr_next"}' }] })
  expect((await find('Session', id)).user_id).toBe('usr_next')
})

test('a grant ends with what came of it, and no other row of its name', async () => {
  const id = unique()
  await put(row('Grant', id), row('RefreshToken', `t-${id}`, { grantId: id }), row('Session', id))
  expect(await store.endGrant(id)).toEqual({ [id]: [`t-${id}`] })
  expect([await find('Grant', id), await find('RefreshToken', `t-${id}`)]).toEqual([undefined, undefined])
  expect(await find('Session', id)).toBeDefined()
})

test('a login counts from now where that is said: for one session or one grant', async () => {
  const [uid, grantId] = [`uid-${unique()}`, `grant-${unique()}`]
  const about = '{"begunAt":1,"method":"sms"}'
  const rows = [row('Session', uid, { uid, about }), row('Grant', grantId, { about }), row('Grant', uid, { about })]
  const others = [row('Session', grantId, { uid: grantId, about }), row('Session', unique(), { uid: unique(), about })]
  await put(...rows, ...others)
  const begunAt = async (model: DurableModel, id: string) => JSON.parse((await find(model, id)).about).begunAt
  const all = () => Promise.all([...rows, ...others].map(({ model, id }) => begunAt(model, id)))
  await renewSignIn({ database, clock: () => 7 }, { sessionUid: uid })
  expect(await all()).toEqual([7, 1, 1, 1, 1])
  await renewSignIn({ database, clock: () => 8 }, { grantId })
  expect(await all()).toEqual([7, 8, 1, 1, 1])
  await renewSignIn({ database, clock: () => 9 }, { grantId })
  expect(JSON.parse((await find('Grant', grantId)).about)).toEqual({ begunAt: 9, loginBegunAt: 1, method: 'sms' })
  await put(row('Grant', `none-${grantId}`))
  await renewSignIn({ database, clock: () => 8 }, { grantId: `none-${grantId}` })
  expect((await find('Grant', `none-${grantId}`)).about).toBe(null)
})
