import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { afterEach, beforeEach, describe, expect, onTestFinished, test, vi } from 'vitest'
import { buildApp } from '../../src/build/app.ts'
import { loadConfig } from '../../src/config/config.ts'
import { createLog } from '../../src/ops/log.ts'
import { openShell, type Result, runChild, runCommand, type Shell, secretKey } from '../support/cli.ts'
import { eventually } from '../support/patience.ts'
import { freePort } from '../support/services.ts'

const secret = 'a-secret-of-more-than-32-characters!'
const seed = `resources:
  - resource: https://api.example.com
    scopes: [orders:read, orders:write]
    access_token: { format: jwt, ttl: 10m }
clients:
  - client_id: web
    client_name: Example Web
    first_party: true
    application_type: web
    token_endpoint_auth_method: none
    redirect_uris: [https://app.example.com/callback]
    post_logout_redirect_uris: [https://app.example.com/]
    default_resource: https://api.example.com
    scope: openid profile phone offline_access orders:read
    lifetimes: { refresh: { idle: 30d, max: 180d }, session: { idle: 14d, max: 30d } }
  - client_id: backend
    token_endpoint_auth_method: client_secret_basic
    client_secret: { env: BACKEND_SECRET }
    default_resource: https://api.example.com
    grant_types: [client_credentials]
`

const key =
  'kty: EC, crv: P-256, x: MKBCTNIcKUSDii11ySs3526iDZ8AiTo7Tu6KPAqv7D4, y: 4Etl6SRW2YiLUrN5vfvVHuhp7x8PxltmWWlbbM4IFyM'
/** Every field that a file may have, as far as they go together. */
const everything = `resources:
  - resource: https://legacy.example.com
    scopes: [read, write]
    access_token:
      format: opaque
      sliding: { idle: 30m, max: 12h }
      claims: [phone_number, nickname]
      introspected_by: [keyed]
clients:
  - client_id: keyed
    client_name: Keyed
    token_endpoint_auth_method: private_key_jwt
    jwks: { keys: [{ ${key}, kid: one, alg: ES256, use: sig }, { ${key}, kid: three, use: sig }] }
    grant_types: [authorization_code, refresh_token]
    redirect_uris: [https://b.example.com/callback, https://a.example.com/callback]
    post_logout_redirect_uris: [https://b.example.com/, https://a.example.com/]
    allowed_origins: [https://b.example.com, https://a.example.com]
    default_resource: https://legacy.example.com
    scope: openid   profile offline_access write read
    lifetimes: { access: { idle: 30m, max: 12h }, session: { idle: 14d, max: 30d }, refresh: { idle: 30d, max: none } }
    client_uri: https://a.example.com/
    brand: { name: { en: Keyed }, color: '#0b6654' }
    policy_uri: https://a.example.com/policy
    tos_uri: https://a.example.com/terms
    contacts: [b@example.com, a@example.com]
    filing_number: A-1
    id_token_signed_response_alg: RS256
    backchannel_logout_uri: https://a.example.com/logout
    backchannel_logout_session_required: true
    require_pushed_authorization_requests: true
    dpop_bound_access_tokens: true
    default_max_age: 3600
    default_acr_values: ['urn:menshen:acr:possession', 'urn:menshen:acr:knowledge']
    initiate_login_uri: https://a.example.com/login
  - client_id: app
    first_party: true
    require_phone: true
    application_type: native
    token_endpoint_auth_method: none
    redirect_uris: ['com.example.app:/callback']
    attestation: { jwks: { keys: [{ ${key} }] }, required: true }
`

let shell: Shell
const apply = (...argv: string[]) => shell.runWith({ BACKEND_SECRET: secret }, 'clients', 'apply', ...argv)
const clientRows = () => shell.database.database.knex('clients').select('*').orderBy('client_id')
const events = async () =>
  (await shell.database.database.knex('audit_events').whereNot('event', 'key.created').orderBy('id')).map(
    ({ event, client_id, detail }) => ({ event, client_id, detail }),
  )
