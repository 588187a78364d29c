import { chmod, mkdir, readdir, writeFile } from 'node:fs/promises'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { beforeEach, describe, expect, onTestFinished, test } from 'vitest'
import { buildApp } from '../../src/build/app.ts'
import { loadConfig } from '../../src/config/config.ts'
import { createLog } from '../../src/ops/log.ts'
import { openShell, type Shell } from '../support/cli.ts'
import { redisUrl } from '../support/redis.ts'
import { freePort } from '../support/services.ts'

interface Check {
  readonly name: string
  readonly status: 'ok' | 'warn' | 'fail'
  readonly detail: string
  readonly advice?: string
}

let shell: Shell
let nowhere: Record<string, string>

beforeEach(async () => {
  shell = await openShell()
  const { close } = shell
  onTestFinished(close)
  nowhere = { ISSUER: `http://localhost:${await freePort()}` }
})

async function examine(env: Record<string, string> = {}): Promise<{ status: number; of: (name: string) => Check[] }> {
  const { status, stdout } = await shell.runWith({ ...nowhere, ...env }, 'doctor', '--json')
  const { ok, checks } = JSON.parse(stdout) as { ok: boolean; checks: Check[] }
  expect(ok).toBe(status === 0)
  expect(checks.filter((check) => (check.status === 'ok') !== (check.advice === undefined))).toEqual([])
  return { status, of: (name) => checks.filter((check) => check.name === name) }
}

async function startServer(env: Record<string, string> = {}): Promise<string> {
  const port = await freePort()
  const issuer = `http://localhost:${port}`
  const all = { ...shell.env, ISSUER: issuer, PORT: `${port}`, MENSHEN_OPS__METRICS: 'off', ...env }
  const { config } = loadConfig({ env: all, cwd: shell.cwd })
  const app = await buildApp({ config, log: createLog({ level: 'silent', format: 'json' }) })
  onTestFinished(() => app.close())
  await app.listen()
  return issuer
}

async function answer(body: (issuer: string) => string): Promise<string> {
  const server = createServer((_, response) => response.end(body(issuer)))
  await new Promise<void>((resolve) => server.listen(0, 'localhost', resolve))
  onTestFinished(() => void server.close())
  const issuer = `http://localhost:${(server.address() as AddressInfo).port}`
  return issuer
}

test('beside a running server everything is well, in lines for a person', async () => {
  const issuer = await startServer({ REDIS_URL: redisUrl() })
  const { status, stdout } = await shell.runWith({ ISSUER: issuer, REDIS_URL: redisUrl() }, 'doctor')
  expect(stdout).not.toMatch(/^FAIL/m)
  expect(status).toBe(0)
  for (const line of [
    /^ok {4}database +PostgreSQL \d+/m,
    /^ok {4}clock +this machine and the database agree$/m,
    /^ok {4}schema +\d+ migrations, none missing$/m,
    /^ok {4}redis +Redis: written, read and deleted in /m,
    /^ok {4}secret key +opens the stored keys$/m,
    /^ok {4}keys +ES256 current, EdDSA current, PS256 current, RS256 current, cookie current$/m,
    /^ok {4}issuer +discovery at http:\S+ agrees with the configuration$/m,
    /^ok {4}server +is ready$/m,
    /^ok {4}disk +[\d.]+ GB free at /m,
    /^warn {2}production +the sandbox is on.*\n +-> set sandbox$/m,
  ]) {
    expect(stdout).toMatch(line)
  }
})

test('without a server it says so, and that is no failure', async () => {
  const { status, of } = await examine()
  expect(of('issuer')).toMatchObject([{ status: 'warn', detail: `nothing answers at ${nowhere['ISSUER']}` }])
  expect(of('keys')).toMatchObject([{ status: 'warn', detail: 'there are none yet' }])
  expect(of('ephemeral')).toMatchObject([{ status: 'ok' }])
  expect(status).toBe(0)
})

test('looking changes nothing: no folder, no key, no migration', async () => {
  await shell.database.database.knex('schema_migrations').where('name', 'like', '%oidc').delete()
  const { status, of } = await examine()
  expect(of('schema')).toMatchObject([{ status: 'fail', advice: 'run: menshen migrate up' }])
  expect(status).toBe(1)
  const embedded = await examine({ DATABASE_URL: '', MENSHEN_SECRET_KEY: '' })
  expect(embedded.of('database')).toMatchObject([{ status: 'warn', advice: 'start the server once: menshen serve' }])
  expect(await readdir(shell.cwd)).toEqual([])
})

test('a database that takes no writes is no good one', async () => {
  const options = encodeURIComponent('-c default_transaction_read_only=on')
  const { status, of } = await examine({
    DATABASE_URL: `${shell.env['DATABASE_URL']}?options=${options}`,
    REDIS_URL: redisUrl(),
  })
  expect([status, ...of('database')]).toMatchObject([
    1,
    { status: 'fail', detail: expect.stringContaining('takes no writes'), advice: expect.stringContaining('primary') },
  ])
})

