import { randomBytes } from 'node:crypto'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { AccountDirectory } from '../../src/accounts/directory.ts'
import type { UserId } from '../../src/base/ids.ts'
import { clientPolicies } from '../../src/oidc/clients/client-policies.ts'
import { type Device, listDevices } from '../../src/oidc/endings/devices.ts'
import { type EndingScope, endRecords } from '../../src/oidc/endings/endings.ts'
import { sweepRecords } from '../../src/oidc/endings/sweep.ts'
import { type Thing, whatBecameOf } from '../../src/oidc/endings/why-stored.ts'
import { durableModels } from '../../src/oidc/library/stored-models.ts'
import { recordId } from '../../src/oidc/records/records.ts'
import type { CameBy } from '../../src/oidc/records/sign-in.ts'
import { createDatabase, type TestDatabase } from '../support/database.ts'

// What each clause of the statements about endings does to single rows, as the library stores them.

let own: TestDatabase
let directory: AccountDirectory
beforeAll(async () => {
  own = await createDatabase()
  directory = new AccountDirectory({ database: own.database, clock })
  const at = new Date(nowMs)
  const registered = (client_id: string, metadata: object) => ({
    client_id,
    metadata: JSON.stringify({ client_id, ...metadata }),
    created_at: at,
    updated_at: at,
  })
  const redirect_uris = ['https://app.example.com/callback']
  await own.database
    .knex('clients')
    .insert([
      registered('web', { first_party: true, redirect_uris, backchannel_logout_uri: 'https://app.example.com/out' }),
      registered('native', { first_party: true, application_type: 'native', redirect_uris }),
      registered('online', { first_party: true, application_type: 'native', redirect_uris }),
      registered('tv', { first_party: true }),
      registered('third', { redirect_uris }),
    ])
})
afterAll(() => own.drop())

const nowMs = Date.now()
const now = Math.floor(nowMs / 1000)
const clock = () => nowMs
const hour = 3600
let people = 0

interface Row {
  readonly model: keyof typeof durableModels
  readonly id: string
  readonly payload?: object
  readonly expires?: number
  readonly [column: string]: unknown
}

/** Somebody with these rows. Ids of rows are made their own, so that two people have none in common. */
async function person(...rows: readonly Row[]) {
  const number = ++people
  const claim = { provider: 'phone', subjects: [`+86137${String(number).padStart(8, '0')}`], profile: {} } as const
  const { user } = await directory.register(claim, { ip: '203.0.113.1' })
  const { knex } = own.database
  await knex('oidc_records').insert(
    rows.map(({ model, payload = {}, expires = now + hour, about, ...columns }) => ({
      ...columns,
      model: durableModels[model],
      payload: JSON.stringify({ iat: now - hour, ...payload }),
      expires_at: new Date(expires * 1000),
      user_id: user.id,
      about: about === undefined ? null : JSON.stringify(about),
    })),
  )
  return user.id
}

const unique = () => randomBytes(6).toString('hex')
const held = (...entries: readonly [client: string, grantId: string, persistsLogout?: boolean][]) =>
  Object.fromEntries(
    entries.map(([client, grantId, persistsLogout]) => [client, { grantId, sid: `sid-${grantId}`, persistsLogout }]),
  )

function session(uid: string, authorizations: object, more: Partial<Row> = {}): Row {
  return { model: 'Session', id: `s-${uid}`, uid, payload: { loginTs: now - hour, authorizations }, ...more }
}

function grant(id: string, clientId: string, more: Partial<Row> = {}): Row {
  return { model: 'Grant', id, payload: { clientId }, ...more }
}

function refresh(id: string, grantId: string, more: Partial<Row> = {}): Row {
  return { model: 'RefreshToken', id, grant_id: grantId, payload: { clientId: 'x' }, ...more }
}

async function left(userId: UserId): Promise<string[]> {
  const rows = await own.database.knex('oidc_records').where({ user_id: userId }).orderBy('id')
  return rows.map(({ id }) => id)
}

async function lines(userId: UserId) {
  const rows = await own.database.knex('audit_events').where({ user_id: userId }).orderBy('id')
  return rows.map(({ event, at, detail }) => ({ event, at: at.getTime(), ...detail }))
}

