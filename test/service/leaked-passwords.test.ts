import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import { startPwnedPasswords } from '../../sandbox/simulators/pwned-passwords.ts'
import type { Fault, Simulator } from '../../sandbox/simulators/simulator.ts'
import { breachedRanges, type RangeOutcome } from '../../src/accounts/breached-ranges.ts'
import { hasher } from '../../src/accounts/hashing.ts'
import { passwordOptions } from '../../src/accounts/password-options.ts'
import { clients, redirectUri } from '../support/clients.ts'
import { loginByPassword, reachLogin, startLogin } from '../support/login.ts'
import { eventually } from '../support/patience.ts'
import { openWorld, type World } from '../support/world.ts'

// Passwords that collections of leaked ones hold: the whole set, from files or from its service.

const leaked = 'kettle in the rain 7'
/** SHA-1 of `leaked`, and of `password`, as everybody knows it. */
const digest = '5BAA61E4C9B93F3F0682250B6CF8331B7EE68FD8'
const folder = mkdtempSync(join(tmpdir(), 'menshen-leaked-'))
let service: Simulator
let told: RangeOutcome[] = []

beforeAll(async () => {
  service = await startPwnedPasswords({ clock: () => Date.now(), leaked: { [leaked]: 3, password: 9, filler: 0 } })
})
afterEach(() => {
  told = []
  service.faults.length = 0
  service.oddities.clear()
})
afterAll(async () => {
  await service.close()
  rmSync(folder, { recursive: true })
})

function ranges(breached: object) {
  const options = passwordOptions.parse({ breached: { timeout: '1s', ...breached } }).breached
  return breachedRanges({ options, allowInsecure: true, onOutcome: (outcome) => void told.push(outcome) })
}

describe('the service', () => {
  const api = () => ranges({ mode: 'api', url: service.url })

  test('is told five digits of the SHA-1, asked to fill up its answer, and believed', async () => {
    expect(await api()(leaked)).toBe(true)
    expect(await api()('password')).toBe(true)
    expect(service.requests.at(-1)?.path).toBe(`/range/${digest.slice(0, 5)}`)
    expect(service.requests.at(-1)?.headers['add-padding']).toBe('true')
    expect(JSON.stringify(service.requests)).not.toContain(digest.slice(5))
    expect(await api()('a phrase that nobody has leaked')).toBe(false)
    // A line that only fills up.
    expect(await api()('filler')).toBe(false)
    expect(told).toEqual(['found', 'found', 'clear', 'clear'])
  })

  const faults: readonly Fault[] = [
    { kind: 'server_error' },
    { kind: 'bad_gateway_html' },
    { kind: 'html_instead' },
    { kind: 'too_many_requests' },
    { kind: 'reset_before_accept' },
    { kind: 'wrong_length' },
    { kind: 'latency', ms: 5000 },
  ]
  test.each(faults.map((fault) => [fault.kind, fault] as const))(
    'lets a password pass when it cannot be asked: %s',
    async (_, fault) => {
      service.faults.push(fault)
      expect(await api()(leaked)).toBe(false)
      expect(told).toEqual(['unavailable'])
    },
  )

  test('is understood with a byte order mark', async () => {
    service.faults.push({ kind: 'byte_order_mark' })
    expect(await api()('password')).toBe(true)
  })

  test('is asked nothing with the list of the program alone', async () => {
    const before = service.requests.length
    expect(await ranges({ mode: 'top', url: service.url })(leaked)).toBe(false)
    expect([service.requests.length - before, told]).toEqual([0, []])
  })
})

describe('a folder', () => {
  const line = `${digest.slice(5)}:42\r\n`
  const other = `${'0'.repeat(35)}:7\r\n`
  test.each([
    ['5BAA6.txt', Buffer.from(other + line)],
    ['5BAA6.gz', gzipSync(other + line)],
    ['5BAA6.txt.gz', gzipSync(line)],
    ['5BAA6', Buffer.from(line.toLowerCase())],
    ['5B/AA6.gz', gzipSync(line)],
    ['5B/AA6.txt', Buffer.from(line)],
  ])('has one file for each range: %s', async (name, bytes) => {
    const directory = mkdtempSync(join(folder, 'set-'))
    mkdirSync(join(directory, '5B'), { recursive: true })
    writeFileSync(join(directory, name), bytes)
    expect(await ranges({ mode: 'directory', directory })('password')).toBe(true)
    expect(await ranges({ mode: 'directory', directory })(leaked)).toBe(false)
    expect(told).toEqual(['found', 'unavailable'])
  })

  test.each([
    ['nothing', ''],
    ['a page', '<html></html>'],
    ['a broken gzip', gzipSync(line).subarray(0, 20)],
    ['a gzip that unfolds to a lot', gzipSync(Buffer.alloc(3_000_000, line))],
  ])('lets a password pass where a file holds %s', async (_, bytes) => {
    const directory = mkdtempSync(join(folder, 'odd-'))
    writeFileSync(join(directory, '5BAA6.txt'), bytes)
    expect(await ranges({ mode: 'directory', directory })('password')).toBe(false)
    expect(told).toEqual(['unavailable'])
  })

  test('has to be there', () => {
    const parsed = passwordOptions.safeParse({ breached: { mode: 'directory', directory: join(folder, 'missing') } })
    expect(parsed.error?.issues[0]?.path).toEqual(['breached', 'directory'])
    expect(passwordOptions.safeParse({ breached: { mode: 'directory' } }).success).toBe(false)
  })
})

describe('with the whole set', () => {
  let world: World
  beforeAll(async () => {
    const env = { MENSHEN_PASSWORD__BREACHED__MODE: 'api', MENSHEN_PASSWORD__BREACHED__URL: service.url }
    world = await openWorld({ env })
    await world.register({ clients })
  })
  afterAll(() => world?.close())
  const start = () => startLogin(world, 'plain', redirectUri)

  test('nobody chooses what it holds, and who has it already logs in and is told once', async () => {
    const visitor = world.visitor()
    const page = await reachLogin(visitor, start())
    const form = { method: 'register', identifier: 'lilei1', agreement: 'on' }
    const refused = await visitor.post(page.url, { ...form, new_password: leaked })
    expect([refused.status, refused.text.includes('password.leaked')]).toEqual([400, true])

    const { core } = world.app
    const claim = { provider: 'email', subjects: ['lilei@example.com'], profile: {} } as const
    const own = hasher({ parameters: core.config.password.argon2, workers: 1, maxQueue: 1 })
    const passwordHash = await own.hash(leaked)
    await own.close()
    await core.directory.register(claim, { ip: '::1' }, { passwordHash })
    const told = async (template: string) => {
      const headers = { accept: 'application/json' }
      const outbox = await fetch(`http://localhost:${world.port}/sandbox/outbox?to=lilei@example.com`, { headers })
      return ((await outbox.json()) as { template: string }[]).filter((each) => each.template === template).length
    }
    const login = (password: string) => loginByPassword(world.visitor(), start(), 'lilei@example.com', password)
    expect((await login('password')).text).toContain('password.wrong')
    expect((await login(leaked)).location).toContain('code=')
    await eventually(async () => expect(await told('password_leaked')).toBe(1))
    expect((await login(leaked)).location).toContain('code=')
    await eventually(async () => expect(await told('new_device')).toBe(2))
    expect(await told('password_leaked')).toBe(1)
  })
})
