import { hasher } from '../../src/accounts/hashing.ts'
import type { UserId } from '../../src/base/ids.ts'
import { redirectUri } from './clients.ts'
import { loginBySms, reachLogin, startLogin } from './login.ts'
import { resetClock, walkTo } from './time.ts'
import { phoneOf } from './upstreams.ts'
import type { Answer, Visitor } from './visitor.ts'
import type { World } from './world.ts'

export const day = 86_400_000
export const password = 'a long enough phrase'

/** Whose a number is in the account table. */
export async function ownerOf(world: World, phone: string): Promise<UserId | undefined> {
  return world.app.core.directory.ownerOf({ provider: 'phone', subjects: [phone], profile: {} })
}

/** An account that a number leads to, which has proved it the last time so many days ago; and its owner's browser. */
export async function aged(
  world: World,
  number: number,
  { days = 91, more }: { readonly days?: number; readonly more?: (userId: UserId) => Promise<unknown> } = {},
): Promise<{ readonly userId: UserId; readonly phone: string; readonly owner: Visitor }> {
  resetClock()
  const owner = world.visitor()
  const phone = phoneOf(number)
  await loginBySms(world, owner, startLogin(world, 'plain', redirectUri), phone.slice(3))
  const userId = await ownerOf(world, phone)
  if (!userId) throw new Error('nobody was made')
  await more?.(userId)
  walkTo(days * day)
  return { userId, phone, owner }
}

/** Proves the number in a browser; the answer is what comes of it, the question as a rule. */
export async function proveNumber(world: World, visitor: Visitor, phone: string): Promise<Answer> {
  const page = await reachLogin(visitor, startLogin(world, 'plain', redirectUri))
  const otp = await world.otpAfter(phone, () =>
    visitor.post(page.url, { method: 'sms', phone: phone.slice(3), agreement: 'on' }),
  )
  return visitor.follow(await visitor.post(page.url, { method: 'sms', otp }))
}

/** Whether an answer is the question whose the account of a number is. */
export function asksWhose({ text }: Answer): boolean {
  return text.includes('value="mine"')
}

/** Gives an account a password and a user name beside its number. */
export function withPassword(world: World, name: string) {
  return async (userId: UserId) => {
    const { directory } = world.app.core
    await directory.bind(userId, { provider: 'username', subjects: [name], profile: {} }, { ip: '::1' })
    const hashing = hasher({ parameters: world.app.core.config.password.argon2, workers: 1, maxQueue: 9 })
    const hash = await hashing.hash(password)
    await hashing.close()
    await world.database.database.knex('passwords').insert({ user_id: userId, hash, updated_at: new Date(Date.now()) })
  }
}
