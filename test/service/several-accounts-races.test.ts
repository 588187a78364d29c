import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { UserId } from '../../src/base/ids.ts'
import { endRecords } from '../../src/oidc/endings/endings.ts'
import { durableModels } from '../../src/oidc/library/stored-models.ts'
import { clients, redirectUri } from '../support/clients.ts'
import { exchange, startLogin, subjectOf } from '../support/login.ts'
import { freePort } from '../support/services.ts'
import { claimOf, leadsTo, openidOf, twoAccounts, unionidOf } from '../support/several.ts'
import { loginThrough } from '../support/upstream.ts'
import { openUpstreams, type Upstreams, website } from '../support/upstreams.ts'
import type { Answer, Visitor } from '../support/visitor.ts'
import { openWorld, type World } from '../support/world.ts'

// Which of two accounts it is to be, answered twice, or while one of them changes: on two servers with one database.

let world: World
let beside: World
let upstreams: Upstreams
let people = 0
let numbers = 13900890000

beforeAll(async () => {
  const port = await freePort()
  upstreams = await openUpstreams(`http://localhost:${port}`)
  world = await openWorld({ port, env: upstreams.env(['wechat']) })
  beside = await openWorld({ beside: world, env: upstreams.env(['wechat']) })
  await world.register({ clients })
  await beside.app.runtime.refresh()
})
afterAll(async () => {
  await beside?.close()
  await world?.close()
  await upstreams?.close()
})

const newPerson = () => `p${people++}`
const newPhone = () => `+86${++numbers}`
const directory = () => world.app.core.directory
const ended = { reason: 'device', ip: '203.0.113.7' } as const

interface Asked {
  readonly visitor: Visitor
  readonly page: Answer
}

/** A browser that is asked: WeChat told the unionid of the first and the website's openid of the second. */
async function asked(person: string): Promise<Asked> {
  const visitor = world.visitor()
  const page = await loginThrough(visitor, startLogin(world, 'plain', redirectUri), 'wechat', (upstream) => {
    const code = upstreams.wechat.authorize(person, website)
    return `/callback/wechat?${new URLSearchParams({ code, state: upstream.searchParams.get('state') ?? '' })}`
  })
  expect(page.text).toContain('value="account"')
  return { visitor, page }
}

const post = ({ visitor, page }: Asked, account: UserId) =>
  visitor.post(page.url.pathname, { choice: 'account', account })

/** Who is in at the end, or the code of the refusal. */
async function cameOf({ visitor }: Asked, answer: Answer): Promise<string> {
  const last = await visitor.follow(answer)
  if (last.location?.includes('code=')) {
    const tokens = await exchange(world, 'plain', redirectUri, last.location)
    return tokens['id_token'] ? subjectOf(tokens) : String(tokens['error'])
  }
  return /(attempt\.expired|user\.locked|request\.invalid)/.exec(last.text)?.[0] ?? `status ${last.status}`
}

/** Two accounts of which the first has the unionid and the second the website's openid, with a number or without. */
async function apart(person: string, hasPhone = true): Promise<readonly [UserId, UserId]> {
  const made: UserId[] = []
  for (const subject of [unionidOf(upstreams, person), openidOf(upstreams, person, 'website')]) {
    const { user } = await directory().register(claimOf('wechat', [subject]), { ip: '203.0.113.7' })
    if (hasPhone) await directory().bind(user.id, claimOf('phone', [newPhone()]), { ip: '203.0.113.7' })
    made.push(user.id)
  }
  return made as unknown as readonly [UserId, UserId]
}

/** Where the unionid and the openid lead: never to nobody. */
async function holders(accounts: readonly UserId[]): Promise<readonly string[][]> {
  const led = await Promise.all(accounts.map((userId) => leadsTo(world, userId)))
  expect(led.flat().sort()).toEqual(['openid:wx-website', 'unionid'])
  return led
}

test.each([true, false])(
  'of two answers of one browser at once one counts, whether it moves something: %s',
  async (moves) => {
    for (let round = 0; round < 4; round++) {
      const person = newPerson()
      const accounts = await apart(person, moves)
      const at = await asked(person)
      const answers = await Promise.all(accounts.map((account) => post(at, account)))
      const came = await Promise.all(answers.map((answer) => cameOf(at, answer)))
      const isIn = came.filter((each) => each.startsWith('usr_'))
      expect(isIn).toHaveLength(1)
      const led = await holders(accounts)
      expect(led[accounts.indexOf(isIn[0] as UserId)]).toHaveLength(moves ? 2 : 1)
    }
  },
)

test('of two browsers that choose differently at once one moves, and the other has to begin again', async () => {
  for (let round = 0; round < 6; round++) {
    const person = newPerson()
    const accounts = await apart(person)
    const [one, other] = [await asked(person), await asked(person)]
    const answers = await Promise.all([post(one, accounts[0]), post(other, accounts[1])])
    const came = [await cameOf(one, answers[0]), await cameOf(other, answers[1])]
    expect(came.filter((each) => each === 'attempt.expired')).toHaveLength(1)
    const [winner] = came.filter((each) => each.startsWith('usr_'))
    const led = await holders(accounts)
    expect(led[accounts.indexOf(winner as UserId)]).toHaveLength(2)
  }
})