const end = (userId: UserId, scope: EndingScope) =>
  endRecords({ database: own.database, clock }, userId, scope, { reason: 'device' })
const sweep = () => sweepRecords(own.database, clock)

describe('an ending', () => {
  /** Two browsers with every kind of client, an app of its own, and tokens of each. */
  async function twoBrowsers() {
    const u = unique()
    const bound = { payload: { expiresWithSession: true } }
    const browser = (name: string) => [
      session(
        `${name}-${u}`,
        held(
          ['web', `${name}-web-${u}`, true],
          ['native', `${name}-native-${u}`, true],
          ['tv', `${name}-tv-${u}`, true],
          ['third', `${name}-third-${u}`, true],
          ['gone', `${name}-gone-${u}`, true],
          // Not for offline use, whoever's it is.
          ['online', `${name}-online-${u}`],
        ),
      ),
      ...['web', 'native', 'tv', 'third', 'gone', 'online'].flatMap((client) => [
        grant(`${name}-${client}-${u}`, client),
        refresh(`${name}-${client}-token-${u}`, `${name}-${client}-${u}`, { session_uid: `${name}-${u}` }),
      ]),
      refresh(`${name}-bound-${u}`, `${name}-native-${u}`, { session_uid: `${name}-${u}`, ...bound }),
    ]
    const userId = await person(
      ...browser('here'),
      ...browser('there'),
      grant(`app-${u}`, 'native'),
      refresh(`app-token-${u}`, `app-${u}`),
    )
    const all = (await left(userId)).map((id) => id.replace(`-${u}`, ''))
    const kept = async () => (await left(userId)).map((id) => id.replace(`-${u}`, ''))
    return { u, userId, all, kept }
  }
  const staying = ['native', 'tv', 'third']
  const remains = (name: string) => staying.flatMap((client) => [`${name}-${client}`, `${name}-${client}-token`])

  test('of one session takes what ends with it, and leaves what stands on its own', async () => {
    const { u, userId, all, kept } = await twoBrowsers()
    const { sessions, grants, records } = await end(userId, { kind: 'session', sessionUid: `here-${u}` })
    const gone = all.filter((id) => /^(s-)?here/.test(id) && !remains('here').includes(id))
    expect(await kept()).toEqual(all.filter((id) => !gone.includes(id)))
    expect(gone).toEqual([
      'here-bound',
      'here-gone',
      'here-gone-token',
      'here-online',
      'here-online-token',
      'here-web',
      'here-web-token',
      's-here',
    ])
    expect({ sessions, grants, records }).toEqual({ sessions: 1, grants: 3, records: gone.length })
  })

  test('of the others leaves this session and what ends with it', async () => {
    const { u, userId, kept } = await twoBrowsers()
    await end(userId, { kind: 'others', sessionUid: `here-${u}`, withApps: false })
    expect(await kept()).toEqual([
      'here-bound',
      'here-gone',
      'here-gone-token',
      'here-online',
      'here-online-token',
      'here-web',
      'here-web-token',
      's-here',
    ])
  })

  test('of the others with their apps leaves this session and its grants, and no token', async () => {
    const { u, userId, kept } = await twoBrowsers()
    await end(userId, { kind: 'others', sessionUid: `here-${u}`, withApps: true })
    expect(await kept()).toEqual([
      'here-gone',
      'here-native',
      'here-online',
      'here-third',
      'here-tv',
      'here-web',
      's-here',
    ])
  })

  test('of one grant takes its tokens and nothing else', async () => {
    const { u, userId, all, kept } = await twoBrowsers()
    await end(userId, { kind: 'grant', grantId: `here-native-${u}` })
    const gone = ['here-native', 'here-native-token', 'here-bound']
    expect(await kept()).toEqual(all.filter((id) => !gone.includes(id)))
  })

  test('of all leaves nothing, and nothing of anybody else', async () => {
    const [one, other] = [await twoBrowsers(), await twoBrowsers()]
    await end(one.userId, { kind: 'all' })
    expect(await one.kept()).toEqual([])
    expect(await other.kept()).toEqual(other.all)
  })

  const by = (...ways: CameBy[]) => ({ about: { by: ways } })
  const [removed, another] = ['idn_removed' as CameBy, 'idn_another' as CameBy]

  test('of what came by something takes every session and grant of it, and what was taken from those', async () => {
    const u = unique()
    const here = { session_uid: `here-${u}` }
    const userId = await person(
      session(`here-${u}`, held(['native', `here-native-${u}`, true]), by(removed)),
      grant(`here-native-${u}`, 'native', by(another)),
      refresh(`here-token-${u}`, `here-native-${u}`, here),
      // It was taken from the session, and is in it no longer.
      grant(`left-${u}`, 'tv', by(another)),
      refresh(`left-token-${u}`, `left-${u}`, here),
      { model: 'AuthorizationCode', id: `code-${u}`, ...here },
      session(`there-${u}`, held(['native', `there-native-${u}`, true]), by(another)),
      grant(`there-native-${u}`, 'native', by(another)),
      refresh(`there-token-${u}`, `there-native-${u}`, { session_uid: `there-${u}` }),
      grant(`app-${u}`, 'native', by(another, removed)),
      refresh(`app-token-${u}`, `app-${u}`),
      // Of before logins said what they came by.
      session(`old-${u}`, held(['web', `old-web-${u}`])),
      grant(`old-web-${u}`, 'web', by(another)),
      grant(`old-app-${u}`, 'native', { about: { method: 'sms' } }),
    )
    await end(userId, { kind: 'by', by: removed })
    expect(await left(userId)).toEqual([`s-there-${u}`, `there-native-${u}`, `there-token-${u}`])
  })

  test('of what came by something spares the session that is named, with what hangs on that', async () => {
    const u = unique()
    const userId = await person(
      session(`here-${u}`, held(['native', `here-native-${u}`, true]), by(removed)),
      grant(`here-native-${u}`, 'native', by(removed)),
      refresh(`here-token-${u}`, `here-native-${u}`, { session_uid: `here-${u}` }),
      session(`there-${u}`, {}, by(removed)),
    )
    await end(userId, { kind: 'by', by: removed, sessionUid: `here-${u}` })
    expect(await left(userId)).toEqual([`here-native-${u}`, `here-token-${u}`, `s-here-${u}`])
  })

  test('is noted of sessions somebody was signed in to and of grants, and told to the clients that asked', async () => {
    const u = unique()
    const userId = await person(
      session(`here-${u}`, held(['web', `web-${u}`], ['native', `native-${u}`])),
      { ...session(`nobody-${u}`, held(['web', `old-${u}`])), payload: {} },
      grant(`web-${u}`, 'web'),
      refresh(`token-${u}`, `web-${u}`),
      session(`past-${u}`, held(['web', `past-web-${u}`]), { expires: now - 60 }),
    )
    await end(userId, { kind: 'all' })
    const noted = await lines(userId)
    expect(noted.map(({ event, reason, session: uid, grant: id, at }) => [event, reason, uid ?? id, at])).toEqual(
      expect.arrayContaining([
        ['session.ended', 'device', `here-${u}`, nowMs],
        ['grant.revoked', 'device', `web-${u}`, nowMs],
        ['session.ended', 'expired', `past-${u}`, (now - 60) * 1000],
      ]),
    )
    expect(noted).toHaveLength(3)
    expect(noted.find(({ grant: id }) => id === `web-${u}`)).toMatchObject({ tokens: [`token-${u}`] })
    const told = await own.database.knex('logout_notices').where({ user_id: userId }).select('client_id', 'sid')
    expect(told).toEqual([{ client_id: 'web', sid: `sid-web-${u}` }])
  })
})

