import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import { bindByCode, formToken, noticesTo, signedIn } from '../support/account.ts'
import { clients, redirectUri } from '../support/clients.ts'
import { loginByPassword, loginBySms, startLogin } from '../support/login.ts'
import { eventually } from '../support/patience.ts'
import { resetClock, walkTo } from '../support/time.ts'
import type { Answer, Visitor } from '../support/visitor.ts'
import { openWorld, type World } from '../support/world.ts'

let world: World
let other: World
let phones = 13_500_200_000
function newPhone(): string {
  phones += 1
  return String(phones)
}
const day = 86_400_000
const password = 'grape-ladder-42-river'

beforeAll(async () => {
  world = await openWorld({ stores: 'tables' })
  other = await openWorld({ stores: 'tables', beside: world })
  await world.register({ clients })
})
afterEach(resetClock)
afterAll(async () => {
  await other.close()
  await world.close()
})

const knex = () => world.database.database.knex

/** The page where the number of an account is changed. */
async function changePage(visitor: Visitor): Promise<{ path: string; page: Answer; form_token: string }> {
  const list = await visitor.get('/account/identities')
  const href = /href="([^"]+\/change\?restart=1)"/.exec(list.text)?.[1]
  if (href === undefined) throw new Error(`nothing to change: ${list.text.slice(0, 3000)}`)
  const page = await visitor.follow(await visitor.get(href))
  return { path: href.replace(/\?.*/, ''), page, form_token: formToken(page) }
}

async function ownerOf(phone: string): Promise<string | undefined> {
  const found = await knex()('identity_subjects as s')
    .join('identities as i', 'i.id', 's.identity_id')
    .where({ 's.provider': 'phone', 's.subject': `+86${phone}` })
    .first('i.user_id')
  return found?.user_id
}

/** Proves the old number, and asks for a code to the new one. */
async function proveOld(visitor: Visitor, phone: string): Promise<{ path: string; form_token: string }> {
  const { path, form_token } = await changePage(visitor)
  expect((await visitor.post(path, { choice: 'send_old', form_token })).status).toBe(303)
  const proved = await visitor.post(path, { otp: await world.otp(`+86${phone}`), form_token })
  expect(proved.status).toBe(303)
  return { path, form_token }
}

async function enterNew(visitor: Visitor, { path, form_token }: { path: string; form_token: string }, to: string) {
  const asked = await visitor.post(path, { phone: to, form_token })
  if (asked.status !== 303) throw new Error(`no code was sent: ${asked.status} ${asked.text.slice(0, 2000)}`)
  return visitor.post(path, { otp: await world.otp(`+86${to}`), form_token })
}

/** Somebody with a number and a password, who has logged in with the password just now. */
async function withPassword(phone: string): Promise<Visitor> {
  const first = await signedIn(world, redirectUri, phone)
  const form_token = formToken(await first.get('/account/password'))
  await first.post('/account/password', { new_password: password, form_token })
  const name = `changer${phone}`
  const user = await ownerOf(phone)
  const at = new Date()
  await knex()('identities').insert({
    ...{ id: `idn_${phone.padStart(26, '0')}`, user_id: user, provider: 'username', verified_at: at },
    ...{ created_at: at, created_ip: '::1', last_used_at: at, last_used_ip: '::1' },
  })
  await knex()('identity_subjects').insert({
    ...{ provider: 'username', subject: name, identity_id: `idn_${phone.padStart(26, '0')}`, position: 0 },
    created_at: at,
  })
  const visitor = world.visitor()
  await loginByPassword(visitor, startLogin(world, 'plain', redirectUri), name, password)
  return visitor
}

/** Asks for another number without the old one. */
async function askWithout(visitor: Visitor, to: string): Promise<string> {
  const { path, form_token } = await changePage(visitor)
  expect((await visitor.post(path, { choice: 'without_old', form_token })).status).toBe(303)
  const answer = await enterNew(visitor, { path, form_token }, to)
  expect(answer.location).toBe('/account/identities?done=changing')
  return path
}

const told = (to: string) => noticesTo(world, `+86${to}`)