const version = async () => (await shell.database.database.knex('catalog_versions').first('version')).version

/** Every row of every table. */
async function everyRow(): Promise<unknown> {
  const { knex } = shell.database.database
  const { rows } = await knex.raw<{ rows: { name: string }[] }>(
    "select relname as name from pg_class where relkind = 'r' and relnamespace = 'public'::regnamespace order by relname",
  )
  const found = rows.map(async ({ name }) => [
    name,
    (await knex.raw(`select to_jsonb(t) from "${name}" t order by 1`)).rows,
  ])
  return Object.fromEntries(await Promise.all(found))
}

beforeEach(async () => {
  shell = await openShell()
  const { close } = shell
  onTestFinished(close)
  await shell.write('seed.yaml', seed)
})

describe('a first apply', () => {
  test('creates what the file says; a second one says no changes and writes nothing', async () => {
    const first = await apply('seed.yaml')
    expect(first).toEqual({
      status: 0,
      stdout: 'created: resource https://api.example.com\ncreated: client web\ncreated: client backend\n',
      stderr: 'applied; running servers follow within seconds\n',
    })
    const rows = await clientRows()
    expect(rows.map(({ client_id }) => client_id)).toEqual(['backend', 'web'])
    expect(JSON.stringify(rows)).not.toContain(secret)
    expect(await events()).toEqual([
      {
        event: 'resource.created',
        client_id: null,
        detail: { operator: 'alice', resource: 'https://api.example.com' },
      },
      { event: 'client.created', client_id: 'web', detail: { operator: 'alice' } },
      { event: 'client.created', client_id: 'backend', detail: { operator: 'alice' } },
    ])

    const before = await version()
    expect(await apply('seed.yaml')).toEqual({ status: 0, stdout: 'no changes\n', stderr: '' })
    expect(await apply('seed.yaml', '--dry-run')).toEqual({ status: 0, stdout: 'no changes\n', stderr: '' })
    expect(await clientRows()).toEqual(rows)
    expect(await events()).toHaveLength(3)
    expect(await version()).toBe(before)
  })

  test('settles for every field of a client and of a resource, in whatever order a file has members', async () => {
    await shell.write('all.yaml', everything)
    expect(await apply('all.yaml')).toMatchObject({
      status: 0,
      stdout: expect.stringContaining('created: client keyed'),
    })
    expect(await apply('all.yaml')).toEqual({ status: 0, stdout: 'no changes\n', stderr: '' })
    const turned = everything
      .replaceAll(/(kty: EC), (crv: P-256), (x: \S+), (y: \w+)/g, '$4, $3, $2, $1')
      .replace(/(attestation: \{) (.*), (required: true) \}/, '$1 $3, $2 }')
    expect(turned).not.toBe(everything)
    await shell.write('all.yaml', turned)
    expect(await apply('all.yaml', '--dry-run')).toEqual({ status: 0, stdout: 'no changes\n', stderr: '' })
    await shell.write('all.yaml', everything.replace('kid: one', 'kid: two'))
    const changed = await apply('all.yaml', '--dry-run')
    expect([changed.status, changed.stdout]).toEqual([3, expect.stringContaining('changed: client keyed')])
  })

  test('as a dry run is status 3 and writes nothing', async () => {
    const dry = await apply('seed.yaml', '--dry-run')
    expect(dry).toMatchObject({ status: 3, stderr: 'dry run: nothing was written\n' })
    expect(dry.stdout).toContain('created: client backend')
    expect(await clientRows()).toEqual([])
    expect(await events()).toEqual([])
  })

  test('as a dry run leaves every table as it was, keys included, whatever it would create, change, make or prune', async () => {
    const changed = seed.replace('Example Web', 'Another').replace('client_id: backend', 'client_id: other')
    await shell.write('changed.yaml', changed.replace('{ env: BACKEND_SECRET }', '{ generate: true }'))
    const empty = await everyRow()
    expect((await apply('seed.yaml', '--dry-run')).status).toBe(3)
    expect(await everyRow()).toEqual(empty)

    expect((await apply('seed.yaml')).status).toBe(0)
    const applied = await everyRow()
    const dry = await apply('changed.yaml', '--prune', '--dry-run', '--json')
    expect(dry.status).toBe(3)
    expect(JSON.parse(dry.stdout)).toMatchObject({ applied: false })
    expect(dry.stdout).not.toMatch(/[A-Za-z0-9_-]{43}/)
    expect(await everyRow()).toEqual(applied)
  })

  test('takes several files as one', async () => {
    const [resources = '', clients = ''] = seed.split('clients:')
    await shell.write('apis.yaml', resources)
    await shell.write('apps.yaml', `clients:${clients}`)
    expect((await apply('apps.yaml', 'apis.yaml')).status).toBe(0)
    expect((await apply('seed.yaml')).stdout).toBe('no changes\n')
  })
})