describe('the list of devices', () => {
  const list = async (userId: UserId) => {
    const { devices: found } = await listDevices({ database: own.database, clock }, userId)
    return found.map(({ kind, id, clientIds }: Device) => [kind, id, ...clientIds])
  }

  test('has sessions with the clients that end with them, and grants that stand on their own', async () => {
    const u = unique()
    const userId = await person(
      session(
        `here-${u}`,
        held(['web', `web-${u}`, true], ['native', `native-${u}`, true], ['third', `third-${u}`, true]),
      ),
      ...['web', 'native', 'third'].flatMap((client) => [
        grant(`${client}-${u}`, client),
        refresh(`${client}-token-${u}`, `${client}-${u}`),
      ]),
    )
    expect((await list(userId)).toSorted()).toEqual([
      ['grant', `native-${u}`, 'native'],
      ['grant', `third-${u}`, 'third'],
      ['session', `here-${u}`, 'web'],
    ])
  })

  test('has nothing that is over, that nobody signed in to, or that no token is left of', async () => {
    const u = unique()
    const over = { expires: now - 1 }
    const userId = await person(
      session(`past-${u}`, held(['web', `left-${u}`]), over),
      { ...session(`nobody-${u}`, {}), payload: {} },
      // Its session is over, and so it stands on its own.
      grant(`left-${u}`, 'web'),
      refresh(`left-token-${u}`, `left-${u}`),
      grant(`bare-${u}`, 'native'),
      grant(`used-${u}`, 'native'),
      refresh(`used-token-${u}`, `used-${u}`, { consumed_at: new Date(nowMs) }),
      grant(`ended-${u}`, 'native'),
      refresh(`ended-token-${u}`, `ended-${u}`, over),
      grant(`bound-${u}`, 'native'),
      refresh(`bound-token-${u}`, `bound-${u}`, { payload: { expiresWithSession: true } }),
      grant(`past-${u}`, 'native', over),
      refresh(`past-token-${u}`, `past-${u}`),
      grant(`opaque-${u}`, 'native'),
      { model: 'AccessToken', id: `opaque-token-${u}`, grant_id: `opaque-${u}` },
      grant(`code-${u}`, 'native'),
      { model: 'AuthorizationCode', id: `code-code-${u}`, grant_id: `code-${u}` },
    )
    expect((await list(userId)).toSorted()).toEqual([
      ['grant', `left-${u}`, 'web'],
      ['grant', `opaque-${u}`, 'native'],
    ])
  })

  test('says of a grant when its refresh token was used last and until when it lasts', async () => {
    const u = unique()
    const [used, until] = [now - 100, now + 7 * hour]
    const userId = await person(
      grant(`app-${u}`, 'native'),
      { model: 'AccessToken', id: `access-${u}`, grant_id: `app-${u}`, expires: until + hour },
      refresh(`short-${u}`, `app-${u}`, { expires: now + 10 }),
      refresh(`long-${u}`, `app-${u}`, { expires: until, used_at: new Date(used * 1000) }),
    )
    const [device] = (await listDevices({ database: own.database, clock }, userId)).devices
    expect(device).toMatchObject({ expiresAt: new Date(until * 1000), lastUsedAt: new Date(used * 1000) })
    expect(device?.createdAt).toEqual(new Date((now - hour) * 1000))
  })
})