describe('beside it', () => {
  test('the other way in of the account that gives is removed: it is never left without one', async () => {
    for (let round = 0; round < 6; round++) {
      const person = newPerson()
      const [one, other] = await apart(person)
      const at = await asked(person)
      const phone = (await directory().find(other))?.identities.find(({ provider }) => provider === 'phone')
      if (!phone) throw new Error('no phone')
      const [answer] = await Promise.all([
        post(at, one),
        directory()
          .unbind(other, phone.id, async () => undefined)
          .catch((error: { code: string }) => expect(error.code).toBe('identity.last')),
      ])
      await cameOf(at, answer)
      await holders([one, other])
      expect((await directory().find(other))?.identities).not.toHaveLength(0)
    }
  })

  test.each(['gives', 'takes'])('the account that %s is locked: nobody is in there afterwards', async (which) => {
    for (let round = 0; round < 4; round++) {
      const person = newPerson()
      const [takes, gives] = await apart(person)
      const at = await asked(person)
      const locked = which === 'gives' ? gives : takes
      const [answer] = await Promise.all([post(at, takes), directory().setStatus(locked, 'locked')])
      const came = await cameOf(at, answer)
      const [led] = await holders([takes, gives])
      if (came === 'user.locked') expect(led).toHaveLength(which === 'gives' ? 1 : (led?.length ?? 0))
      if (which === 'takes') expect(came).not.toMatch(/^usr_/)
      else expect(came).toMatch(/^(usr_|user\.locked)/)
    }
  })

  test.each(['gives', 'takes'])('the owner of the account that %s signs out everywhere', async (which) => {
    for (let round = 0; round < 4; round++) {
      const person = newPerson()
      const [takes, gives] = await apart(person)
      const at = await asked(person)
      const signedOut = which === 'gives' ? gives : takes
      const [answer] = await Promise.all([
        post(at, takes),
        endRecords(world.app.core, signedOut, { kind: 'all' }, ended),
      ])
      const came = await cameOf(at, answer)
      const [led] = await holders([takes, gives])
      // Moved and let in, before it; refused and nothing moved, after it. Who moved just before may still be refused.
      if (came.startsWith('usr_')) expect(led).toHaveLength(2)
      if (which === 'takes') expect(await livingSessions(takes)).toBe(0)
    }
  })
})

test.each(['first', 'second'])(
  'what has signed out everywhere since it was proved is not moved: the %s',
  async (which) => {
    const person = newPerson()
    const accounts = await apart(person)
    const at = await asked(person)
    await endRecords(world.app.core, accounts[which === 'first' ? 0 : 1], { kind: 'all' }, ended)
    expect(await cameOf(at, await post(at, accounts[0]))).toBe('attempt.expired')
    expect(await holders(accounts)).toEqual([['unionid'], ['openid:wx-website']])
  },
)

test.each(['first', 'second'])('nor what was unbound since, nor what an operator has locked: the %s', async (which) => {
  const index = which === 'first' ? 0 : 1
  const person = newPerson()
  const accounts = await apart(person)
  const at = await asked(person)
  await directory().setStatus(accounts[index], 'locked')
  expect(await cameOf(at, await post(at, accounts[0]))).toBe('user.locked')
  await directory().setStatus(accounts[index], 'active')
  const again = await asked(person)
  const wechat = (await directory().find(accounts[index]))?.identities.find(({ provider }) => provider === 'wechat')
  if (!wechat) throw new Error('no wechat')
  await directory().unbind(accounts[index], wechat.id, async () => undefined)
  expect(await cameOf(again, await post(again, accounts[0]))).toBe('attempt.expired')
  expect(await leadsTo(world, accounts[1 - index] as UserId)).toHaveLength(1)
})

test('what was proved for the account that gives, and is no login yet, is over', async () => {
  const person = newPerson()
  const [takes, gives] = await twoAccounts(world, upstreams, person, [newPhone(), newPhone()])
  const found = await directory().find(gives)
  const wechat = found?.identities.find(({ provider }) => provider === 'wechat')
  if (!wechat) throw new Error('no wechat')
  const begunAt = Date.now()
  const moment = { begunAt, provedAt: begunAt }
  const claim = claimOf('wechat', [unionidOf(upstreams, person), openidOf(upstreams, person, 'officialAccount')])
  const moved = await directory().gather({ claim, moment, to: takes, from: [gives] }, async () => undefined)
  expect(moved).toMatchObject([{ from: gives, to: takes, identityId: wechat.id }])
  // It keeps the openid of the app, and with it its id: only the moment tells.
  expect((await directory().find(gives))?.identities.some(({ id }) => id === wechat.id)).toBe(true)
  expect((await directory().find(gives))?.user.proofsEndedAt?.getTime()).toBeGreaterThanOrEqual(begunAt)
})

async function livingSessions(userId: UserId): Promise<number> {
  const rows = await world.database.database
    .knex('oidc_records')
    .where({ user_id: userId, model: durableModels.Session })
    .select('id')
  return rows.length
}