test('a role that may make no tables is told apart from a schema that is only behind', async () => {
  const { knex } = shell.database.database
  await knex('schema_migrations').where('name', 'like', '%oidc').delete()
  const role = `narrow_${process.pid}`
  await knex.raw('create role ?? login', [role])
  onTestFinished(() => knex.raw('drop owned by ??', [role]).then(() => knex.raw('drop role ??', [role])))
  await knex.raw('grant select on schema_migrations to ??', [role])
  const as = (setting: string) => ({
    DATABASE_URL: `${shell.env['DATABASE_URL']}?options=${encodeURIComponent(setting)}`,
  })
  expect((await examine(as(`-c role=${role}`))).of('schema')).toMatchObject([
    { detail: expect.stringContaining(`${role} may make no tables`), advice: expect.stringContaining('owner to') },
  ])
})

describe('the life of keys', () => {
  test('says what happens next, and that a step is overdue because no server takes it', async () => {
    const issuer = await startServer()
    const { knex } = shell.database.database
    expect((await examine({ ISSUER: issuer })).of('rotation')).toMatchObject([
      { status: 'ok', detail: expect.stringMatching(/successor published 20\d\d-/) },
    ])
    const never = { ISSUER: issuer, MENSHEN_KEYS__ROTATE_EVERY: 'none' }
    expect((await examine(never)).of('rotation')).toMatchObject([{ status: 'ok' }])
    await knex('keys')
      .where({ alg: 'RS256' })
      .update({ activated_at: new Date(Date.now() - 91 * 86_400_000) })
    const { status, of } = await examine({ ISSUER: issuer })
    expect(status).toBe(0)
    expect(of('rotation')).toMatchObject([
      { status: 'warn', detail: expect.stringMatching(/^overdue: \S+ \(RS256\) successor published 20/) },
    ])
  })

  test('says whether the earlier master key is still needed', async () => {
    await startServer()
    expect((await examine()).of('previous secret keys')).toEqual([])
    const env = {
      MENSHEN_SECRET_KEY: Buffer.alloc(32, 9).toString('base64url'),
      MENSHEN_PREVIOUS_SECRET_KEYS: `[${shell.env['MENSHEN_SECRET_KEY']}]`,
    }
    expect((await examine(env)).of('previous secret keys')).toMatchObject([
      { status: 'warn', detail: '5 stored values are sealed under one of them', advice: 'run: menshen keys reseal' },
    ])
    expect((await shell.runWith(env, 'keys', 'reseal')).status).toBe(0)
    expect((await examine(env)).of('previous secret keys')).toMatchObject([{ status: 'ok' }])
  })
})

