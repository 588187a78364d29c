import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest'
import { catalogVersion } from '../../src/oidc/clients/catalog.ts'
import { enterServer, liveServers, sweepServers } from '../../src/oidc/live-servers.ts'
import { openShell, type Result, runCommand, type Shell } from '../support/cli.ts'
import { token } from '../support/login.ts'
import { openWorld, type World } from '../support/world.ts'

const secret = 'a-secret-of-more-than-32-characters!'
const seedOf = (clientId: string) =>
  `clients: [{ client_id: ${clientId}, client_secret: { env: SECRET }, grant_types: [client_credentials] }]\n`

describe('two running servers', () => {
  let first: World
  let second: World
  let files: Shell

  beforeAll(async () => {
    first = await openWorld()
    second = await openWorld({ beside: first })
    files = await openShell()
  })
  afterAll(async () => {
    await second.close()
    await first.close()
    await files.close()
  })

  const menshen = (...argv: string[]) => runCommand(argv, { env: { ...first.env, SECRET: secret }, cwd: files.cwd })
  const statuses = async (clientId: string, given = secret) => {
    const authorization = `Basic ${Buffer.from(`${clientId}:${given}`).toString('base64')}`
    const ask = (world: World) => token(world, { grant_type: 'client_credentials' }, { authorization })
    return (await Promise.all([first, second].map(ask))).map(({ status }) => status)
  }

  test('have a client when the command that waits for them returns, and have it no more when it was removed', async () => {
    for (const clientId of ['one', 'two', 'three']) {
      await files.write('seed.yaml', seedOf(clientId))
      const applied = await menshen('clients', 'apply', '--wait', 'seed.yaml')
      expect(await statuses(clientId)).toEqual([200, 200])
      expect([applied.status, applied.stderr]).toEqual([
        0,
        'applied; running servers follow within seconds\nall 2 running servers have it\n',
      ])
      const removed = await menshen('clients', 'remove', clientId, '--wait')
      expect(await statuses(clientId)).toEqual([401, 401])
      expect([removed.status, removed.stderr]).toEqual([0, 'all 2 running servers have it\n'])
    }
  })

  test('take the new secret, and no longer the earlier one', async () => {
    await files.write('seed.yaml', seedOf('rotated'))
    await menshen('clients', 'apply', 'seed.yaml')
    const { status, stdout } = await menshen('clients', 'rotate-secret', 'rotated', '--wait')
    expect(await statuses('rotated', stdout.trim())).toEqual([200, 200])
    expect(await statuses('rotated')).toEqual([401, 401])
    expect(status).toBe(0)
  })

  test('publish the keys of a rotation, and not one that was taken back', async () => {
    const published = async () => {
      const sets = await Promise.all(
        [first, second].map(async ({ port }) => (await fetch(`http://localhost:${port}/jwks`)).json()),
      )
      return (sets as { keys: { kid: string }[] }[]).map(({ keys }) => keys.map(({ kid }) => kid))
    }
    const before = (await published())[0] ?? []
    const { stdout } = await menshen('keys', 'rotate', '--wait', '--json')
    const [one = [], two = []] = await published()
    expect(one).toEqual(two)
    expect(one).toEqual(expect.arrayContaining(before))
    const [next = ''] = one.filter((kid) => !before.includes(kid))
    expect(stdout).toContain(next)
    expect(await menshen('keys', 'retire', next, '--wait')).toMatchObject({ status: 0 })
    expect((await published()).flat()).not.toContain(next)
  })

  test('are no longer waited for once they have stopped, and leave no row', async () => {
    const third = await openWorld({ beside: first })
    expect(await liveServers(first.database.database)).toHaveLength(3)
    await third.close()
    expect(await first.database.database.knex('servers')).toHaveLength(2)
  })

  test('are the only ones in the table when another one could not read what is registered', async () => {
    const { knex } = first.database.database
    const key = { id: 'strange', use: 'sig', alg: 'ES256', state: 'next', created_at: new Date() }
    await knex('keys').insert({ ...key, secret: 'sealed.elsewhere' })
    onTestFinished(async () => void (await knex('keys').where({ id: 'strange' }).delete()))
    await expect(openWorld({ beside: first })).rejects.toThrow()
    expect(await knex('servers')).toHaveLength(2)
  })
})

