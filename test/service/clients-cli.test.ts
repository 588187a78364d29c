import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { Secret } from '../../src/base/secret.ts'
import { libraryClients, loadCatalog } from '../../src/oidc/clients/catalog.ts'
import { sealer as buildSealer } from '../../src/store/seal.ts'
import { openShell, type Shell, secretKey } from '../support/cli.ts'

const seed = `resources:
  - { resource: https://api.example.com, scopes: [orders:read], access_token: { format: jwt, ttl: 10m } }
  - { resource: https://opaque.example.com, access_token: { format: opaque } }
clients:
  - client_id: web
    client_name: '网页端 "quoted": # yes'
    first_party: true
    token_endpoint_auth_method: none
    redirect_uris: [https://app.example.com/callback]
    default_resource: https://api.example.com
    scope: openid orders:read
    lifetimes: { refresh: { idle: 30d, max: none } }
  - client_id: backend
    client_secret: { generate: true }
    grant_types: [client_credentials]
  - client_id: tv
    token_endpoint_auth_method: none
    grant_types: ['urn:ietf:params:oauth:grant-type:device_code', refresh_token]
`

let shell: Shell
const sealer = buildSealer({ keys: [new Secret(secretKey)] })

async function secretOf(id: string): Promise<unknown> {
  const catalog = await loadCatalog(shell.database.database.knex)
  return libraryClients(catalog, sealer).find((client) => client['client_id'] === id)?.['client_secret']
}

beforeAll(async () => {
  shell = await openShell()
  await shell.write('seed.yaml', seed)
  await shell.run('clients', 'apply', 'seed.yaml')
})
afterAll(() => shell.close())

test('clients list names every registered client', async () => {
  const { status, stdout, stderr } = await shell.run('clients', 'list')
  expect({ status, stderr }).toEqual({ status: 0, stderr: '' })
  expect(stdout).toMatch(/^backend +- +no +client_secret_basic +client_credentials$/m)
  expect(stdout).toMatch(/^tv +- +no +none +device_code refresh_token$/m)
  expect(JSON.parse((await shell.run('clients', 'list', '--json')).stdout)).toContainEqual({
    client_id: 'web',
    client_name: '网页端 "quoted": # yes',
    first_party: true,
    token_endpoint_auth_method: 'none',
    grant_types: ['authorization_code', 'refresh_token'],
  })
})

test('clients show tells what is registered and what is in force, and no secret', async () => {
  const { stdout } = await shell.run('clients', 'show', 'web')
  expect(stdout).toMatch(/^scope +openid orders:read +registered$/m)
  expect(stdout).toMatch(/^grant_types +\["authorization_code","refresh_token"\] +in force$/m)
  const backend = await shell.run('clients', 'show', 'backend', '--json')
  expect(JSON.parse(backend.stdout)).toEqual({
    client_id: 'backend',
    grant_types: ['client_credentials'],
    in_force: {
      grant_types: ['client_credentials'],
      token_endpoint_auth_method: 'client_secret_basic',
      lifetimes: { access: '10m', session: { idle: '14d', max: '30d' }, refresh: { idle: '30d', max: '180d' } },
      has_secret: true,
    },
  })
  expect(backend.stdout).not.toContain(await secretOf('backend'))
})

test.each([
  ['webb', 'there is no client "webb"; did you mean "web"?'],
  ['something-else', 'there is no client "something-else"; menshen clients list shows all'],
  ['sandbox-demo', 'sandbox-demo is a client of Menshen itself and cannot be changed'],
])('a client that is not registered is refused: %s', async (id, reason) => {
  for (const verb of ['show', 'remove', 'rotate-secret']) {
    expect(await shell.run('clients', verb, id)).toEqual({ status: 1, stdout: '', stderr: `error: ${reason}\n` })
  }
})

