import { randomBytes } from 'node:crypto'
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { Secret } from '../../src/base/secret.ts'
import { durableModels, type Payload } from '../../src/oidc/library/stored-models.ts'
import { type Adapter, adapterFactory } from '../../src/oidc/records/adapter.ts'
import { browsers } from '../../src/oidc/records/browsers.ts'
import { familyTokens } from '../../src/oidc/records/family-tokens.ts'
import { type UnitOfWork, unitOfWork } from '../../src/oidc/records/unit-of-work.ts'
import type { EphemeralStore } from '../../src/store/ephemeral.ts'
import { redisStore } from '../../src/store/redis.ts'
import { type Sealer, sealer } from '../../src/store/seal.ts'
import { tableStore } from '../../src/store/tables.ts'
import { createDatabase, type TestDatabase } from '../support/database.ts'
import { redisPrefix, redisUrl } from '../support/redis.ts'

const stores: Record<string, (db: TestDatabase) => EphemeralStore> = {
  'PostgreSQL and Redis': () => redisStore({ url: new Secret(redisUrl()), clock: Date.now, prefix: redisPrefix() }),
  'PostgreSQL only': ({ database }) => tableStore({ database, clock: Date.now }),
}

const nowSeconds = () => Math.floor(Date.now() / 1000)
const newValue = () => randomBytes(32).toString('base64url')

