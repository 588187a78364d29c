import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { createRemoteJWKSet, decodeJwt, type JWTPayload, jwtVerify } from 'jose'
import { afterAll, afterEach, beforeAll, beforeEach, expect, test, vi } from 'vitest'
import { type ClientEvent, queueClientEvent } from '../../src/accounts/client-events.ts'
import { newId, type UserId } from '../../src/base/ids.ts'
import { deliverClientEvents } from '../../src/oidc/endings/client-event-delivery.ts'
import { openShell } from '../support/cli.ts'
import { redirectUri } from '../support/clients.ts'
import { patienceMs } from '../support/patience.ts'
import { resetClock, walkTo } from '../support/time.ts'
import { openWorld, type World } from '../support/world.ts'

const purged = 'https://schemas.openid.net/secevent/risc/event-type/account-purged'
const disabled = 'https://schemas.openid.net/secevent/risc/event-type/account-disabled'
const patient = { timeout: patienceMs, interval: 50 }
const common = { token_endpoint_auth_method: 'none', redirect_uris: [redirectUri] }

let world: World
/** What the app's server was sent, in this order, and the statuses of its next answers; 202 when there is none left. */
const sent: { readonly type: string | undefined; readonly token: string }[] = []
let answers: number[] = []
const server = createServer(async (request, response) => {
  let body = ''
  for await (const chunk of request) body += chunk
  sent.push({ type: request.headers['content-type'], token: body })
  response.writeHead(answers.shift() ?? 202, { connection: 'close' }).end()
})

beforeAll(async () => {
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done))
  world = await openWorld({ stores: 'tables', env: { MENSHEN_OUTBOUND__PRIVATE_ADDRESSES: 'true' } })
  const address = `http://127.0.0.1:${(server.address() as AddressInfo).port}/events`
  await world.register({
    clients: [
      { ...common, client_id: 'shop', first_party: true, account_events_uri: address },
      // What `clients apply` refuses somebody may have written with psql.
      { ...common, client_id: 'third', first_party: false, account_events_uri: address },
      { ...common, client_id: 'silent', first_party: true },
    ],
  })
})
beforeEach(async () => {
  await vi.waitFor(async () => expect(await waiting()).toEqual([]), patient)
  sent.length = 0
  answers = []
})
afterEach(() => resetClock())
afterAll(async () => {
  await world?.close()
  await new Promise((done) => server.close(done))
})

const knex = () => world.database.database.knex
const waiting = () => knex()('client_events').orderBy('id')
const isOver = () => vi.waitFor(async () => expect(await waiting()).toEqual([]), patient)

function happens(...events: (Partial<ClientEvent> & Pick<ClientEvent, 'event' | 'userId'>)[]): Promise<void> {
  return knex().transaction(async (transaction) => {
    for (const event of events) await queueClientEvent(transaction, { at: new Date(Date.now()), ...event })
  })
}

async function verified(n = 0): Promise<JWTPayload> {
  const keys = createRemoteJWKSet(new URL(`${world.issuer}/jwks`))
  const { payload, protectedHeader } = await jwtVerify(sent[n]?.token ?? '', keys, {
    issuer: world.issuer,
    audience: 'shop',
    currentDate: new Date(Date.now()),
  })
  expect(protectedHeader.typ).toBe('secevent+jwt')
  expect(sent[n]?.type).toBe('application/secevent+jwt')
  return payload
}

test('an app of ours that asked for it is told by a signed event, once, and nobody else is', async () => {
  const userId = newId('usr')
  await happens({ event: 'account-disabled', userId, detail: { deletion_at: 1_900_000_000 } })
  await isOver()
  expect(sent).toHaveLength(1)
  const { iat, jti, ...claims } = await verified()
  expect(claims).toEqual({
    iss: world.issuer,
    aud: 'shop',
    toe: expect.any(Number),
    sub_id: { format: 'iss_sub', iss: world.issuer, sub: userId },
    events: { [disabled]: { deletion_at: 1_900_000_000 } },
  })
  expect(jti).toMatch(/^[\da-f-]{36}$/)
  expect(iat).toBeGreaterThanOrEqual(Number(claims['toe']))
})

test('what is rolled back is not told', async () => {
  const rolledBack = knex().transaction(async (transaction) => {
    await queueClientEvent(transaction, { event: 'account-purged', userId: newId('usr'), at: new Date() })
    throw new Error('no')
  })
  await expect(rolledBack).rejects.toThrow('no')
  expect(await waiting()).toEqual([])
})

