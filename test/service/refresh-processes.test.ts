import { createHash } from 'node:crypto'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { afterAll, beforeAll, describe, expect, inject, onTestFinished, test } from 'vitest'
import { durableModels } from '../../src/oidc/library/stored-models.ts'
import { createDatabase, type TestDatabase, untilLocked } from '../support/database.ts'
import { demoClientId, demoFamilies } from '../support/demo-family.ts'
import { exchange, loginBySms, startLogin, token } from '../support/login.ts'
import { openServer, type ServerProcess, startServer, worldOf } from '../support/server-process.ts'
import { freePort } from '../support/services.ts'
import { Visitor } from '../support/visitor.ts'

type Where = ReturnType<typeof worldOf>

const refresh = (where: Where, refreshToken: string) =>
  token(where, { grant_type: 'refresh_token', client_id: demoClientId, refresh_token: refreshToken })

/** Moves the clock of one process, as its clock page does. */
async function advance({ port, issuer }: Where, by: string): Promise<void> {
  const answer = await fetch(`http://localhost:${port}/sandbox/clock`, {
    method: 'POST',
    headers: { origin: issuer, accept: 'application/json' },
    body: new URLSearchParams({ advance: by }),
  })
  expect(answer.status).toBe(200)
}

/**
 * Refreshes every family again and again until the process is killed in the middle of it. Answers the tokens the clients are left
 * with, each of which may have been consumed by a refresh whose answer never arrived.
 */
async function refreshUntilKilled(where: Where, server: ServerProcess, families: readonly string[]) {
  let refreshes = 0
  const loops = families.map(async (first) => {
    let current = first
    for (;;) {
      const answer = await refresh(where, current).catch(() => undefined)
      if (!answer) return current
      expect(answer.status).toBe(200)
      current = answer.body['refresh_token'] as string
      refreshes += 1
    }
  })
  while (refreshes < families.length * 2) await delay(5)
  await delay(Math.random() * 200)
  expect(await server.stop('SIGKILL')).toBe('SIGKILL')
  return { left: await Promise.all(loops), refreshes }
}

// Servers are started, killed and started again: on a busy machine that takes a while.
const options = { timeout: 300_000 }