describe('the sweep', () => {
  const past = { expires: now - hour }

  test('notes sessions and the last family of a grant, and nothing else', async () => {
    const u = unique()
    const signedIn = { method: 'sms', device: 'phone' }
    const userId = await person(
      session(`here-${u}`, held(['web', `web-${u}`]), past),
      { ...session(`nobody-${u}`, {}, past), payload: {} },
      grant(`app-${u}`, 'native', { about: signedIn }),
      refresh(`last-${u}`, `app-${u}`, { ...past, payload: { clientId: 'native' } }),
      refresh(`used-${u}`, `used-${u}`, { ...past, consumed_at: new Date(nowMs) }),
      refresh(`bound-${u}`, `bound-${u}`, { ...past, payload: { expiresWithSession: true } }),
      refresh(`earlier-${u}`, `several-${u}`, past),
      refresh(`later-${u}`, `several-${u}`),
      refresh(`alone-${u}`, `alone-${u}`, past),
      // A used one lasts longer, and is none to go on with.
      refresh(`alone-used-${u}`, `alone-${u}`, { consumed_at: new Date(nowMs) }),
      refresh(`equal-${u}`, `equal-${u}`, past),
      { model: 'AccessToken', id: `access-${u}`, grant_id: `equal-${u}`, expires: now + hour },
      grant(`past-${u}`, 'web', past),
    )
    await sweep()
    const noted = await lines(userId)
    expect(noted.map(({ event, session: uid, grant: id, tokens }) => [event, uid ?? id, tokens]).toSorted()).toEqual([
      ['grant.expired', `alone-${u}`, [`alone-${u}`]],
      ['grant.expired', `app-${u}`, [`last-${u}`]],
      ['grant.expired', `equal-${u}`, [`equal-${u}`]],
      ['session.ended', `here-${u}`, undefined],
    ])
    expect(noted.find(({ grant: id }) => id === `app-${u}`)).toMatchObject({ reason: 'expired', ...signedIn })
    expect(noted.find(({ session: uid }) => uid === `here-${u}`)).toMatchObject({
      key: `s-here-${u}`,
      login_at: now - hour,
      clients: ['web'],
    })
    expect(await left(userId)).toEqual([`access-${u}`, `alone-used-${u}`, `app-${u}`, `later-${u}`].toSorted())
  })

  test("takes what is nobody's, codes and access tokens after a minute, and everything else after an hour", async () => {
    const u = unique()
    const ended = (seconds: number) => ({ expires: now - seconds })
    const userId = await person(
      session(`mine-${u}`, {}, ended(hour - 1)),
      { model: 'DeviceCode', id: `entered-${u}`, ...ended(hour - 1) },
      { model: 'AuthorizationCode', id: `code-${u}`, ...ended(60) },
      { model: 'AccessToken', id: `access-${u}`, ...ended(60) },
      { model: 'AccessToken', id: `told-${u}`, ...ended(59) },
    )
    const { knex } = own.database
    const stranger = (model: number, id: string, expires: number) => ({
      model,
      id: `${id}-${u}`,
      payload: '{}',
      expires_at: new Date(expires * 1000),
    })
    await knex('oidc_records').insert([
      stranger(durableModels.Session, 'session', now - 60),
      stranger(durableModels.DeviceCode, 'device', now - 60),
      stranger(durableModels.ClientCredentials, 'machine', now - 60),
      stranger(durableModels.Session, 'alive', now + hour),
      stranger(durableModels.Session, 'told', now - 59),
    ])
    await sweep()
    expect(await left(userId)).toEqual([`entered-${u}`, `s-mine-${u}`, `told-${u}`])
    const rows = await knex('oidc_records').whereNull('user_id').whereLike('id', `%-${u}`).orderBy('id')
    expect(rows.map(({ id }) => id)).toEqual([`alive-${u}`, `told-${u}`])
  })

  test('looks at what does not go yet in the minute in which it may, and at once at what somebody made shorter', async () => {
    const u = unique()
    const userId = await person(session(`used-${u}`, {}, { expires: now + hour }))
    const row = () => own.database.knex('oidc_records').where({ user_id: userId })
    const minute = async () => (await row().first())?.sweep_minute
    expect(await minute()).toBe(0)
    await sweep()
    const first = await minute()
    expect(first * 60).toBeGreaterThanOrEqual(now + 2 * hour)
    expect((first - 1) * 60).toBeLessThan(now + 2 * hour)
    await row().update({ expires_at: new Date((now + 9 * hour) * 1000) })
    expect(await minute()).toBe(first)
    await row().update({ expires_at: new Date((now - hour) * 1000) })
    await sweep()
    expect(await minute()).toBeUndefined()
  })

  test('looks again at what was used since, and at nothing else', async () => {
    const u = unique()
    const due = { sweep_minute: Math.floor(now / 60) }
    const userId = await person(
      { ...session(`used-${u}`, {}, { expires: now + 9 * hour }), ...due },
      { ...session(`past-${u}`, {}, past), ...due },
      { ...session(`later-${u}`, {}, past), sweep_minute: due.sweep_minute + 1 },
    )
    await sweep()
    expect(await left(userId)).toEqual([`s-later-${u}`, `s-used-${u}`])
    const used = await own.database
      .knex('oidc_records')
      .where({ uid: `used-${u}` })
      .first('sweep_minute')
    expect(used?.sweep_minute).toBe(Math.ceil((now + 10 * hour) / 60))
  })

  test('of many processes at once arms and deletes each row once', async () => {
    const u = unique()
    const rows = Array.from({ length: 700 }, (_, n) => [
      session(`gone-${n}-${u}`, {}, past),
      session(`kept-${n}-${u}`, {}, { expires: now + n }),
    ])
    const userId = await person(...rows.flat())
    await Promise.all([sweep(), sweep(), sweep()])
    await sweep()
    expect((await left(userId)).filter((id) => id.startsWith('s-gone'))).toEqual([])
    expect((await lines(userId)).filter(({ event }) => event === 'session.ended')).toHaveLength(700)
    expect(await own.database.knex('oidc_records').where({ user_id: userId, sweep_minute: 0 })).toEqual([])
  })
})