test('events of one account keep their order, however often the first has to be sent, and others do not wait', async () => {
  const [userId, other] = [newId('usr'), newId('usr')]
  answers = [500]
  await happens({ event: 'account-disabled', userId })
  await vi.waitFor(async () => expect(await waiting()).toMatchObject([{ attempts: 1 }]), patient)
  await happens({ event: 'account-enabled', userId }, { event: 'account-disabled', userId: other })
  await vi.waitFor(() => expect(sent).toHaveLength(2), patient)
  expect(subOf(1)).toBe(other)
  // What is behind it is not looked at before it is tried again.
  await vi.waitFor(async () => {
    const [first, second] = await waiting()
    expect([second.event, second.due_at]).toEqual(['account-enabled', first.due_at])
  }, patient)
  walkTo(11_000)
  await isOver()
  const events = sent.map(({ token }) =>
    Object.keys(decodeJwt(token)['events'] ?? {})[0]
      ?.split('/')
      .at(-1),
  )
  expect(events).toEqual(['account-disabled', 'account-disabled', 'account-disabled', 'account-enabled'])
  // The same at every attempt, because the first may have been taken.
  expect(decodeJwt(sent[2]?.token ?? '').jti).toBe(decodeJwt(sent[0]?.token ?? '').jti)
})

const subOf = (n: number) => (decodeJwt(sent[n]?.token ?? '')['sub_id'] as { sub: UserId }).sub

/** As after so many attempts that failed, with the next one due now. */
async function triedBefore(attempts: number): Promise<void> {
  await knex()('client_events').update({ attempts, due_at: new Date(Date.now() - 1) })
}

test('an event that nobody takes is given up after a week of attempts, and that is on record', async () => {
  const userId = newId('usr')
  answers = [503, 503]
  await happens({ event: 'account-disabled', userId })
  await vi.waitFor(async () => expect(await waiting()).toMatchObject([{ attempts: 1 }]), patient)
  await vi.waitFor(() => expect(sent).toHaveLength(1), patient)
  await triedBefore(12)
  await isOver()
  expect(sent).toHaveLength(2)
  const record = await knex()('audit_events').where({ event: 'event.undelivered', user_id: userId }).first()
  expect(record).toMatchObject({ client_id: 'shop', detail: { type: 'account-disabled', attempts: 13 } })
})

test('that an account is gone is told once a day until it is taken', async () => {
  answers = [503, 503]
  await happens({ event: 'account-purged', userId: newId('usr') })
  await vi.waitFor(() => expect(sent).toHaveLength(1), patient)
  await vi.waitFor(async () => expect(await waiting()).toMatchObject([{ attempts: 1 }]), patient)
  await triedBefore(1000)
  await vi.waitFor(async () => {
    const [{ due_at, attempts }] = await waiting()
    expect(attempts).toBe(1001)
    expect(due_at.getTime() - Date.now()).toBeGreaterThan(86_000_000)
  }, patient)
  walkTo(86_401_000)
  await isOver()
  expect((await verified(2))['events']).toEqual({ [purged]: {} })
})

test('of many that look at once one sends each event', async () => {
  const { core, runtime, metrics } = world.app
  const dependencies = {
    ...core,
    metrics,
    issuer: world.issuer,
    provider: () => runtime.provider(),
    keys: () => runtime.keys(),
    privateAddresses: true,
  }
  const people = Array.from({ length: 15 }, () => newId('usr'))
  const deliveries: Promise<number>[] = []
  await knex().transaction(async (transaction) => {
    await transaction.raw('lock table client_events in share mode')
    const queued = happens(...people.map((userId) => ({ event: 'account-purged', userId }) as const))
    deliveries.push(...Array.from({ length: 6 }, () => deliverClientEvents(dependencies)))
    await Promise.race([queued, new Promise((done) => setTimeout(done, 300))])
    deliveries.push(queued.then(() => deliverClientEvents(dependencies)))
  })
  await Promise.all(deliveries)
  await isOver()
  expect(sent.map((_, n) => subOf(n)).toSorted()).toEqual(people.toSorted())
})

test('a client of somebody else cannot ask to be told', async () => {
  const shell = await openShell()
  try {
    await shell.write(
      'seed.yaml',
      `clients:
  - client_id: third
    token_endpoint_auth_method: none
    redirect_uris: [https://app.example.com/cb]
    account_events_uri: https://app.example.com/events
`,
    )
    const refused = await shell.run('clients', 'apply', 'seed.yaml')
    expect(refused.status).toBe(1)
    expect(refused.stderr).toContain('account_events_uri: is only for first_party clients')
  } finally {
    await shell.close()
  }
})