describe.each(['redis', 'tables'] as const)(
  'refreshes over two processes, short-lived values in %s',
  options,
  (stores) => {
    let database: TestDatabase
    let folder: string
    let shared: Awaited<ReturnType<typeof bothServers>>
    beforeAll(async () => {
      database = await createDatabase()
      folder = await mkdtemp(join(tmpdir(), 'menshen-refresh-'))
      shared = await bothServers(openServer)
    })
    afterAll(async () => {
      await stopped(shared.servers)
      await database.drop()
      await rm(folder, { recursive: true })
    })

    // How a server stops is not the question here, and connections that the client keeps would make it wait.
    const stopped = (servers: readonly ServerProcess[]) => Promise.all(servers.map(({ stop }) => stop('SIGKILL')))

    async function bothServers(begin: typeof openServer) {
      const port = await freePort()
      const issuer = `http://localhost:${port}`
      const env = {
        ISSUER: issuer,
        DATABASE_URL: database.url,
        MENSHEN_SECRET_KEY: 'k'.repeat(43),
        MENSHEN_SMS__LIMITS__PER_NUMBER: '[{ max: 1000, seconds: 60 }]',
        ...(stores === 'redis' ? { REDIS_URL: inject('services').redisUrl } : {}),
      }
      const start = () => begin({ cwd: folder, env: { ...env, PORT: String(port) } })
      const servers = [await start(), await begin({ cwd: folder, env })] as const
      return { servers, here: worldOf(servers[0], issuer), there: worldOf(servers[1], issuer), start }
    }
    /** Two that a test may kill. */
    async function mortalServers() {
      const both = await bothServers(startServer)
      onTestFinished(async () => void (await stopped(both.servers)))
      return both
    }
    const reuses = () => database.database.knex('audit_events').where({ event: 'token.reused' })

    test('50 at once get 50 answers and one successor, and nobody is logged out', async () => {
      const { here, there } = shared
      const first = await (await demoFamilies(here, '13800138001'))()
      const answers = await Promise.all(
        Array.from({ length: 50 }, (_, n) => refresh(n % 2 === 0 ? here : there, first)),
      )
      expect(answers.map(({ status }) => status)).toEqual(Array(50).fill(200))
      const successors = [...new Set(answers.map(({ body }) => body['refresh_token'] as string))]
      expect(successors).toHaveLength(1)
      expect(new Set(answers.map(({ body }) => body['access_token'])).size).toBe(50)
      expect((await refresh(there, successors[0] as string)).status).toBe(200)
      expect(await reuses()).toEqual([])
    })

    test('a client that never got the answer gets the same successor seconds later, from the other process', async () => {
      const { here, there } = shared
      const first = await (await demoFamilies(here, '13800138002'))()
      const lost = await refresh(here, first)
      for (const each of [here, there]) await advance(each, '5s')
      const again = await refresh(there, first)
      expect(again.body['refresh_token']).toBe(lost.body['refresh_token'])
      expect((await refresh(here, again.body['refresh_token'] as string)).status).toBe(200)
    })

    test('a token that comes back late ends the family in every process, and the record says whose, where and when', async () => {
      const { here, there } = shared
      const first = await (await demoFamilies(here, '13800138003'))()
      const second = await refresh(here, first)
      for (const each of [here, there]) await advance(each, '25h')
      expect(await refresh(there, first)).toMatchObject({ status: 400, body: { error: 'invalid_grant' } })
      expect(await refresh(here, second.body['refresh_token'] as string)).toMatchObject({ status: 400 })
      await expect.poll(reuses).toHaveLength(1)
      expect(await reuses()).toEqual([
        expect.objectContaining({
          client_id: demoClientId,
          user_id: expect.stringMatching(/^usr_/),
          ip: expect.stringMatching(/^(127\.0\.0\.1|::1)$/),
          at: expect.any(Date),
          detail: { reason: 'refresh token already used', grant: expect.stringMatching(/^[\w-]{22}$/), method: 'sms' },
        }),
      ])
      await database.database.knex('audit_events').delete()
    })

    test('clocks that differ by two seconds are noticed by nobody', async () => {
      const { here, there } = shared
      await advance(there, '2s')
      for (const [at, elsewhere] of [[here, there] as const, [there, here] as const]) {
        const request = startLogin(at, demoClientId, `${at.issuer}/sandbox/callback`, {
          scope: 'openid phone offline_access',
        })
        const visitor = new Visitor(at.issuer, at.port)
        const back = await loginBySms(at, visitor, request, '13800138004')
        const tokens = await exchange(elsewhere, demoClientId, `${at.issuer}/sandbox/callback`, back.url.href)
        expect((await visitor.through(elsewhere.port).get(request)).location).toContain('code=')
        let current = tokens['refresh_token'] as string
        for (let n = 0; n < 10; n++) {
          const [one, same] = [
            await refresh(n % 2 ? at : elsewhere, current),
            await refresh(n % 2 ? elsewhere : at, current),
          ]
          expect([one.status, same.status]).toEqual([200, 200])
          expect(same.body['refresh_token']).toBe(one.body['refresh_token'])
          current = one.body['refresh_token'] as string
          const headers = { authorization: `Bearer ${one.body['access_token']}` }
          const api = await fetch(`http://localhost:${elsewhere.port}/sandbox/api/orders`, { headers })
          expect(api.status).not.toBe(401)
        }
        const answers = await Promise.all(
          Array.from({ length: 20 }, (_, n) => refresh(n % 2 ? at : elsewhere, current)),
        )
        expect(new Set(answers.map(({ body }) => body['refresh_token'])).size).toBe(1)
      }
      expect(await reuses()).toEqual([])
    })

    test('a process killed while its one statement waits leaves the family with one successor', async () => {
      const { here, there, servers } = await mortalServers()
      const first = await (await demoFamilies(here, '13800138007'))()
      const { knex } = database.database
      const old = knex('oidc_records').where({ id: createHash('sha256').update(first).digest('base64url') })
      const lock = await knex.transaction()
      const { grant_id } = await old.clone().transacting(lock).forUpdate().first()
      const lost = refresh(here, first).catch(() => undefined)
      await untilLocked(knex)
      expect(await old.clone().first()).toMatchObject({ consumed_at: null, successor: null })
      expect(await servers[0].stop('SIGKILL')).toBe('SIGKILL')
      await lock.rollback()
      expect(await lost).toBeUndefined()

      const again = await refresh(there, first)
      expect(again.status).toBe(200)
      const alive = await knex('oidc_records').where({ grant_id, model: durableModels.RefreshToken, consumed_at: null })
      expect(alive).toHaveLength(1)
      expect((await refresh(there, again.body['refresh_token'] as string)).status).toBe(200)
      expect(await reuses()).toEqual([])
    })

    test('a process killed amid refreshes takes no family along', async () => {
      const { here, there, servers, start } = await mortalServers()
      const family = await demoFamilies(there, '13800138005')
      let families = await Promise.all(Array.from({ length: 8 }, family))
      let server = servers[0]
      for (let round = 0; round < 4; round++) {
        const { left } = await refreshUntilKilled(here, server, families)
        const answers = await Promise.all(left.map((each) => refresh(there, each)))
        expect(answers.map(({ status }) => status)).toEqual(Array(8).fill(200))
        families = answers.map(({ body }) => body['refresh_token'] as string)
        server = await start()
      }
      expect(await reuses()).toEqual([])
    })
  },
)

test(
  'on the embedded store, too, a server killed amid refreshes and started again goes on with every family',
  options,
  async () => {
    const cwd = await mkdtemp(join(tmpdir(), 'menshen-refresh-'))
    onTestFinished(() => rm(cwd, { recursive: true, force: true, maxRetries: 5 }))
    const port = await freePort()
    const start = () => startServer({ cwd, env: { PORT: String(port) } })
    const where = worldOf({ port })
    let server = await start()
    const family = await demoFamilies(where, '13800138006')
    let families = await Promise.all(Array.from({ length: 6 }, family))
    for (let round = 0; round < 3; round++) {
      const { left } = await refreshUntilKilled(where, server, families)
      server = await start()
      const answers = await Promise.all(left.map((each) => refresh(where, each)))
      expect(answers.map(({ status }) => status)).toEqual(Array(6).fill(200))
      families = answers.map(({ body }) => body['refresh_token'] as string)
    }
  },
)