describe('two at once', () => {
  test('are done one after the other, and the second sees no changes', async () => {
    const twice = await heldBack(
      () => apply('seed.yaml'),
      () => apply('seed.yaml'),
    )
    expect(twice.map(({ status }) => status)).toEqual([0, 0])
    expect(twice.map(({ stdout }) => stdout.split('\n')[0])).toEqual([
      'created: resource https://api.example.com',
      'no changes',
    ])
    expect(await events()).toHaveLength(3)
  })

  test('are each checked against what the one before left', async () => {
    await apply('seed.yaml')
    await shell.write('empty.yaml', 'clients: []')
    const client = '{ client_id: x, token_endpoint_auth_method: none, default_resource: https://api.example.com }'
    await shell.write('client.yaml', `clients:\n  - ${client}\n`)
    const [pruned, refused] = await heldBack(
      () => apply('empty.yaml', '--prune'),
      () => apply('client.yaml'),
    )
    expect(pruned).toMatchObject({ status: 0 })
    expect(refused).toMatchObject({ status: 1, stderr: expect.stringContaining('client.yaml:2: clients[0].default') })
    expect(await clientRows()).toEqual([])
  })

  /** Starts the second when the first is about to write, and lets neither write before both have come as far as they get. */
  async function heldBack(first: () => Promise<Result>, second: () => Promise<Result>): Promise<[Result, Result]> {
    const { knex } = shell.database.database
    const { started } = await knex.transaction(async (trx) => {
      await trx.raw('lock table resources, clients in share mode')
      const one = first()
      while ((await waiting()) < 1) await delay(10)
      const two = second()
      while ((await waiting()) < 2) await delay(10)
      return { started: Promise.all([one, two]) }
    })
    return started
  }

  async function waiting(): Promise<number> {
    const { rows } = await shell.database.database.knex.raw(
      `select count(*) from pg_locks join pg_database on pg_database.oid = database
       where datname = current_database() and not granted`,
    )
    return rows[0].count
  }
})

