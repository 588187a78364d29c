import { readFileSync } from 'node:fs'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { durableModels } from '../../src/oidc/library/stored-models.ts'
import { api, clients, redirectUri, resources } from '../support/clients.ts'
import { exchange, loginBySms, startLogin, subjectOf } from '../support/login.ts'
import { NativeApp, nativeClients } from '../support/native-app.ts'
import { openWorld, type World } from '../support/world.ts'

/** So many copies of what is measured lie beside each other, so that pages and indexes are as full as in a large table. */
const copies = 1000
/** What is written down may differ from what is measured by so much. */
const tolerance = 0.12

const docs = readFileSync(new URL('../../docs/operations.md', import.meta.url), 'utf8')
/** The table of docs/operations.md, as it is written. */
const written = new Map(
  [...(docs.split('\n## Growth\n')[1] ?? '').split('\n## ')[0]!.matchAll(/^\| ([^|]+) \| ([\d ]+) \|/gm)].map(
    ([, what = '', bytes = '']) => [what, Number(bytes.replaceAll(' ', ''))] as const,
  ),
)

const { Session, Grant, AuthorizationCode, RefreshToken, AccessToken } = durableModels

describe('what stays of people and their logins', () => {
  let world: World
  const knex = () => world.database.database.knex

  beforeAll(async () => {
    world = await openWorld()
    await world.register({ clients: [...clients, ...nativeClients] as never, resources })
  })
  afterAll(() => world.close())

  /** Bytes with all indexes of the rows of a table that a condition names, among many like them. */
  const bytesOf = (table: string, where: string, value: string) =>
    world.database.database.maintenance(async (own) => {
      const [columns, [options]] = await Promise.all([
        own
          .raw(
            `select attname as name, format_type(atttypid, null) as type from pg_attribute
           where attrelid = cast(? as regclass) and attnum > 0 and not attisdropped`,
            [table],
          )
          .then(({ rows }) => rows as readonly { name: string; type: string }[]),
        own
          .raw(`select array_to_string(reloptions, ', ') as text from pg_class where oid = cast(? as regclass)`, [
            table,
          ])
          .then(({ rows }) => rows as readonly { text: string | null }[]),
      ])
      // What is unique or looked up by is another in each copy, and of the same length.
      const names = ['id', 'grant_id', 'uid', 'session_uid', 'user_id', 'identity_id', 'subject', 'key']
      const changed = columns
        .filter(({ name, type }) => names.includes(name) && (type === 'text' || type === 'bigint'))
        .map(({ name, type }) =>
          type === 'bigint'
            ? `'${name}', t.${name} + 1000 * n`
            : `'${name}', left(translate(encode(sha256(cast(t.${name} || n as bytea)), 'base64'), '+/=', '-_A'), length(t.${name}))`,
        )
      const like = `(like ${table} including all)`
      await own.raw(`create table copies ${like} ${options?.text ? `with (${options.text})` : ''}`)
      await own.raw(
        `insert into copies overriding system value
       select (jsonb_populate_record(t, jsonb_strip_nulls(jsonb_build_object(${changed.join(', ')})))).*
       from ${table} t cross join generate_series(1, ${copies}) n where ${where}`,
        [value],
      )
      await own.raw('vacuum copies')
      const { rows } = await own.raw(`select pg_total_relation_size('copies') as bytes`)
      await own.raw('drop table copies')
      return Number(rows[0].bytes) / copies
    })
  const records = (userId: string, ...models: readonly number[]) =>
    bytesOf('oidc_records', `model in (${models.join()}) and user_id = ?`, userId)
  const ofUser = 'user_id = ?'

  async function appLogin(app: NativeApp, phone: string, more = {}) {
    await app.challenge({ method: 'sms', phone, ...more })
    return app.exchange(await app.challenge({ otp: await world.otp(`+86${phone}`) }))
  }

  test('is what docs/operations.md says, and a family that is refreshed again and again does not grow', async () => {
    const scope = 'openid profile phone offline_access orders:read'
    const app = await new NativeApp(world, 'ios').withKey()
    let tokens = await appLogin(app, '13500000020', { scope, resource: api })
    const userId = subjectOf(tokens as never)
    const plainApp = new NativeApp(world, 'mp')
    let plain = await appLogin(plainApp, '13500000021')
    const plainId = subjectOf(plain as never)
    const request = startLogin(world, 'web', redirectUri, { scope })
    const { location } = await loginBySms(world, world.visitor(), request, '13500000022')
    const onPage = subjectOf(await exchange(world, 'web', redirectUri, location))
    const count = async (table: string, id: string) => (await knex()(table).where({ user_id: id })).length
    const audited = await bytesOf('audit_events', ofUser, userId)

    const measured: Record<string, number> = {
      'an account with a phone number':
        (await bytesOf('users', 'id = ?', userId)) +
        (await bytesOf('identities', ofUser, userId)) +
        (await bytesOf('identity_subjects', 'identity_id in (select id from identities where user_id = ?)', userId)),
      'a line of the audit': audited / (await count('audit_events', userId)),
      'the lines of a login': audited,
      'the code of a login': await records(userId, AuthorizationCode),
      'an access token that is no JWT': await records(plainId, AccessToken),
      'a login on a page: session, grant, refresh token': await records(onPage, Session, Grant, RefreshToken),
      'a device that is known by its key': await bytesOf('known_devices', ofUser, userId),
    }
    const rows = () =>
      knex()('oidc_records').where({ user_id: plainId }).whereNot({ model: AccessToken }).count('* as rows').first()
    const before = await rows()
    for (let n = 0; n < 1000; n++) {
      plain = await plainApp.refresh(plain)
      if (n % 100 === 0) tokens = await app.refresh(tokens)
    }
    expect(await rows()).toEqual(before)
    expect(await count('audit_events', plainId)).toBe(2)
    Object.assign(measured, {
      'a refresh, and a used refresh token': 0,
      'a login in an app after 1 000 refreshes: grant, refresh token': await records(plainId, Grant, RefreshToken),
      'the same with a key and an API': await records(userId, Grant, RefreshToken),
    })

    const rounded = Object.entries(measured).map(([what, bytes]) => [what, Math.round(bytes / 10) * 10] as const)
    const told = JSON.stringify(rounded)
    expect([...written.keys()].sort(), told).toEqual(rounded.map(([what]) => what).sort())
    const isOff = (what: string, bytes: number) => Math.abs((written.get(what) ?? 0) - bytes) > bytes * tolerance
    expect(
      rounded.filter(([what, bytes]) => isOff(what, bytes)),
      told,
    ).toEqual([])
  }, 120_000)
})
