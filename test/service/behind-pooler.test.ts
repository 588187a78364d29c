import { afterAll, expect, onTestFinished, test } from 'vitest'
import { Secret } from '../../src/base/secret.ts'
import { checkDatabase } from '../../src/cli/doctor-database.ts'
import type { Config } from '../../src/config/config.ts'
import { openDatabase } from '../../src/store/postgres.ts'
import { createDatabase } from '../support/database.ts'
import { startPooler } from '../support/pooler.ts'

const { url, drop } = await createDatabase()
const pooler = await startPooler(url, 'passed')
afterAll(async () => {
  await pooler.close()
  await drop()
})

const text = "select setting, source from pg_settings where name = 'statement_timeout'"
const limit = { name: 'limit', text, values: [] }

test('nothing is set on a connection that others are lent, and migrations go past the pooler', async () => {
  const database = openDatabase({ url: pooler.url, directUrl: url, poolSize: 1 })
  onTestFinished(() => database.close())
  for (const query of [
    () => database.readQuery(limit),
    () => database.commitQuery(limit),
    () => database.knex.raw(text),
  ])
    expect((await query()).rows).toEqual([{ setting: '0', source: 'default' }])
  const unlimited = await database.maintenance((knex) => knex.raw(text))
  expect(unlimited.rows).toEqual([{ setting: '0', source: 'session' }])
  const slow = { name: 'slow', text: 'select pg_sleep(20)', values: [] }
  await expect(database.commitQuery(slow)).rejects.toMatchObject({ code: 'server.unavailable' })
})

test('doctor says what is missing behind it, and nothing about a pooler where there is none', async () => {
  async function findings(address: string, direct?: string) {
    const database = openDatabase({ url: address, directUrl: direct, poolSize: 2 })
    onTestFinished(() => database.close())
    const settings = { url: new Secret(address), direct_url: direct === undefined ? undefined : new Secret(direct) }
    const found = await checkDatabase({ database: settings, data_dir: '/none' } as unknown as Config, database)
    return found.filter(({ name }) => name === 'pooler')
  }
  const noWayPast = { status: 'warn', advice: expect.stringContaining('DATABASE_DIRECT_URL') }
  const noLimit = { status: 'warn', advice: expect.stringContaining(`set statement_timeout = '5s'`) }
  expect(await findings(pooler.url)).toMatchObject([noWayPast, noLimit])
  expect(await findings(pooler.url, pooler.url)).toMatchObject([noWayPast, noLimit])
  expect(await findings(pooler.url, url)).toMatchObject([noLimit])
  expect(await findings(url)).toEqual([])
  const odd = `${pooler.url}?options=${encodeURIComponent('-c datestyle=German -c array_nulls=off -c statement_timeout=4s')}`
  const misread = {
    status: 'fail',
    advice: expect.stringMatching(/set DateStyle = 'ISO, MDY'; .* set array_nulls = 'on'/),
  }
  expect(await findings(odd, url)).toMatchObject([misread])
  const limited = `${pooler.url}?options=${encodeURIComponent('-c statement_timeout=4s')}`
  expect(await findings(limited, url)).toMatchObject([{ status: 'ok', detail: expect.stringContaining('4s') }])
})