const untilTold = (to: string, template: string) =>
  eventually(async () => {
    const templates = await told(to)
    if (!templates.includes(template)) throw new Error(`${to} was told ${templates.join(', ')}`)
  })

describe('with a code to the old number', () => {
  test('the number is another one at once, the old one is free, and this browser stays signed in', async () => {
    const [from, to] = [newPhone(), newPhone()]
    const visitor = await signedIn(world, redirectUri, from)
    const userId = await ownerOf(from)
    const elsewhere = await signedIn(world, redirectUri, from)
    const answer = await enterNew(visitor, await proveOld(visitor, from), to)
    expect(answer.location).toBe('/account/identities?done=changed')
    expect(await ownerOf(to)).toBe(userId)
    expect(await ownerOf(from)).toBeUndefined()
    expect((await visitor.follow(answer)).text).toContain(`${to.slice(0, 3)}****${to.slice(-4)}`)
    expect((await elsewhere.get('/account/devices')).status).toBe(303)
    await untilTold(from, 'number_changed')
    await untilTold(to, 'number_changed')
    await loginBySms(world, world.visitor(), startLogin(world, 'plain', redirectUri), from)
    expect(await ownerOf(from)).not.toBe(userId)
  })

  test('what this browser came by is the new number from then on, and ends with it', async () => {
    const [from, to] = [newPhone(), newPhone()]
    const visitor = await signedIn(world, redirectUri, from)
    await enterNew(visitor, await proveOld(visitor, from), to)
    await bindByCode(world, visitor, 'email', `${to}@example.com`)
    const list = await visitor.get('/account/identities')
    const [, identity] = /unbind\?identity=(idn_\w+)"[^>]*>[^<]*<span[^>]*> [^<]*\d{3}\*\*\*\*/.exec(list.text) ?? []
    const page = await visitor.get(`/account/identities/unbind?identity=${identity}`)
    await visitor.post('/account/identities/unbind', { identity: identity ?? '', form_token: formToken(page) })
    expect((await visitor.get('/account/devices')).status).toBe(303)
  })

  test('a wrong code to the old one opens nothing, and the new one is not asked for', async () => {
    const from = newPhone()
    const visitor = await signedIn(world, redirectUri, from)
    const { path, form_token } = await changePage(visitor)
    await visitor.post(path, { choice: 'send_old', form_token })
    const right = await world.otp(`+86${from}`)
    const wrong = await visitor.post(path, { otp: right === '000000' ? '000001' : '000000', form_token })
    expect(wrong.status).toBe(400)
    const skipped = await visitor.post(path, { phone: newPhone(), form_token })
    expect(skipped.status).not.toBe(303)
    expect(await ownerOf(from)).toBeDefined()
  })

  test('a number that somebody else has is refused, and nothing moves', async () => {
    const [from, theirs] = [newPhone(), newPhone()]
    await signedIn(world, redirectUri, theirs)
    const visitor = await signedIn(world, redirectUri, from)
    const answer = await enterNew(visitor, await proveOld(visitor, from), theirs)
    expect(answer.status).toBe(409)
    expect(await ownerOf(from)).not.toBe(await ownerOf(theirs))
  })

  test('what was proved before everything was ended changes nothing after it', async () => {
    const [from, to] = [newPhone(), newPhone()]
    const thief = await signedIn(world, redirectUri, from)
    const half = await proveOld(thief, from)
    const asked = await thief.post(half.path, { phone: to, form_token: half.form_token })
    expect(asked.status).toBe(303)
    const owner = await signedIn(world, redirectUri, from)
    const form_token = formToken(await owner.get('/account/devices'))
    await owner.post('/account/devices', { choice: 'others', form_token })
    await thief.post(half.path, { otp: await world.otp(`+86${to}`), form_token: half.form_token })
    expect(await ownerOf(to)).toBeUndefined()
  })

  test('of two changes at once of one number one is done', async () => {
    const from = newPhone()
    const targets = [newPhone(), newPhone()]
    const visitors = [await signedIn(world, redirectUri, from), await signedIn(other, redirectUri, from)]
    const userId = await ownerOf(from)
    const ready: { path: string; form_token: string }[] = []
    for (const [n, visitor] of visitors.entries()) {
      const half = await proveOld(visitor, from)
      await visitor.post(half.path, { phone: targets[n] as string, form_token: half.form_token })
      ready.push(half)
    }
    const codes = await Promise.all(targets.map((to) => world.otp(`+86${to}`)))
    await Promise.all(
      visitors.map((visitor, n) =>
        visitor.post(ready[n]?.path as string, { otp: codes[n] as string, form_token: ready[n]?.form_token as string }),
      ),
    )
    const owners = await Promise.all(targets.map(ownerOf))
    expect(owners.filter((each) => each === userId)).toHaveLength(1)
  })
})

