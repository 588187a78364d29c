import pg from 'pg'
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest'
import { damageIn } from '../../soak/rows.ts'
import { durableModels } from '../../src/oidc/library/stored-models.ts'
import { createDatabase, type TestDatabase } from '../support/database.ts'

let home: TestDatabase
let client: pg.Client
beforeAll(async () => {
  home = await createDatabase()
  client = new pg.Client({ connectionString: home.url })
  await client.connect()
})
afterAll(async () => {
  await client.end()
  await home.drop()
})
beforeEach(async () => {
  await client.query('begin')
  await user('usr_1')
  await client.query(`insert into clients (client_id, metadata, created_at, updated_at) select id, '{}', now(), now()
    from unnest(array['app', 'app-brief', 'web', 'web-sliding']) id`)
  await record('Grant', { id: 'g' })
  await record('Session', { id: 's', uid: 'uid', payload: { loginTs: nowSeconds(-10) }, seconds: 800 })
  await record('RefreshToken', { id: 'r', grant_id: 'g', payload: { iiat: nowSeconds(-10) }, seconds: 100 })
  await client.query(
    `insert into keys (id, use, alg, state, secret, created_at) values ('k', 'sig', 'ES256', 'current', 'x', now())`,
  )
})
afterEach(() => client.query('rollback'))

const nowSeconds = (more = 0) => Math.floor(Date.now() / 1000) + more

async function user(id: string, status = 'active'): Promise<void> {
  await client.query('insert into users (id, status, created_at, updated_at) values ($1, $2, now(), now())', [
    id,
    status,
  ])
  await identity(`idn_${id}`, id)
  await client.query(
    `insert into identity_subjects (identity_id, provider, subject, position, created_at) values ($1, 'phone', $1, 0, now())`,
    [`idn_${id}`],
  )
}

async function identity(id: string, userId: string): Promise<void> {
  await client.query(
    `insert into identities (id, user_id, provider, created_at, created_ip, last_used_at, last_used_ip) values ($1, $2, 'phone', now(), '', now(), '')`,
    [id, userId],
  )
}

interface Row {
  readonly id: string
  readonly user_id?: string | null
  readonly grant_id?: string
  readonly session_uid?: string
  readonly uid?: string
  readonly payload?: Readonly<Record<string, unknown>>
  /** How long it has left. */
  readonly seconds?: number
}

async function record(model: keyof typeof durableModels, row: Row): Promise<void> {
  const { id, user_id: userId = 'usr_1', grant_id: grantId, session_uid: sessionUid, uid, payload, seconds = 100 } = row
  await client.query(
    `insert into oidc_records (model, id, user_id, grant_id, session_uid, uid, payload, expires_at)
      values ($1, $2, $3, $4, $5, $6, $7, now() + make_interval(secs => $8))`,
    [
      durableModels[model],
      id,
      userId,
      grantId,
      sessionUid,
      uid,
      JSON.stringify({ clientId: 'app', ...payload }),
      seconds,
    ],
  )
}

async function event(userId: string, at: string): Promise<void> {
  await client.query(`insert into audit_events (at, event, user_id) values (${at}, 'login.succeeded', $1)`, [userId])
}

test('what belongs together is no damage', async () => {
  expect(await damageIn(client)).toEqual([])
})

test.each<[string, () => Promise<void>]>([
  ['records of a user that is not there', () => record('Grant', { id: 'x', user_id: 'usr_nobody' })],
  [
    'live records of a user that is not active',
    async () => {
      await user('usr_2', 'locked')
      await record('Grant', { id: 'x', user_id: 'usr_2' })
    },
  ],
  [
    'sessions that somebody is signed in to, without a user',
    () => record('Session', { id: 'x', user_id: null, payload: { loginTs: nowSeconds() } }),
  ],
  ['codes and tokens without their grant', () => record('AccessToken', { id: 'x', grant_id: 'gone' })],
  [
    'live tokens bound to a session that is not there',
    () => record('AccessToken', { id: 'x', grant_id: 'g', session_uid: 'gone', payload: { expiresWithSession: true } }),
  ],
  [
    'records of one user that hang on a grant of another',
    async () => {
      await user('usr_2')
      await record('AccessToken', { id: 'x', user_id: 'usr_2', grant_id: 'g' })
    },
  ],
  [
    'live records of a client that is not registered',
    () => record('Grant', { id: 'x', payload: { clientId: 'gone' } }),
  ],
  ['logins of an app with more than one live refresh token', () => record('RefreshToken', { id: 'x', grant_id: 'g' })],
  [
    'sessions that live beyond their limit',
    () => record('Session', { id: 'x', payload: { loginTs: nowSeconds(-1790) }, seconds: 20 }),
  ],
  [
    'refresh tokens of app-brief beyond their limits',
    () => record('RefreshToken', { id: 'x', payload: { clientId: 'app-brief', iiat: nowSeconds(-890) }, seconds: 20 }),
  ],
  [
    'access tokens of web-sliding beyond their limits',
    () => record('AccessToken', { id: 'x', payload: { clientId: 'web-sliding', iat: nowSeconds() }, seconds: 170 }),
  ],
  ['identities that lead from nothing', () => identity('idn_x', 'usr_1')],
  [
    'active users whom nobody can log in as',
    async () => {
      await client.query(
        `insert into users (id, status, created_at, updated_at) values ('usr_2', 'active', now(), now())`,
      )
    },
  ],
  ['audit events of a user that is not there', () => event('usr_nobody', 'now()')],
  ['audit events of the future', () => event('usr_1', `now() + interval '1 hour'`)],
  [
    'a use without exactly one key that signs, or with two that wait',
    async () => {
      await client.query(`update keys set state = 'previous'`)
    },
  ],
])('%s are found', async (what, damage) => {
  await damage()
  expect((await damageIn(client)).map((each) => each.what)).toEqual([what])
})