describe('--wait', () => {
  let shell: Shell

  beforeAll(async () => {
    shell = await openShell()
    await shell.write('seed.yaml', seedOf('app'))
    await apply()
  })
  afterAll(() => shell.close())

  const apply = (...argv: string[]): Promise<Result> =>
    shell.runWith({ SECRET: secret }, 'clients', 'apply', join(shell.cwd, 'seed.yaml'), ...argv)
  const knex = () => shell.database.database.knex
  const now = () => catalogVersion(knex())

  /** A server on a machine far away, which shows as long as the test wants that it lives. */
  async function elsewhere(version: number): Promise<void> {
    const seen = knex().raw("clock_timestamp() + interval '1 hour'")
    const row = { id: 'srv_elsewhere', name: 'elsewhere (process 7)', catalog_version: version, seen_at: seen }
    await knex()('servers').insert(row).onConflict('id').merge()
    onTestFinished(async () => void (await knex()('servers').delete()))
  }

  test('returns at once where no server runs, also when nothing was to be changed', async () => {
    expect(await apply('--wait')).toEqual({ status: 0, stdout: 'no changes\n', stderr: 'no server is running\n' })
  })

  test('ends with 4 and the names of those that are late when the time has passed', async () => {
    await elsewhere((await now()) - 1)
    expect(await apply('--wait', '0')).toEqual({
      status: 4,
      stdout: 'no changes\n',
      stderr:
        'error: after 0 s 1 of 1 running servers has not taken it over: elsewhere (process 7), last heard of 0 s ago\n',
    })
    expect(await apply('--wait=1')).toMatchObject({ status: 4, stderr: expect.stringContaining('after 1 s 1 of 1') })
  })

  test('with JSON prints the result before it waits, and the same statuses', async () => {
    await elsewhere(0)
    const { status, stdout } = await apply('--json', '--wait=0')
    expect([status, JSON.parse(stdout)]).toEqual([4, expect.objectContaining({ applied: false, has_changes: false })])
  })

  test('of a dry run waits for nobody', async () => {
    await elsewhere(0)
    expect(await apply('--wait', '--dry-run')).toEqual({ status: 0, stdout: 'no changes\n', stderr: '' })
  })

  test('goes on until the one that is late has it', async () => {
    await elsewhere(0)
    const waiting = apply('--wait')
    await elsewhere(await now())
    expect(await waiting).toMatchObject({ status: 0, stderr: 'the one running server has it\n' })
  })

  test('takes a number of seconds and nothing else', async () => {
    expect(await apply('--wait=soon')).toMatchObject({
      status: 2,
      stderr: expect.stringContaining('option --wait: "soon" is no number of seconds'),
    })
  })

  test('waits for a server from before it reads the catalog until it runs the change, stops or dies', async () => {
    const { database } = shell.database
    const onError = (error: unknown) => expect.unreachable(String(error))
    const presence = await enterServer({ database, onError })
    expect(await apply('--wait=0')).toMatchObject({ status: 4 })
    presence.runs(await now())
    expect(await apply('--wait')).toMatchObject({ status: 0, stderr: 'the one running server has it\n' })
    presence.runs(0)
    await expect.poll(() => knex()('servers').pluck('catalog_version')).toEqual([0])
    await presence.leave()
    expect(await knex()('servers')).toEqual([])
    expect(await apply('--wait')).toMatchObject({ status: 0, stderr: 'no server is running\n' })
  })

  test('does not wait for one that has died, whose row goes after ten minutes', async () => {
    const { database } = shell.database
    await elsewhere(0)
    const seen = (seconds: number) =>
      knex()('servers').update({ seen_at: knex().raw(`clock_timestamp() - interval '${seconds} s'`) })
    await seen(31)
    expect(await apply('--wait=0')).toMatchObject({ status: 0, stderr: 'no server is running\n' })
    await sweepServers(database)
    expect(await knex()('servers')).toHaveLength(1)
    await seen(601)
    await sweepServers(database)
    expect(await knex()('servers')).toEqual([])
  })
})