describe('clients export', () => {
  test.each(['yaml', 'json'])('as %s applied again changes nothing, with --prune too', async (form) => {
    const { stdout } = await shell.run('clients', 'export', ...(form === 'json' ? ['--json'] : []))
    expect(stdout).not.toContain(await secretOf('backend'))
    await shell.write(`export.${form}`, stdout)
    expect(await shell.run('clients', 'apply', `export.${form}`, '--prune')).toEqual({
      status: 0,
      stdout: 'no changes\n',
      stderr: '',
    })
  })

  test('applied elsewhere makes the same clients with secrets of their own', async () => {
    const other = await openShell()
    try {
      const { stdout } = await shell.run('clients', 'export')
      await other.write('export.yaml', stdout)
      expect((await other.run('clients', 'apply', 'export.yaml')).stdout).toMatch(/\n {2}backend: [\w-]{43}\n$/)
      expect((await other.run('clients', 'export')).stdout).toBe(stdout)
    } finally {
      await other.close()
    }
  })
})

describe('clients rotate-secret', () => {
  test('prints a secret once and stores it sealed, recorded in the audit', async () => {
    const before = await secretOf('backend')
    const { status, stdout, stderr } = await shell.run('clients', 'rotate-secret', 'backend')
    expect(status).toBe(0)
    expect(stdout).toMatch(/^[\w-]{43}\n$/)
    expect(stderr).toContain('shown only now')
    expect(await secretOf('backend')).toBe(stdout.trim())
    expect(stdout.trim()).not.toBe(before)
    expect(await shell.run('clients', 'apply', 'seed.yaml')).toMatchObject({ stdout: 'no changes\n' })
    const { knex } = shell.database.database
    expect(await knex('audit_events').where({ event: 'client.secret_rotated' })).toMatchObject([
      { client_id: 'backend', detail: { operator: 'alice' } },
    ])
    const stored = JSON.stringify([await knex('audit_events'), await knex('clients')])
    expect(stored).not.toContain(stdout.trim())
  })

  test('moves the version that running servers watch', async () => {
    const version = () => shell.database.database.knex('catalog_versions').pluck('version')
    const [before] = await version()
    await shell.run('clients', 'rotate-secret', 'backend', '--json')
    expect(await version()).toEqual([before + 1])
  })

  test('refuses a client without a secret', async () => {
    expect(await shell.run('clients', 'rotate-secret', 'web')).toMatchObject({
      status: 1,
      stderr: 'error: web has no secret: it authenticates with none\n',
    })
  })
})

test('clients remove shows what it would do, then removes the client and what it was granted', async () => {
  const { knex } = shell.database.database
  const record = { model: 2, payload: '{"clientId":"tv"}', expires_at: new Date(Date.UTC(2099, 0)) }
  await knex('oidc_records').insert([
    { ...record, id: 'one' },
    { ...record, id: 'other', payload: '{"clientId":"web","note":"tv"}' },
  ])
  expect(await shell.run('clients', 'remove', 'tv', '--dry-run')).toEqual({
    status: 3,
    stdout: 'would remove client tv with its grants and tokens\n',
    stderr: '',
  })
  expect(await shell.run('clients', 'remove', 'tv')).toMatchObject({
    status: 0,
    stdout: 'removed client tv; 1 grants, codes and tokens ended\n',
  })
  expect(await knex('oidc_records').pluck('id')).toEqual(['other'])
  expect(await shell.run('clients', 'show', 'tv')).toMatchObject({ status: 1 })
  expect(await knex('audit_events').where({ event: 'client.removed' })).toMatchObject([{ client_id: 'tv' }])
})

test('a stored client that does not fit this version is named', async () => {
  const own = await openShell()
  try {
    const at = new Date(Date.UTC(2026, 0))
    const metadata = '{"client_id":"old","application_type":"service"}'
    await own.database.database.knex('clients').insert({ client_id: 'old', metadata, created_at: at, updated_at: at })
    const { status, stderr } = await own.run('clients', 'list')
    expect(status).toBe(1)
    expect(stderr).toContain('the client old in the database does not fit this version: application_type')
  } finally {
    await own.close()
  }
})