describe('a change', () => {
  test('is shown field by field, and a secret only as changed', async () => {
    await apply('seed.yaml')
    const changed = seed
      .replace('[https://app.example.com/callback]', '[https://app.example.com/cb2, https://app.example.com/callback]')
      .replace('idle: 30d, max: 180d', 'idle: 14d, max: none')
      .replace('orders:read\n', 'orders:write\n')
      .replace('client_name: Example Web', 'filing_number: 京ICP备00000000号')
      .replace('ttl: 10m', 'ttl: 600s')
    await shell.write('seed.yaml', changed)
    const other = 'another-secret-of-more-than-32-characters'
    const { status, stdout } = await shell.runWith({ BACKEND_SECRET: other }, 'clients', 'apply', 'seed.yaml')
    expect(status).toBe(0)
    expect(stdout.split('\n')).toEqual([
      'unchanged: resource https://api.example.com',
      'changed: client web',
      '  client_name: Example Web removed',
      '  redirect_uris: + https://app.example.com/cb2',
      '  scope: - orders:read, + orders:write',
      '  lifetimes.refresh.idle: 30d -> 14d',
      '  lifetimes.refresh.max: 180d -> none',
      '  filing_number: 京ICP备00000000号 added',
      'changed: client backend',
      '  client_secret: changed',
      '',
    ])
    expect((await events()).slice(3)).toEqual([
      {
        event: 'client.changed',
        client_id: 'web',
        detail: {
          operator: 'alice',
          fields: [
            'client_name',
            'redirect_uris',
            'scope',
            'lifetimes.refresh.idle',
            'lifetimes.refresh.max',
            'filing_number',
          ],
        },
      },
      { event: 'client.changed', client_id: 'backend', detail: { operator: 'alice', fields: ['client_secret'] } },
    ])
    expect(JSON.stringify(await events())).not.toContain(other)
  })

  test('of order, quotes, or a default written out is none', async () => {
    await apply('seed.yaml')
    const same = seed
      .replace('[orders:read, orders:write]', '["orders:write", "orders:read"]')
      .replace(
        'scope: openid profile phone offline_access orders:read',
        'scope: >\n      orders:read openid profile\n      phone offline_access',
      )
      .replace('client_id: backend', 'client_id: backend\n    first_party: false')
    await shell.write('seed.yaml', same)
    expect((await apply('seed.yaml')).stdout).toBe('no changes\n')
  })

  test('is told to machines as JSON', async () => {
    await apply('seed.yaml')
    await shell.write('seed.yaml', seed.replace('idle: 14d, max: 30d', 'idle: 7d, max: 30d'))
    const { stdout, status } = await apply('seed.yaml', '--json', '--dry-run')
    expect(status).toBe(3)
    expect(JSON.parse(stdout)).toEqual({
      applied: false,
      has_changes: true,
      items: [
        { kind: 'resource', id: 'https://api.example.com', status: 'unchanged', changes: [] },
        {
          kind: 'client',
          id: 'web',
          status: 'changed',
          changes: [{ field: 'lifetimes.session.idle', from: '14d', to: '7d' }],
        },
        { kind: 'client', id: 'backend', status: 'unchanged', changes: [] },
      ],
      secrets: {},
    })
  })
})

describe('lifetimes', () => {
  const slides = seed
    .replace('{ format: jwt, ttl: 10m }', '{ format: opaque, sliding: { idle: 30m, max: 12h }, claims: [nickname] }')
    .replace('lifetimes: {', 'lifetimes: { access: { idle: 20m, max: 1d },')

  test('that slide are kept, shown as they were written, and told field by field when they change', async () => {
    await shell.write('seed.yaml', slides)
    expect((await apply('seed.yaml')).status).toBe(0)
    expect((await apply('seed.yaml')).stdout).toBe('no changes\n')
    await shell.write('seed.yaml', slides.replace('idle: 30m', 'idle: 45m').replace('idle: 20m', 'idle: 25m'))
    const { stdout } = await apply('seed.yaml', '--dry-run')
    expect(stdout).toMatch(/access_token\.sliding\.idle.*30m.*45m/)
    expect(stdout).toMatch(/lifetimes\.access\.idle.*20m.*25m/)
    const shown = await shell.runWith({}, 'clients', 'show', 'web', '--json')
    expect(JSON.parse(shown.stdout)).toMatchObject({ in_force: { lifetimes: { access: { idle: '20m', max: '1d' } } } })
  })

  test('under which something would end first are refused, whichever side is in the file', async () => {
    await shell.write('seed.yaml', slides)
    await apply('seed.yaml')
    const before = await version()
    const rows = slides.split('clients:')
    await shell.write('resources.yaml', rows[0]?.replace('max: 12h', 'max: 400d') ?? '')
    await shell.write('web.yaml', `clients:${rows[1]?.replace('idle: 30d, max: 180d', 'idle: 20m, max: 1d')}`)
    const longer = await apply('resources.yaml')
    expect(longer).toMatchObject({ status: 1 })
    expect(longer.stderr).toContain(
      'resources.yaml:4: resources[0].access_token.sliding: sliding of https://api.example.com',
    )
    const shorter = await apply('web.yaml')
    expect(shorter).toMatchObject({ status: 1 })
    expect(shorter.stderr).toContain(
      'web.yaml:11: clients[0].lifetimes.access: access (20m) must be shorter than refresh.idle',
    )
    expect(shorter.stderr).toContain(
      'web.yaml:11: clients[0].lifetimes.refresh.idle: sliding of https://api.example.com (30m)',
    )
    expect(await version()).toBe(before)
  })
})