describe.each(Object.entries(stores))('the adapter on %s', (_, openStore) => {
  let db: TestDatabase
  let store: EphemeralStore
  let seal: Sealer
  let units: UnitOfWork
  let adapter: (model: string) => Adapter

  beforeAll(async () => {
    db = await createDatabase()
    store = openStore(db)
    seal = sealer({ keys: [new Secret(randomBytes(32).toString('base64url'))] })
  })
  beforeEach(() => {
    units = unitOfWork({ database: db.database, clock: Date.now, perClient: 20, families: familyTokens(seal) })
    const visitors = browsers({ secure: true, mac: (secret) => seal.mac('browser', secret) })
    adapter = adapterFactory({
      units,
      store,
      marks: store,
      sealer: seal,
      clock: Date.now,
      browsers: visitors,
      ownJwt: async () => undefined,
      retrySeconds: () => 60,
    })
  })
  afterAll(async () => {
    await store.close()
    await db.drop()
  })

  const payload = (model: string, value: string, more: Payload = {}): Payload => ({
    kind: model,
    jti: value,
    iat: nowSeconds(),
    exp: nowSeconds() + 600,
    ...more,
  })

  test.each([...Object.keys(durableModels), 'Interaction', 'PushedAuthorizationRequest'])(
    '%s comes back as it was saved, and is gone after destroy',
    async (model) => {
      const value = newValue()
      const saved = payload(model, value, { accountId: 'usr_x', nested: { text: '门神 😀 \u0001 \\u0000 "quoted"' } })
      if (model === 'Session') saved['uid'] = newValue()
      await adapter(model).upsert(value, saved, 600)
      expect(await adapter(model).find(value)).toEqual(saved)
      expect(await adapter(model).find(newValue())).toBeUndefined()
      await adapter(model).destroy(value)
      expect(await adapter(model).find(value)).toBeUndefined()
    },
  )

  test.each([...Object.keys(durableModels), 'Interaction', 'PushedAuthorizationRequest'])(
    '%s is refused with what could not be read as JSON of the database',
    async (model) => {
      for (const text of ['\u0000', '\ud800']) {
        const value = newValue()
        const saving = adapter(model).upsert(value, payload(model, value, { nested: { text } }), 600)
        await expect(saving).rejects.toThrow('invalid_request')
        expect(await adapter(model).find(value)).toBeUndefined()
      }
    },
  )

  test('nothing in the database can be presented as a code, a token or a cookie', async () => {
    const values = Object.keys(durableModels)
      .filter((model) => model !== 'Grant')
      .map((model) => [model, newValue()] as const)
    for (const [model, value] of values) {
      await adapter(model).upsert(value, payload(model, value, { uid: newValue(), userCode: 'BCDFGHJK' }), 600)
    }
    const dump = JSON.stringify(await db.database.knex('oidc_records').select('*'))
    for (const [, value] of values) expect(dump).not.toContain(value)
    expect(dump).not.toContain('BCDFGHJK')
  })

  test.each(['AuthorizationCode', 'RefreshToken', 'DeviceCode'])(
    'of 20 callers who consume one %s one wins, and only what the winner wrote exists',
    async (model) => {
      const value = newValue()
      const grantId = newValue()
      await adapter(model).upsert(value, payload(model, value, { grantId }), 600)
      const successors = Array.from({ length: 20 }, newValue)
      const won = await Promise.all(
        successors.map((successor) =>
          units.run(async () => {
            expect(await adapter(model).find(value)).toBeDefined()
            await adapter(model).consume(value)
            await adapter('AccessToken').upsert(successor, payload('AccessToken', successor, { grantId }), 600)
          }),
        ),
      )
      expect(won.filter(Boolean)).toHaveLength(1)
      const found = await Promise.all(successors.map((successor) => adapter('AccessToken').find(successor)))
      expect(found.map((each) => each !== undefined)).toEqual(won)
      expect((await adapter(model).find(value))?.['consumed']).toBeTypeOf('number')
    },
  )

  test('a pushed request is used once among 20 callers', async () => {
    const value = newValue()
    await adapter('PushedAuthorizationRequest').upsert(value, payload('PushedAuthorizationRequest', value), 60)
    const results = await Promise.allSettled(
      Array.from({ length: 20 }, () => adapter('PushedAuthorizationRequest').consume(value)),
    )
    expect(results.filter((each) => each.status === 'fulfilled')).toHaveLength(1)
  })

  test('of 20 equal proofs at once one is unseen', async () => {
    const value = newValue()
    const seen = await Promise.all(Array.from({ length: 20 }, () => adapter('ReplayDetection').find(value)))
    expect(seen.filter((each) => each === undefined)).toHaveLength(1)
  })

  test.each(['AccessToken', 'ClientCredentials'] as const)(
    '%s lives on when used, never shorter and never again',
    async (model) => {
      const value = newValue()
      const expiry = async () => (await adapter(model).find(value))?.['exp']
      const first = nowSeconds() + 600
      const slideTo = (expiresAt: number) => units.run(async (unit) => unit.slide(model, value, expiresAt))
      await adapter(model).upsert(value, payload(model, value, { nested: '\u0001' }), 600)
      await slideTo(first + 100)
      expect(await expiry()).toBe(first + 100)
      await Promise.all([50, 300, 200, 250].map((more) => slideTo(first + more)))
      expect(await expiry()).toBe(first + 300)
      await adapter(model).destroy(value)
      await slideTo(first + 900)
      expect(await adapter(model).find(value)).toBeUndefined()
    },
  )

  test('what a request uses lives on in the statement that consumes and issues, and only if it won', async () => {
    const [used, grantId] = [newValue(), newValue()]
    await adapter('RefreshToken').upsert(used, payload('RefreshToken', used, { grantId }), 600)
    await adapter('Grant').upsert(grantId, payload('Grant', grantId), 600)
    const until = nowSeconds() + 9000
    const refresh = (expiresAt: number) =>
      units.run(async (unit) => {
        await adapter('RefreshToken').consume(used)
        unit.slide('Grant', grantId, expiresAt)
      })
    expect(await refresh(until)).toBe(true)
    expect((await adapter('Grant').find(grantId))?.['exp']).toBe(until)
    expect(await refresh(until + 9000)).toBe(false)
    expect((await adapter('Grant').find(grantId))?.['exp']).toBe(until)
  })

  test('a failed request writes nothing', async () => {
    const value = newValue()
    const failing = units.run(async () => {
      await adapter('AccessToken').upsert(value, payload('AccessToken', value), 600)
      throw new Error('the request failed')
    })
    await expect(failing).rejects.toThrow('the request failed')
    expect(await adapter('AccessToken').find(value)).toBeUndefined()
  })

  test('a request sees its own writes', async () => {
    const value = newValue()
    await units.run(async () => {
      await adapter('Grant').upsert(value, payload('Grant', value), 600)
      expect(await adapter('Grant').find(value)).toBeDefined()
      await adapter('Grant').destroy(value)
      expect(await adapter('Grant').find(value)).toBeUndefined()
    })
    expect(await adapter('Grant').find(value)).toBeUndefined()
  })

  test('revoking by grant reaches every model and no other grant', async () => {
    const mine = newValue()
    const other = newValue()
    const models = ['AuthorizationCode', 'RefreshToken', 'AccessToken', 'DeviceCode']
    const ids = new Map<string, string>()
    for (const model of models) {
      for (const grantId of [mine, other]) {
        const value = newValue()
        ids.set(`${model}:${grantId}`, value)
        await adapter(model).upsert(value, payload(model, value, { grantId }), 600)
      }
    }
    await adapter('AccessToken').revokeByGrantId(mine)
    for (const model of models) {
      expect(await adapter(model).find(ids.get(`${model}:${mine}`) as string)).toBeUndefined()
      expect(await adapter(model).find(ids.get(`${model}:${other}`) as string)).toBeDefined()
    }
  })

  test('a session is found by its uid, a device code by its user code', async () => {
    const session = newValue()
    const uid = newValue()
    await adapter('Session').upsert(session, payload('Session', session, { uid, accountId: 'usr_x' }), 600)
    expect(await adapter('Session').findByUid(uid)).toMatchObject({ uid, accountId: 'usr_x' })
    expect(await adapter('Session').findByUid(newValue())).toBeUndefined()

    const device = newValue()
    const saved = payload('DeviceCode', device, { userCode: 'WDJBMJHX' })
    await adapter('DeviceCode').upsert(device, saved, 600)
    expect(await adapter('DeviceCode').findByUserCode('WDJBMJHX')).toEqual(saved)
    expect(await adapter('DeviceCode').findByUserCode('AAAABBBB')).toBeUndefined()
  })

  describe('sessions', () => {
    async function newSession(more: Payload = {}): Promise<{ id: string; uid: string }> {
      const [id, uid] = [newValue(), newValue()]
      await adapter('Session').upsert(id, payload('Session', id, { uid, accountId: 'usr_x', ...more }), 600)
      return { id, uid }
    }

    /** What the library does in one request: load, change, save. */
    const change = (id: string, edit: (session: Payload) => void, saveAs = id) =>
      units.run(async () => {
        const loaded = (await adapter('Session').find(id)) as Payload
        const session = structuredClone(loaded)
        edit(session)
        if (saveAs !== id) await adapter('Session').destroy(id)
        await adapter('Session').upsert(saveAs, { ...session, jti: saveAs }, 600)
      })

    const authorize = (client: string) => (session: Payload) => {
      session['authorizations'] = {
        ...(session['authorizations'] as object),
        [client]: { sid: client, grantId: client },
      }
    }

    test('two sign-ons that read the same session at once keep both entries', async () => {
      const { id } = await newSession()
      let readers = 0
      let bothHaveRead: () => void = () => {}
      const barrier = new Promise<void>((resolve) => {
        bothHaveRead = resolve
      })
      await Promise.all(
        ['one', 'two'].map((client) =>
          units.run(async () => {
            const session = structuredClone((await adapter('Session').find(id)) as Payload)
            if (++readers === 2) bothHaveRead()
            await barrier
            authorize(client)(session)
            await adapter('Session').upsert(id, session, 600)
          }),
        ),
      )
      const after = (await adapter('Session').find(id)) as { authorizations: object }
      expect(Object.keys(after.authorizations).sort()).toEqual(['one', 'two'])
    })

    test('a client that was removed stays removed', async () => {
      const { id } = await newSession({ authorizations: { one: { sid: 'a' }, two: { sid: 'b' } } })
      await change(id, (session) => {
        delete (session['authorizations'] as Record<string, unknown>)['one']
      })
      expect(((await adapter('Session').find(id)) as { authorizations: object }).authorizations).toEqual({
        two: { sid: 'b' },
      })
    })

    test('a session that was destroyed meanwhile is not brought back', async () => {
      const { id, uid } = await newSession()
      await units.run(async () => {
        const session = structuredClone((await adapter('Session').find(id)) as Payload)
        await db.database.knex('oidc_records').where({ uid }).delete()
        authorize('late')(session)
        await adapter('Session').upsert(id, session, 600)
      })
      expect(await adapter('Session').findByUid(uid)).toBeUndefined()
    })

    test('a new identifier replaces the old one', async () => {
      const { id, uid } = await newSession()
      const next = newValue()
      await change(id, authorize('one'), next)
      expect(await adapter('Session').find(id)).toBeUndefined()
      expect(await adapter('Session').find(next)).toMatchObject({ uid, authorizations: { one: { sid: 'one' } } })
    })

    test('an unchanged session is written again only when its expiry has moved a good deal', async () => {
      const { id } = await newSession()
      const expiry = async () => ((await adapter('Session').find(id)) as { exp: number }).exp
      const first = await expiry()
      await change(id, (session) => {
        session['exp'] = first + 3
      })
      expect(await expiry()).toBe(first)
      await change(id, (session) => {
        session['exp'] = first + 3600
      })
      expect(await expiry()).toBe(first + 3600)
    })
  })
})
