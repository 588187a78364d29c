import { afterAll, beforeAll, expect, test } from 'vitest'
import type { UserId } from '../../src/base/ids.ts'
import { askToLeave } from '../../src/oidc/endings/account-leaving.ts'
import { clients, redirectUri, resources } from '../support/clients.ts'
import { expectsQuestion } from '../support/deletions.ts'
import { exchange, loginByPassword, reachLogin, startLogin, subjectOf } from '../support/login.ts'
import { eventually } from '../support/patience.ts'
import { claimOf } from '../support/several.ts'
import type { Answer, Visitor } from '../support/visitor.ts'
import { openWorld, type World } from '../support/world.ts'

// Somebody whose account is on its way out chooses another password.

let world: World
let phones = 13_519_000_000
const password = 'ripe tea from 4 mountains'

beforeAll(async () => {
  world = await openWorld({ stores: 'tables' })
  await world.register({ clients, resources })
})
afterAll(() => world.close())

const start = (more = {}) => startLogin(world, 'plain', redirectUri, more)
const hashOf = async (id: UserId) =>
  (await world.database.database.knex('passwords').where({ user_id: id }).first('hash'))?.hash

/** Somebody who is leaving, and has come to the question whether to stay by a new password. */
async function resetsWhileLeaving(more = {}): Promise<{ id: UserId; phone: string; visitor: Visitor; page: Answer }> {
  const phone = String(++phones)
  const { user } = await world.app.core.directory.register(claimOf('phone', [`+86${phone}`]), { ip: '203.0.113.9' })
  await askToLeave(world.app.core, user.id, { waitSeconds: 3600 })
  const visitor = world.visitor()
  const login = await reachLogin(visitor, start(more))
  await visitor.post(login.url, { method: 'reset', identifier: phone, agreement: 'on' })
  // The number is told of the deletion, too, by a message without a code.
  const otp = await eventually(async () => {
    const sent = await world.otp(`+86${phone}`)
    expect(sent).toMatch(/^\d{6}$/)
    return sent
  })
  await visitor.post(login.url, { method: 'reset', otp })
  const page = await visitor.follow(await visitor.post(login.url, { method: 'reset', new_password: password }))
  expectsQuestion(page)
  expect(await hashOf(user.id)).toBeUndefined()
  return { id: user.id, phone, visitor, page }
}

test('it counts once the deletion is taken back, also where only a password will do', async () => {
  for (const more of [{}, { acr_values: 'urn:menshen:acr:knowledge' }]) {
    const { id, phone, visitor, page } = await resetsWhileLeaving(more)
    await visitor.follow(await visitor.post(page.url, { choice: 'undo_deletion' }))
    expect((await world.app.core.directory.find(id))?.user.status).toBe('active')
    const answer = await loginByPassword(world.visitor(), start(), phone, password)
    expect(subjectOf(await exchange(world, 'plain', redirectUri, answer.location))).toBe(id)
  }
})

test('it is forgotten where the deletion stays, and takes nothing back by itself', async () => {
  const { id, visitor, page } = await resetsWhileLeaving()
  await visitor.post(page.url, { choice: 'keep_deletion' })
  expect((await world.app.core.directory.find(id))?.user.status).toBe('leaving')
  expect(await hashOf(id)).toBeUndefined()
  expect((await visitor.post(page.url, { choice: 'undo_deletion' })).status).toBe(400)
})
