import { afterEach, beforeEach, describe, expect, onTestFinished, test, vi } from 'vitest'
import { bumpCatalogVersion, catalogVersion } from '../../src/oidc/clients/catalog.ts'
import { eventually } from '../support/patience.ts'
import { type Pooler, startPooler } from '../support/pooler.ts'
import { openWorld, type World } from '../support/world.ts'

/** How often a server looks by itself, and how often it gives back to upstreams that are no longer configured. */
const [pollMs, idlePaceMs] = [2000, 60_000]

let first: World

// Time does not pass for what a server does at intervals, so it looks only when it is told.
beforeEach(async () => {
  vi.useFakeTimers({ toFake: ['setInterval', 'clearInterval'] })
  const opened = await openWorld()
  first = opened
  onTestFinished(() => opened.close())
})
afterEach(() => void vi.useRealTimers())

async function secondServer(env: Readonly<Record<string, string>> = {}): Promise<World> {
  const second = await openWorld({ beside: first, env })
  onTestFinished(() => second.close())
  return second
}

/** A second server whose connections go through something that does this with LISTEN. */
async function behindPooler(listens: Pooler['listens']): Promise<{ readonly second: World; readonly pooler: Pooler }> {
  const pooler = await startPooler(first.database.url, listens)
  onTestFinished(() => pooler.close())
  return { pooler, second: await secondServer({ DATABASE_URL: pooler.url }) }
}

/** Changes something, and answers the version it has become. */
async function change(): Promise<number> {
  const { knex } = first.database.database
  await knex.transaction((trx) => bumpCatalogVersion(trx))
  return catalogVersion(knex)
}

/** The connections that listen, by the process ids of PostgreSQL. */
const listeners = (): Promise<number[]> =>
  first.database.database
    .knex('pg_stat_activity')
    .whereRaw("datname = current_database() and application_name = 'menshen listener'")
    .pluck('pid')

/** Until the servers run these versions. `expect.poll` would let time pass. */
const run = (versions: readonly number[]) =>
  eventually(async () => {
    const { rows } = await first.database.database.knex.raw<{ rows: { version: number }[] }>(
      'select catalog_version as version from servers order by catalog_version',
    )
    expect(rows.map(({ version }) => version)).toEqual(versions)
  })

/** Cuts them, as PostgreSQL does when it is shut down. */
async function cut(): Promise<void> {
  const { knex } = first.database.database
  for (const pid of await listeners()) await knex.raw('select pg_terminate_backend(?)', [pid])
}

const deafLines = ({ log }: World) => log.filter((line) => line.includes('does not tell of changes'))

test('every server is told of a change when it is made, and none has to look', async () => {
  await secondServer()
  for (let count = 0; count < 3; count++) {
    const version = await change()
    await run([version, version])
  }
})

describe.each([
  ['refuses LISTEN', 'refused', 1],
  ['takes LISTEN in vain', 'swallowed', 0],
] as const)('a server whose connection %s', (_, listens, lines) => {
  test('looks by itself as ever, and says so once', async () => {
    const { second } = await behindPooler(listens)
    const version = await change()
    await run([version - 1, version])
    vi.advanceTimersByTime(pollMs)
    await run([version, version])
    await eventually(() => expect(deafLines(second)).toHaveLength(lines))
    expect(deafLines(first)).toEqual([])
  })
})

describe('a connection that listened and was cut', () => {
  test('is made again', async () => {
    await secondServer()
    await eventually(async () => expect(await listeners()).toHaveLength(2))
    const before = await listeners()
    await cut()
    await eventually(async () => expect((await listeners()).filter((pid) => !before.includes(pid))).toHaveLength(2))
    const version = await change()
    await run([version, version])
  })

  test('loses no change that was made meanwhile', async () => {
    const { second, pooler } = await behindPooler('passed')
    const before = await change()
    await run([before, before])
    pooler.listens = 'refused'
    await cut()
    await eventually(() => expect(deafLines(second)).toHaveLength(1))
    const version = await change()
    await run([before, version])
    pooler.listens = 'passed'
    await run([version, version])
  })

  test('again and again while changes are made loses none', async () => {
    await secondServer()
    for (let round = 0; round < 10; round++) {
      const [version] = await Promise.all([change(), cut(), change()])
      await cut()
      expect(version).toBeGreaterThan(0)
    }
    const last = await catalogVersion(first.database.database.knex)
    await run([last, last])
  })
})

test('where no connection keeps anything to be given back, the table of it is looked at once a minute', async () => {
  const github = { type: 'github', id: 'github', client_id: 'ours', client_secret: 'a-secret-of-the-server' }
  const second = await secondServer({ MENSHEN_CONNECTIONS: JSON.stringify([github]) })
  let asked = 0
  const { knex } = second.app.core.database
  knex.on('query', ({ sql }: { sql: string }) => {
    if (sql.includes('upstream_revocations')) asked += 1
  })
  vi.advanceTimersByTime(idlePaceMs)
  await eventually(() => expect(asked).toBe(1))
  await knex.raw('select 1')
  expect(asked).toBe(1)
})