describe('without the old number', () => {
  test('everybody who can be reached is told, and after the wait the number is another one', async () => {
    const [from, to] = [newPhone(), newPhone()]
    const visitor = await withPassword(from)
    const userId = await ownerOf(from)
    await askWithout(visitor, to)
    await untilTold(from, 'number_changing')
    expect(await ownerOf(to)).toBeUndefined()
    walkTo(3 * day - 60_000)
    expect(await ownerOf(from)).toBe(userId)
    walkTo(3 * day + 60_000)
    await eventually(async () => expect(await ownerOf(to)).toBe(userId))
    expect(await ownerOf(from)).toBeUndefined()
    await untilTold(to, 'number_changed')
    await untilTold(from, 'number_changed')
    const rows = await knex()('audit_events').where({ user_id: userId, event: 'identity.changed' })
    expect(rows).toHaveLength(1)
  })

  test('any browser that is signed in stops it, without another login', async () => {
    const [from, to] = [newPhone(), newPhone()]
    const visitor = await withPassword(from)
    const owner = await signedIn(world, redirectUri, from)
    const path = await askWithout(visitor, to)
    walkTo(day)
    const list = await owner.get('/account/identities')
    expect(list.text).toContain(`${path}/stop`)
    const stopped = await owner.post(`${path}/stop`, { form_token: formToken(list) })
    expect(stopped.location).toBe('/account/identities?done=kept')
    walkTo(4 * day)
    await untilTold(from, 'number_kept')
    expect(await ownerOf(to)).toBeUndefined()
    expect(await knex()('identity_changes').where({ label: `${to.slice(0, 3)}****${to.slice(-4)}` })).toEqual([])
  })

  test('what signs out everywhere stops it', async () => {
    const [from, to] = [newPhone(), newPhone()]
    const thief = await withPassword(from)
    const userId = await ownerOf(from)
    await askWithout(thief, to)
    walkTo(60_000)
    const owner = await signedIn(world, redirectUri, from)
    const form_token = formToken(await owner.get('/account/devices'))
    await owner.post('/account/devices', { choice: 'all', form_token })
    walkTo(3 * day + 120_000)
    await untilTold(from, 'number_kept')
    expect(await ownerOf(from)).toBe(userId)
    expect(await ownerOf(to)).toBeUndefined()
  })

  test('a number that somebody proves meanwhile stays theirs', async () => {
    const [from, to] = [newPhone(), newPhone()]
    const visitor = await withPassword(from)
    const userId = await ownerOf(from)
    await askWithout(visitor, to)
    await loginBySms(world, world.visitor(), startLogin(world, 'plain', redirectUri), to)
    walkTo(3 * day + 60_000)
    await untilTold(from, 'number_kept')
    expect(await ownerOf(from)).toBe(userId)
    expect(await ownerOf(to)).not.toBe(userId)
  })

  test('whoever has no other way in is sent to support', async () => {
    const from = newPhone()
    const visitor = await signedIn(world, redirectUri, from)
    const { path, page, form_token } = await changePage(visitor)
    expect(page.text).toContain('请联系客服')
    expect((await visitor.post(path, { choice: 'without_old', form_token })).status).toBe(409)
  })

  test('whoever came by the number itself has to come another way first', async () => {
    const from = newPhone()
    await withPassword(from)
    const bySms = await signedIn(world, redirectUri, from)
    const { path, form_token } = await changePage(bySms)
    expect((await bySms.post(path, { choice: 'without_old', form_token })).status).toBe(409)
  })
})