describe('what no file names', () => {
  const rest = seed.slice(0, seed.indexOf('  - client_id: backend'))

  test('stays, and is named, unless it is to be pruned', async () => {
    await apply('seed.yaml')
    await shell.write('seed.yaml', rest)
    const line = 'would be pruned: client backend'
    expect(await apply('seed.yaml')).toMatchObject({
      status: 0,
      stdout: 'no changes\n1 client is not in this file and stays (--prune removes it)\n',
    })
    expect(await apply('seed.yaml', '--dry-run')).toMatchObject({
      status: 0,
      stdout: `no changes\n${line} (in no file; --prune removes it)\n`,
    })
    await shell.write('other.yaml', rest.slice(0, rest.indexOf('clients:')).replace('api.', 'other.'))
    const stay = '2 clients and 1 resource are not in this file and stay (--prune removes them)'
    expect(await apply('other.yaml')).toMatchObject({
      status: 0,
      stdout: `created: resource https://other.example.com\n${stay}\n`,
    })
    expect((await apply('seed.yaml', 'other.yaml')).stdout).toContain('1 client is not in these files and stays')
    const { knex } = shell.database.database
    await knex('resources').where({ resource: 'https://other.example.com' }).delete()
    expect(await apply('seed.yaml', '--prune', '--dry-run')).toMatchObject({
      status: 3,
      stdout: `unchanged: resource https://api.example.com\nunchanged: client web\n${line}\n`,
    })
    expect(await clientRows()).toHaveLength(2)
  })

  test('goes with its grants and tokens when pruned, and nothing of another client goes', async () => {
    await apply('seed.yaml')
    const { knex } = shell.database.database
    const record = (id: string, clientId: string) => ({
      model: 4,
      id,
      payload: JSON.stringify({ clientId, kind: 'RefreshToken' }),
      expires_at: new Date(Date.UTC(2099, 0)),
    })
    await knex('oidc_records').insert([record('one', 'backend'), record('two', 'backend'), record('three', 'web')])
    await shell.write('seed.yaml', rest)
    expect((await apply('seed.yaml', '--prune')).stdout).toContain('pruned: client backend\n')
    expect((await clientRows()).map(({ client_id }) => client_id)).toEqual(['web'])
    expect(await knex('oidc_records').pluck('id')).toEqual(['three'])
    expect((await events()).at(-1)).toMatchObject({ event: 'client.removed', client_id: 'backend' })

    await knex('oidc_records').insert(record('late', 'backend'))
    await shell.write('seed.yaml', seed)
    await apply('seed.yaml')
    expect(await knex('oidc_records').pluck('id')).toEqual(['three'])
  })

  test('includes resources, which cannot go while a client of the files needs them', async () => {
    await apply('seed.yaml')
    const clientsOnly = seed.slice(seed.indexOf('clients:'))
    await shell.write('seed.yaml', clientsOnly)
    expect(await apply('seed.yaml')).toMatchObject({ status: 0 })
    const refused = await apply('seed.yaml', '--prune')
    expect(refused).toMatchObject({ status: 1, stdout: '' })
    expect(refused.stderr).toContain('seed.yaml:9: clients[0].default_resource: no such resource is in the files')
    await shell.write('seed.yaml', 'clients: []\n')
    expect((await apply('seed.yaml', '--prune')).stdout.split('\n')).toEqual([
      'pruned: resource https://api.example.com',
      'pruned: client backend',
      'pruned: client web',
      '',
    ])
  })
})

