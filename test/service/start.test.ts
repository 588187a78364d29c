import { mkdtemp, readdir, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { exchange, loginBySms, startLogin, subjectOf, token } from '../support/login.ts'
import { runToEnd, startServer, worldOf } from '../support/server-process.ts'
import { freePort } from '../support/services.ts'
import { Visitor } from '../support/visitor.ts'

const clientId = 'sandbox-demo'

async function emptyFolder(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'menshen-start-'))
  onTestFinished(() => rm(folder, { recursive: true, force: true, maxRetries: 5 }))
  return folder
}

test('starts in an empty folder with nothing set, and says in few lines where everything is', async () => {
  const cwd = await emptyFolder()
  const first = await startServer({ cwd })
  const lines = first.stdout().trimEnd().split('\n')
  expect(lines.length).toBeLessThan(20)
  expect(lines.slice(0, 4)).toEqual([
    'Menshen is starting with its data in ./.menshen',
    `Menshen is ready at http://localhost:${first.port}`,
    `  demo       http://localhost:${first.port}/sandbox`,
    `  SMS codes  http://localhost:${first.port}/sandbox/outbox`,
  ])
  const unfit = lines.slice(lines.indexOf('not fit for production:') + 1)
  const named = unfit.map((line) => /^ {2}- .+ \((\S+)\)$/.exec(line)?.[1])
  expect(named).toEqual(expect.arrayContaining(['sandbox', 'issuer', 'database.url', 'secret_key', 'sms.senders']))
  expect(named).not.toContain(undefined)
  expect(first.stderr()).toBe('')
  expect(await readdir(cwd)).toEqual(['.menshen'])
  expect((await fetch(`http://localhost:${first.port}/sandbox`)).status).toBe(200)

  expect(await first.stop()).toBe(0)
  const second = await startServer({ cwd })
  console.info(`first start ready in ${first.startedInMs} ms, later in ${second.startedInMs} ms`)
  expect(first.startedInMs).toBeLessThan(60_000)
  expect(second.startedInMs).toBeLessThan(60_000)
})

test('after kill -9 the account, the browser session and the refresh token still work', async () => {
  const cwd = await emptyFolder()
  const env = { PORT: String(await freePort()), MENSHEN_SMS__LIMITS__PER_NUMBER: '[{ max: 9, seconds: 60 }]' }
  const before = await startServer({ cwd, env })
  const world = worldOf(before)
  const visitor = new Visitor(world.issuer, world.port)
  const request = startLogin(world, clientId, world.redirectUri, { scope: 'openid phone offline_access' })
  const back = await loginBySms(world, visitor, request, '13800138000')
  const tokens = await exchange(world, clientId, world.redirectUri, back.url.href)
  expect(tokens['refresh_token']).toBeTypeOf('string')

  expect(await before.stop('SIGKILL')).toBe('SIGKILL')
  await startServer({ cwd, env })

  const again = await visitor.get(request)
  expect(again.location).toMatch(/[?&]code=/)
  const form = { grant_type: 'refresh_token', client_id: clientId, refresh_token: tokens['refresh_token'] ?? '' }
  const refreshed = await token(world, form)
  expect(refreshed.status).toBe(200)
  expect(subjectOf(refreshed.body)).toBe(subjectOf(tokens))
  const stranger = new Visitor(world.issuer, world.port)
  const login = await loginBySms(world, stranger, request, '13800138000')
  expect(subjectOf(await exchange(world, clientId, world.redirectUri, login.url.href))).toBe(subjectOf(tokens))
})

test('a second start in the same folder is refused with the process id of the first', async () => {
  const cwd = await emptyFolder()
  const first = await startServer({ cwd })
  const { status, stdout, stderr } = await runToEnd({ cwd, env: { PORT: String(await freePort()) } })
  expect(status).toBe(1)
  expect(stdout).toBe('Menshen is starting with its data in ./.menshen\n')
  expect(stderr).toContain(String(first.pid))
  expect(stderr).not.toMatch(/\n\s+at /)
  expect((await fetch(`http://localhost:${first.port}/readyz`)).status).toBe(200)
})

test('a second server beside the first needs another port and folder only', async () => {
  const MENSHEN_OPS__METRICS = `127.0.0.1:${await freePort()}`
  const first = await startServer({ cwd: await emptyFolder(), env: { MENSHEN_OPS__METRICS } })
  expect(first.stdout()).toContain(`  metrics    http://${MENSHEN_OPS__METRICS}/metrics\n`)
  for (const WORKERS of ['1', '2']) {
    const second = await startServer({ cwd: await emptyFolder(), env: { MENSHEN_OPS__METRICS, WORKERS } })
    expect(second.stdout()).toContain(
      `  metrics    none, because another process listens on ${MENSHEN_OPS__METRICS} (MENSHEN_OPS__METRICS)\n`,
    )
  }
})

test('a port in use is named, whether one process is asked for or several', async () => {
  const cwd = await emptyFolder()
  const first = await startServer({ cwd })
  for (const workers of ['1', '2']) {
    const env = { PORT: String(first.port), WORKERS: workers }
    const { status, stderr } = await runToEnd({ cwd: await emptyFolder(), env })
    expect(status).toBe(1)
    expect(stderr).toContain(String(first.port))
  }
})

test('a bad configuration is refused with every problem at once, and nothing is made', async () => {
  const cwd = await emptyFolder()
  const env = { PORT: 'many', ISSUER: 'ftp://x', MENSHEN_SMS__SENDER: 'x', MENSHEN_SECRET_KEY: 'short' }
  const { status, stdout, stderr } = await runToEnd({ cwd, env })
  expect(status).toBe(1)
  expect(stdout).toBe('')
  for (const name of ['server.port', 'issuer', 'sms.sender', 'secret_key']) expect(stderr).toContain(name)
  expect(stderr).not.toContain('short')
  expect(stderr).not.toMatch(/\n\s+at /)
  expect(await readdir(cwd)).toEqual([])
})
