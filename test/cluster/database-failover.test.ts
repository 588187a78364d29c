import { setTimeout as delay } from 'node:timers/promises'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { type DatabaseNode, type DatabaseNodes, databaseNodes } from '../support/database-nodes.ts'
import { exchange, loginBySms, startLogin, token } from '../support/login.ts'
import { eventually } from '../support/patience.ts'
import { openWorld, type World } from '../support/world.ts'

const clientId = 'sandbox-demo'
/** Enough for a machine whose processors are all at work; on one at rest it is under five seconds. */
const limitMs = 30_000

let nodes: DatabaseNodes
let world: World
let first: DatabaseNode
let second: DatabaseNode
beforeAll(async () => {
  nodes = await databaseNodes(3)
  first = await nodes.primary()
  second = await nodes.standby(first)
  const DATABASE_URL = `postgres://menshen:test@${nodes.hosts}/postgres?target_session_attrs=read-write`
  world = await openWorld({ stores: 'tables', env: { DATABASE_URL } })
})
afterAll(async () => {
  await world?.close()
  await nodes?.close()
})

/** An app that refreshes again and again, and tries the same token again while it gets no answer or a 503. */
interface App {
  current: string
  /** When the last refresh that worked was asked for. */
  askedMs: number
  refused: unknown[]
}

async function loggedIn(phone: string): Promise<App> {
  const redirectUri = `${world.issuer}/sandbox/callback`
  const request = startLogin(world, clientId, redirectUri, { scope: 'openid phone offline_access' })
  const visitor = world.visitor()
  await loginBySms(world, visitor, request, phone)
  const { location } = await visitor.get(request)
  const body = await exchange(world, clientId, redirectUri, location)
  return { current: body['refresh_token'] as string, askedMs: 0, refused: [] }
}

async function refreshOnce(app: App): Promise<boolean> {
  const askedMs = performance.now()
  const form = { grant_type: 'refresh_token', client_id: clientId, refresh_token: app.current }
  const answer = await token(world, form).catch(() => undefined)
  if (answer === undefined || answer.status === 503) return false
  if (answer.status !== 200) {
    app.refused.push(answer)
    return false
  }
  app.current = answer.body['refresh_token'] as string
  app.askedMs = askedMs
  return true
}

/** Fails over in the middle of refreshes, which go on until each app is served again. Answers how long after it one still failed. */
async function failOver(apps: readonly App[], act: () => Promise<void>): Promise<number> {
  let isOver = false
  let failedMs = 0
  const loops = apps.map(async (app) => {
    while (!isOver) {
      if (!(await refreshOnce(app))) failedMs = performance.now()
      await delay(10)
    }
  })
  const startedMs = performance.now()
  const allServedSince = (ms: number) =>
    eventually(() => {
      if (apps.some(({ askedMs }) => askedMs < ms)) throw new Error('not every app was served again')
    })
  try {
    await allServedSince(startedMs)
    await act()
    const promotedMs = performance.now()
    await allServedSince(promotedMs)
    return Math.max(0, failedMs - promotedMs)
  } finally {
    isOver = true
    await Promise.all(loops)
  }
}

const writer = { name: 'writer', text: 'select inet_server_port() as port', values: [] }

/** Every way to the database leads there, and every token that was acknowledged is good. */
async function expectAllAt({ port }: DatabaseNode, apps: readonly App[]): Promise<void> {
  expect(apps.flatMap(({ refused }) => refused)).toEqual([])
  for (const app of apps) expect(await refreshOnce(app)).toBe(true)
  const { database } = world.app.core
  expect((await database.readQuery(writer)).rows).toEqual([{ port }])
  expect((await database.commitQuery(writer)).rows).toEqual([{ port }])
  expect((await database.knex.raw(writer.text)).rows).toEqual([{ port }])
  expect((await fetch(`${world.issuer}/readyz`)).status).toBe(200)
}

test('a primary that dies, and one that freezes and comes back, cost no token and no restart', async () => {
  const apps = await Promise.all(['13800138001', '13800138002', '13800138003'].map(loggedIn))

  const afterDeathMs = await failOver(apps, async () => {
    await first.signal('SIGKILL')
    await second.ask('select pg_promote()')
  })
  expect(afterDeathMs).toBeLessThan(limitMs)
  await expectAllAt(second, apps)

  const third = await nodes.standby(second)
  const afterFreezeMs = await failOver(apps, async () => {
    await second.signal('SIGSTOP')
    await third.ask('select pg_promote()')
  })
  expect(afterFreezeMs).toBeLessThan(limitMs)
  await expectAllAt(third, apps)

  // Nobody has told it that it is not the primary any more.
  await second.signal('SIGCONT')
  await eventually(async () => expect(await second.ask('select pg_is_in_recovery() as it')).toEqual([{ it: false }]))
  await expectAllAt(third, apps)

  // While the new one is silent the former one is asked, which takes writes that nobody would find again.
  await third.signal('SIGSTOP')
  for (let round = 0; round < 2; round++)
    expect(await Promise.all(apps.map(refreshOnce))).toEqual(apps.map(() => false))
  await third.signal('SIGCONT')
  await eventually(async () => expect(await Promise.all(apps.map(refreshOnce))).toEqual(apps.map(() => true)))
  await expectAllAt(third, apps)
  process.stdout.write(
    `requests failed until ${afterDeathMs.toFixed(0)} and ${afterFreezeMs.toFixed(0)} ms after the promotion\n`,
  )
})