describe('a bad file', () => {
  test('changes nothing, and every problem names file, line and field', async () => {
    await shell.write(
      'bad.yaml',
      'clients:\n  - client_id: other\n    client_secret: { env: NOT_SET }\n    scopes: openid\n',
    )
    const refused = await apply('seed.yaml', 'bad.yaml')
    expect(refused).toEqual({
      status: 1,
      stdout: '',
      stderr: [
        'bad.yaml:3: clients[0].client_secret.env: the variable NOT_SET is not set',
        'bad.yaml:4: clients[0].scopes: is unknown; did you mean scope?',
        '2 problems; nothing was changed',
        '',
      ].join('\n'),
    })
    expect(await clientRows()).toEqual([])
    const machine = await apply('seed.yaml', 'bad.yaml', '--json')
    expect(machine).toMatchObject({ status: 1, stderr: '' })
    expect(JSON.parse(machine.stdout)).toMatchObject({
      applied: false,
      problems: [
        { file: 'bad.yaml', line: 3, field: 'clients[0].client_secret.env' },
        { file: 'bad.yaml', line: 4, field: 'clients[0].scopes' },
      ],
    })
  })

  test('is also what the library would refuse, all of it', async () => {
    const text = `clients:
  - client_id: a
    token_endpoint_auth_method: none
    redirect_uris: [nonsense]
    contacts: [nobody]
    default_acr_values: [urn:nobody]
  - client_id: b
    token_endpoint_auth_method: private_key_jwt
    jwks: { keys: [{ kty: EC, crv: P-256, x: abc, y: def, d: canary }] }
  - client_id: c
    token_endpoint_auth_method: private_key_jwt
`
    await shell.write('bad.yaml', text)
    const { status, stderr } = await apply('bad.yaml')
    expect(status).toBe(1)
    expect(stderr.split('\n')).toEqual([
      'bad.yaml:4: clients[0].redirect_uris: must only contain valid uris',
      'bad.yaml:5: clients[0].contacts: can only contain email addresses',
      expect.stringContaining('bad.yaml:6: clients[0].default_acr_values: can only contain'),
      'bad.yaml:9: clients[1].jwks: keys[0].d must not be provided for EC keys',
      'bad.yaml:10: clients[2].jwks: jwks or jwks_uri is mandatory for this client',
      '5 problems; nothing was changed',
      '',
    ])
    expect(stderr).not.toContain('canary')
  })

  test('is no reason to write the good one beside it', async () => {
    expect(await apply('seed.yaml', 'absent.yaml')).toMatchObject({
      status: 1,
      stderr: 'absent.yaml: cannot be read (ENOENT)\none problem; nothing was changed\n',
    })
    expect(await clientRows()).toEqual([])
  })

  test('without a file is wrong usage', async () => {
    expect(await apply()).toMatchObject({ status: 2 })
    expect(await apply('seed.yaml', '--purge')).toMatchObject({ status: 2 })
  })
})

describe('a secret to be made', () => {
  const generated =
    'clients:\n  - { client_id: made, client_secret: { generate: true }, grant_types: [client_credentials] }\n'

  test('is shown once, has 256 bits, and is kept from then on', async () => {
    await shell.write('made.yaml', generated)
    expect((await apply('made.yaml', '--dry-run')).stdout).toBe('created: client made\n')
    const { stdout } = await apply('made.yaml')
    expect(stdout).toMatch(/^created: client made\nsecrets made, shown this once:\n {2}made: [\w-]{43}\n$/)
    const [row] = await clientRows()
    expect((await apply('made.yaml')).stdout).toBe('no changes\n')
    expect((await clientRows())[0]).toEqual(row)
  })
})