describe('a failure', () => {
  test('of the configuration is told whole', async () => {
    const { status, of } = await examine({ PORT: 'x', MENSHEN_NOPE: '1' })
    expect(status).toBe(1)
    expect(of('configuration').map(({ detail }) => detail)).toEqual([
      expect.stringContaining('server.port: expected a number, found text'),
      'nope: is unknown',
    ])
  })

  test('of the database leaves the rest examined', async () => {
    const { status, of } = await examine({ DATABASE_URL: 'postgres://u:canary@127.0.0.1:1/x', REDIS_URL: redisUrl() })
    expect(status).toBe(1)
    expect(of('database')).toMatchObject([{ status: 'fail', detail: expect.stringContaining('ECONNREFUSED') }])
    expect(of('database')[0]?.detail).not.toContain('canary')
    expect(of('redis')).toMatchObject([{ status: 'ok' }])
    expect(of('schema')).toEqual([])
  })

  test('of Redis does not hide the keys', async () => {
    const { status, of } = await examine({ REDIS_URL: 'redis://127.0.0.1:1' })
    expect(status).toBe(1)
    expect(of('redis')).toMatchObject([{ status: 'fail' }])
    expect(of('keys')).toHaveLength(1)
  })

  test('to open the keys names the master key', async () => {
    await startServer()
    const { status, of } = await examine({ MENSHEN_SECRET_KEY: Buffer.alloc(32, 9).toString('base64url') })
    expect(status).toBe(1)
    expect(of('secret key')).toMatchObject([{ status: 'fail', advice: expect.stringContaining('MENSHEN_SECRET_KEY') }])
  })

  test('of a master key that is none', async () => {
    await startServer()
    const folder = join(shell.cwd, 'data')
    await mkdir(folder, { mode: 0o700 })
    await writeFile(join(folder, 'secret.key'), 'short', { mode: 0o600 })
    const { status, of } = await examine({ MENSHEN_SECRET_KEY: '' })
    expect(status).toBe(1)
    expect(of('secret key')).toMatchObject([{ status: 'fail', detail: expect.stringContaining('must be 32 bytes') }])
    expect(of('disk')).toHaveLength(1)
  })

  test('of a key that is missing or there twice', async () => {
    await startServer()
    await shell.database.database.knex('keys').where({ alg: 'RS256' }).update({ state: 'previous' })
    const { of } = await examine()
    expect(of('keys')).toMatchObject([
      { status: 'fail', detail: expect.stringContaining('not exactly one current key for RS256') },
    ])
  })

  test('of a client secret that does not open', async () => {
    await startServer()
    const at = new Date(Date.UTC(2026, 0))
    const row = { client_id: 'b', metadata: '{"client_id":"b"}', secret: 'x.y', created_at: at, updated_at: at }
    await shell.database.database.knex('clients').insert(row)
    expect((await examine()).of('clients')).toMatchObject([
      { status: 'fail', advice: 'run: menshen clients rotate-secret <client_id>' },
    ])
  })

  test('of an API whose opaque tokens nobody may look into', async () => {
    await startServer()
    const at = new Date(Date.UTC(2026, 0))
    const times = { created_at: at, updated_at: at }
    const { knex } = shell.database.database
    const register = (resource: string, more: object) =>
      knex('resources').insert({ resource, settings: { resource, ...more }, ...times })
    await register('https://mute.example.com', { access_token: { format: 'opaque' } })
    await register('https://jwt.example.com', {})
    expect((await examine()).of('introspection')).toMatchObject([
      { status: 'warn', detail: 'no client may look into the opaque tokens of https://mute.example.com' },
    ])
    const metadata = '{"client_id":"https://mute.example.com"}'
    await knex('clients').insert({ client_id: 'https://mute.example.com', metadata, secret: null, ...times })
    expect((await examine()).of('introspection')).toEqual([])
  })

  test('of a proxy that hides the scheme or the host', async () => {
    const inner = (issuer: string) => {
      const endpoints = ['authorization', 'token', 'userinfo'].map((name) => [
        `${name}_endpoint`,
        'http://10.0.0.5:3000/x',
      ])
      return JSON.stringify({ issuer, jwks_uri: `${issuer}/jwks`, ...Object.fromEntries(endpoints) })
    }
    const proxied = await examine({ ISSUER: await answer(inner) })
    expect(proxied.status).toBe(1)
    expect(proxied.of('issuer')).toMatchObject([
      {
        detail: expect.stringContaining('token_endpoint is http://10.0.0.5:3000/x'),
        advice: expect.stringContaining('server.trusted_proxies'),
      },
    ])
    const foreign = await examine({ ISSUER: await answer(() => '{"issuer":"https://other.example.com"}') })
    expect(foreign.of('issuer')).toMatchObject([{ detail: expect.stringContaining('discovery says https://other') }])
    const page = await examine({ ISSUER: await answer(() => '<html>') })
    expect(page.of('issuer')).toMatchObject([{ status: 'fail', detail: 'its discovery is not JSON' }])
  })

  test('of a server that runs on another database', async () => {
    const issuer = await startServer()
    const other = await openShell()
    onTestFinished(other.close)
    await other.run('clients', 'apply', 'absent.yaml')
    const { status, of } = await examine({ ISSUER: issuer, DATABASE_URL: other.database.url })
    expect(status).toBe(1)
    expect(of('server')).toMatchObject([
      { status: 'fail', detail: expect.stringContaining('is served from another database') },
      { status: 'ok' },
    ])
  })

  test('of the mail server, and not of one that only listens', async () => {
    const mail = (port: number | string) => ({
      MENSHEN_MAIL__URL: `smtp://user:canary@localhost:${port}`,
      MENSHEN_MAIL__FROM: 'menshen@example.com',
    })
    const away = await examine(mail(await freePort()))
    expect(away.of('mail')).toMatchObject([{ status: 'fail', detail: expect.stringContaining('ECONNREFUSED') }])
    expect(away.of('mail')[0]?.detail).not.toContain('canary')
    const here = await examine(mail(new URL(await answer(() => '')).port))
    expect(here.of('mail')).toMatchObject([{ status: 'ok' }])
  })

  test('of the data folder that others may read', async () => {
    const folder = join(shell.cwd, 'data')
    await mkdir(folder, { mode: 0o700 })
    await writeFile(join(folder, 'secret.key'), 'x', { mode: 0o600 })
    const env = { MENSHEN_SECRET_KEY: '' }
    expect((await examine(env)).of('data folder')).toMatchObject([{ status: 'ok' }])
    await chmod(join(folder, 'secret.key'), 0o644)
    await chmod(folder, 0o755)
    expect((await examine(env)).of('data folder').map(({ status, advice }) => [status, advice])).toEqual([
      ['fail', `run: chmod go= ${folder}`],
      ['fail', `run: chmod go= ${join(folder, 'secret.key')}`],
    ])
  })
})
