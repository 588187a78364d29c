import { connect } from 'node:net'
import { setTimeout as delay } from 'node:timers/promises'
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import { backendAuth, clients, redirectUri, resources } from '../support/clients.ts'
import { reachLogin, startLogin } from '../support/login.ts'
import { resetClock, walkTo } from '../support/time.ts'
import { type Answer, errorIn, type Visitor } from '../support/visitor.ts'
import { openWorld, type World } from '../support/world.ts'

describe('what a stranger can do without logging in', () => {
  let world: World

  beforeAll(async () => {
    world = await openWorld({
      env: {
        MENSHEN_SERVER__TRUSTED_PROXIES: '[127.0.0.1, "::1"]',
        MENSHEN_SMS__LIMITS__PER_IP: '[{ max: 2, seconds: 3600 }]',
      },
    })
    await world.register({ clients, resources })
  })
  afterEach(resetClock)
  afterAll(() => world.close())

  const from = (ip: string) => ({ 'x-forwarded-for': ip })
  async function askForCode(phone: string, ip: string): Promise<Answer> {
    const visitor = world.visitor()
    const page = await reachLogin(visitor, startLogin(world, 'plain', redirectUri))
    return visitor.post(page.url, { method: 'sms', phone, agreement: 'on' }, from(ip))
  }
  const knex = () => world.database.database.knex
  async function count(table: string, where: Record<string, unknown>): Promise<number> {
    const rows = await knex()(table).where(where)
    return rows.length
  }

  test('all addresses of one IPv6 network count as one', async () => {
    expect((await askForCode('13600136001', '2001:db8:1:2::1')).status).toBe(303)
    expect((await askForCode('13600136002', '2001:db8:1:2::2')).status).toBe(303)
    expect(errorIn(await askForCode('13600136003', '2001:db8:1:2:ffff::3'))).toBe('request.too_many')
    expect((await askForCode('13600136004', '2001:db8:1:3::1')).status).toBe(303)
  })

  test('refusals that come again and again leave one row a minute', async () => {
    const visitor = world.visitor()
    const page = await reachLogin(visitor, startLogin(world, 'plain', redirectUri))
    const flood = (phone: number) =>
      visitor.post(page.url, { method: 'sms', phone: String(phone), agreement: 'on' }, from('2001:db8:7:7::1'))
    await flood(13_500_000_001)
    await flood(13_500_000_002)
    const refusals = () => count('audit_events', { event: 'login.failed', ip: '2001:db8:7:7::1' })
    for (let phone = 13_500_000_003; phone < 13_500_000_013; phone++) {
      expect((await flood(phone)).status).toBe(429)
    }
    expect(await refusals()).toBe(1)
    walkTo(61_000)
    await flood(13_500_000_013)
    expect(await refusals()).toBe(2)
  })

  describe('at the page for device codes', () => {
    const visit = (ip: string, path = '/device', visitor: Visitor = world.visitor()) => visitor.get(path, from(ip))

    test('codes are not guessed and sessions not piled up from one network', async () => {
      const visitor = world.visitor()
      const form = await visit('198.51.100.1', '/device', visitor)
      const xsrf = /name="xsrf" value="([^"]+)"/.exec(form.text)?.[1] ?? ''
      const guesses = await Promise.all(
        Array.from({ length: 120 }, () =>
          visitor.post('/device', { xsrf, user_code: 'BBBB-BBBB' }, from('198.51.100.1')),
        ),
      )
      expect(guesses.filter(({ status }) => status === 429)).toHaveLength(21)
      const before = await count('oidc_records', { model: 1 })
      for (const path of ['/device', '/Device', '/device/', '/DEVICE/?user_code=BBBB-BBBB']) {
        const answer = await visit('198.51.100.1', path)
        expect({ path, status: answer.status }).toEqual({ path, status: 429 })
        expect(Number(answer.headers['retry-after'])).toBeGreaterThan(0)
      }
      expect(await count('oidc_records', { model: 1 })).toBe(before)
      expect((await visit('198.51.100.2')).status).toBe(200)
    })
  })

  test('whoever tries client secrets is slowed down, and nobody else', async () => {
    const ask = (authorization: string, ip: string, path = '/token') =>
      fetch(`http://localhost:${world.port}${path}`, {
        method: 'POST',
        headers: { authorization, ...from(ip) },
        body: new URLSearchParams({ grant_type: 'client_credentials' }),
      })
    const wrong = `Basic ${Buffer.from('backend:guess').toString('base64')}`
    for (let tries = 0; tries < 30; tries++) expect((await ask(wrong, '2001:db8:9:9::1')).status).toBe(401)
    const refused = await ask(backendAuth.authorization, '2001:db8:9:9::2')
    expect(refused.status).toBe(429)
    expect(Number(refused.headers.get('retry-after'))).toBeGreaterThan(0)
    expect((await ask(wrong, '2001:db8:9:9::3', '/Token/Introspection')).status).toBe(429)
    expect((await ask(backendAuth.authorization, '2001:db8:9:8::1')).status).toBe(200)
    // People behind the same address go on logging in.
    expect((await askForCode('13600136099', '2001:db8:9:9::4')).status).toBe(303)
    walkTo(61_000)
    expect((await ask(backendAuth.authorization, '2001:db8:9:9::2')).status).toBe(200)
  })

  test('a visitor who hangs up is written of in the log or nowhere', async () => {
    const printed: unknown[] = []
    const print = console.error
    console.error = (...line: unknown[]) => void printed.push(line)
    try {
      for (let waitMs = 0; waitMs < 8; waitMs++) {
        const socket = connect(world.port, '127.0.0.1').on('error', () => {})
        socket.write('GET /device HTTP/1.1\r\nhost: x\r\n\r\n')
        await delay(waitMs)
        socket.resetAndDestroy()
      }
      await delay(200)
    } finally {
      console.error = print
    }
    expect(printed).toEqual([])
  })
})

test('what a login under way was asked for is told to no other browser, and stored for nobody to read', async () => {
  const world = await openWorld({ stores: 'tables' })
  try {
    await world.register({ clients, resources })
    const hint = '13900139007'
    const page = await reachLogin(
      world.visitor(),
      startLogin(world, 'plain', redirectUri, { login_hint: hint, state: 'kept' }),
    )
    const elsewhere = await world.visitor().get(page.url)
    expect(elsewhere.status).toBe(400)
    expect(elsewhere.text).not.toContain('kept')
    expect(elsewhere.text).not.toContain(hint)
    const rows = await world.database.database.knex('ephemeral').select('key', 'value')
    expect(rows.length).toBeGreaterThan(0)
    expect(JSON.stringify(rows)).not.toContain(hint)
  } finally {
    await world.close()
  }
})