describe('what became of something', () => {
  const slides = { idle: hour, max: 30 * 24 * hour }
  const defaults = { access: 600, session: slides, refresh: slides }
  const policies = clientPolicies({ clients: [], resources: new Map(), defaults })
  const families = { recall: () => undefined }
  const ask = async (thing: Thing) => {
    const found = await whatBecameOf({ database: own.database, clock, policies, families }, thing)
    return found.map(({ event, id, at, device, clientIds }) => ({
      ...{ event, id, device, clientIds },
      at: at.getTime() / 1000,
    }))
  }

  test('says of a grant that it lives as long as an unused refresh token of it', async () => {
    const u = unique()
    await person(
      grant(`app-${u}`, 'native', { about: { device: 'phone' } }),
      refresh(`one-${u}`, `app-${u}`, { expires: now + 2 * hour }),
      refresh(`used-${u}`, `app-${u}`, { expires: now + 9 * hour, consumed_at: new Date(nowMs) }),
      { model: 'AccessToken', id: `access-${u}`, grant_id: `app-${u}`, expires: now + 8 * hour },
    )
    expect(await ask({ id: `app-${u}` })).toEqual([
      { event: 'grant.alive', id: `app-${u}`, at: now + 2 * hour, device: 'phone', clientIds: ['native'] },
    ])
  })

  test('says of a session which clients it has', async () => {
    const u = unique()
    await person(session(`here-${u}`, held(['native', `n-${u}`], ['web', `w-${u}`])), session(`bare-${u}`, {}))
    expect(await ask({ id: `here-${u}` })).toMatchObject([{ event: 'session.alive', clientIds: ['web', 'native'] }])
    expect(await ask({ id: `bare-${u}` })).toMatchObject([{ event: 'session.alive', clientIds: [] }])
  })

  test('says of a token whether it lives, by its own end, its grant, and a session it is bound to', async () => {
    const u = unique()
    const bound = { expiresWithSession: true }
    const inside = (id: string, sessionUid: string, payload: object) =>
      refresh(recordId('RefreshToken', `${id}-${u}`), `app-${u}`, { session_uid: `${sessionUid}-${u}`, payload })
    await person(
      grant(`app-${u}`, 'native', { about: { device: 'phone' } }),
      grant(`past-${u}`, 'native', { expires: now - 1 }),
      session(`here-${u}`, {}),
      session(`over-${u}`, {}, { expires: now - 1 }),
      inside('bound', 'here', bound),
      inside('bound-over', 'over', bound),
      inside('bound-gone', 'gone', bound),
      inside('free', 'gone', {}),
      refresh(recordId('RefreshToken', `ungranted-${u}`), `gone-${u}`),
      refresh(recordId('RefreshToken', `past-${u}`), `past-${u}`),
      refresh(recordId('RefreshToken', `used-${u}`), `app-${u}`, { consumed_at: new Date(nowMs - 5000) }),
      { model: 'AuthorizationCode', id: recordId('RefreshToken', `code-${u}`), consumed_at: new Date(nowMs) },
      { model: 'ClientCredentials', id: recordId('RefreshToken', `machine-${u}`) },
      { model: 'AccessToken', id: recordId('RefreshToken', `over-${u}`), grant_id: `app-${u}`, expires: now - 1 },
    )
    const eventsOf = async (token: string) => (await ask({ token: `${token}-${u}` })).map(({ event }) => event)
    expect(await eventsOf('bound')).toEqual(['token.alive'])
    expect(await eventsOf('free')).toEqual(['token.alive'])
    expect(await eventsOf('machine')).toEqual(['token.alive'])
    expect(await eventsOf('bound-gone')).toEqual([])
    expect(await eventsOf('bound-over')).toEqual(['session.ended'])
    expect(await eventsOf('ungranted')).toEqual([])
    expect(await eventsOf('past')).toEqual([])
    expect(await eventsOf('over')).toEqual(['token.expired'])
    expect(await eventsOf('used')).toEqual(['token.used'])
    expect(await eventsOf('code')).toEqual(['token.used'])
    expect(await ask({ token: `bound-${u}` })).toMatchObject([{ id: `app-${u}`, device: 'phone' }])
  })
})