test('under a wrong master key nothing is sealed', async () => {
  await apply('seed.yaml')
  const wrong = { BACKEND_SECRET: secret, MENSHEN_SECRET_KEY: Buffer.alloc(32, 8).toString('base64url') }
  const refused = await shell.runWith(wrong, 'clients', 'apply', 'seed.yaml')
  expect(refused.status).toBe(1)
  expect(refused.stderr).toContain('needs a master key that is not configured')
})

test('when the audit cannot be written, nothing is changed', async () => {
  await apply('seed.yaml')
  const before = await clientRows()
  await shell.database.database.knex.raw('drop table audit_events')
  await shell.write('seed.yaml', seed.replace('client_name: Example Web', 'client_name: Another Name'))
  const { status, stderr } = await apply('seed.yaml')
  expect(status).toBe(1)
  expect(stderr).toContain('audit event not stored')
  expect(await clientRows()).toEqual(before)
})

describe('a running server', () => {
  async function startServer(env: Record<string, string>, cwd: string) {
    const port = await freePort()
    const issuer = `http://localhost:${port}`
    const all = { ...env, ISSUER: issuer, PORT: `${port}`, MENSHEN_OPS__METRICS: 'off' }
    const { config } = loadConfig({ env: all, cwd })
    const log = createLog({ level: 'warn', format: 'json', destination: { write() {} } })
    const app = await buildApp({ config, log })
    await app.listen()
    return { app, issuer, env: all }
  }

  async function statusOfToken(issuer: string): Promise<number> {
    const authorization = `Basic ${Buffer.from(`backend:${secret}`).toString('base64')}`
    const body = new URLSearchParams({ grant_type: 'client_credentials' })
    return (await fetch(`${issuer}/token`, { method: 'POST', headers: { authorization }, body })).status
  }

  // Time does not pass for what the server does at intervals: it has to be told.
  beforeEach(() => void vi.useFakeTimers({ toFake: ['setInterval', 'clearInterval'] }))
  afterEach(() => void vi.useRealTimers())

  /** `expect.poll` would let time pass. */
  const untilTokenIs = (status: number, issuer: string) =>
    eventually(async () => expect(await statusOfToken(issuer)).toBe(status))

  test('is told what another process applied, without a restart', async () => {
    const { app, issuer, env } = await startServer(shell.env, shell.cwd)
    try {
      const place = { env: { ...env, BACKEND_SECRET: secret }, cwd: shell.cwd }
      expect(await runChild(['clients', 'apply', 'seed.yaml'], place)).toMatchObject({ status: 0 })
      await untilTokenIs(200, issuer)
      expect(await runCommand(['clients', 'remove', 'backend'], place)).toMatchObject({ status: 0 })
      await untilTokenIs(401, issuer)
    } finally {
      await app.close()
    }
  })

  test('on the embedded store shares it with the commands', async () => {
    const cwd = await mkdtemp(join(tmpdir(), 'menshen-embedded-'))
    const own = { MENSHEN_SECRET_KEY: secretKey, MENSHEN_DATA_DIR: join(cwd, 'data') }
    const { app, issuer, env } = await startServer(own, cwd)
    try {
      const place = { env: { ...env, BACKEND_SECRET: secret }, cwd: shell.cwd }
      expect(await runChild(['clients', 'apply', 'seed.yaml'], place)).toMatchObject({ status: 0 })
      await untilTokenIs(200, issuer)
      expect(await runCommand(['migrate', 'status'], place)).toMatchObject({ status: 0 })
    } finally {
      await app.close()
      await rm(cwd, { recursive: true, force: true })
    }
  })
})
