import { appDoor } from './app-door.ts'
import { type AppKey, newAppKey } from './app-key.ts'
import type { Door, Reply } from './door.ts'
import { type DeviceCookie, pageDoor } from './page-door.ts'
import type { Solving } from './solving.ts'
import { type Person, patienceMinutes } from './town.ts'
import type { Vendor } from './vendor.ts'
import type { WalkedTime } from './walked-time.ts'

/** What an account knows somebody by who has logged in before: the cookie of a browser, or the key of an app. */
export interface Device {
  readonly cookie?: DeviceCookie | undefined
  readonly key?: AppKey | undefined
}

/** How a person fared. */
export interface Visit {
  readonly person: Person
  readonly isIn: boolean
  /** From opening the page to the tokens, in seconds; without success, to giving up. */
  readonly seconds: number
  readonly challenges: number
  /** What stood in the way last. */
  readonly lastRefusal: string | undefined
  /** Whether the password was the way in. */
  readonly byPassword: boolean
  readonly refreshToken: string | undefined
  readonly device: Device
}

interface World {
  readonly port: number
  readonly time: WalkedTime
  readonly vendor: Vendor
  readonly password: string
  readonly solving: Solving
}

/** How long people take, in milliseconds. */
const takes = { toReadAndType: 8000, toReceive: 5000, toTypeCode: 7000, toTypePassword: 6000, toRetry: 30_000 } as const
/** A code that has not come after this long is asked for again. */
const waitsForCodeMs = 60_000

/**
 * A person logs in, by the pages or in the app, as people do: they wait when they are told to, ask again when no code
 * comes, and give up after a while.
 */
export async function visit(person: Person, device: Device, world: World): Promise<Visit> {
  const { time, vendor, password, solving } = world
  const begunMs = time.now()
  const givesUpMs = begunMs + patienceMinutes * 60_000
  const { door, used } = await doorOf(person, device, world)
  let challenges = 0
  let lastRefusal: string | undefined

  async function wait(reply: Extract<Reply, { kind: 'refused' }>): Promise<void> {
    lastRefusal = reply.error
    const waitMs = reply.waitSeconds === undefined ? takes.toRetry : reply.waitSeconds * 1000 + 1000
    // Nobody waits longer than their patience.
    await time.sleep(Math.min(waitMs, Math.max(0, givesUpMs - time.now()) + 1000))
  }
  /** Asks, and solves what is asked in return. */
  async function ask(request: (more?: Readonly<Record<string, string>>) => Promise<Reply>): Promise<Reply> {
    const reply = await request()
    if (reply.kind !== 'challenge') return reply
    challenges += 1
    const solved = await solving.solve(reply.challenge)
    await time.sleep(solved.walkedMs)
    return request(solved.fields)
  }
  const ended = (refreshToken: string | undefined, byPassword = false): Visit => ({
    person,
    isIn: refreshToken !== undefined,
    seconds: (time.now() - begunMs) / 1000,
    challenges,
    lastRefusal,
    byPassword,
    refreshToken,
    device: used(),
  })

  for (let shut = await door.open(); shut; shut = await door.open()) {
    await wait(shut)
    if (time.now() > givesUpMs) return ended(undefined)
  }
  await time.sleep(takes.toReadAndType)
  let isAsked = false
  while (time.now() < givesUpMs) {
    const askedMs = time.now()
    const reply = await ask((more) => (isAsked ? door.askAgain(more) : door.askForCode(person.phone, more)))
    if (reply.kind === 'in') return ended(reply.refreshToken)
    if (reply.kind !== 'code') {
      const password = await byPassword(door)
      if (password) return password
      if (reply.kind === 'refused') await wait(reply)
      continue
    }
    isAsked = true
    await time.sleep(takes.toReceive)
    const code = await received(askedMs)
    if (code === undefined) {
      lastRefusal = 'no message came'
      const password = await byPassword(door)
      if (password) return password
      continue
    }
    await time.sleep(takes.toTypeCode)
    const entered = await ask((more) => door.enterCode(code, more))
    if (entered.kind === 'in') return ended(entered.refreshToken)
    if (entered.kind === 'refused') await wait(entered)
  }
  return ended(undefined)

  async function received(sinceMs: number): Promise<string | undefined> {
    for (;;) {
      const code = vendor.codeOf(person.phone, sinceMs - 1000)
      if (code !== undefined || time.now() > sinceMs + waitsForCodeMs) return code
      await time.sleep(takes.toReceive)
    }
  }
  /** Whoever has one goes by it when no code is to be had. */
  async function byPassword(through: Door): Promise<Visit | undefined> {
    if (!person.hasPassword || !person.hasAccount) return undefined
    await time.sleep(takes.toTypePassword)
    const reply = await ask((more) => through.enterPassword(person.phone, password, more))
    if (reply.kind === 'in') return ended(reply.refreshToken, true)
    if (reply.kind === 'refused') lastRefusal = reply.error
    return undefined
  }
}

async function doorOf({ ip, isInApp }: Person, device: Device, { port, time }: World) {
  if (isInApp) {
    const key = device.key ?? (await newAppKey())
    return { door: appDoor({ port, ip, installation: { key, now: time.now } }), used: (): Device => ({ key }) }
  }
  const door = pageDoor({ port, ip }, device.cookie)
  return { door, used: (): Device => ({ cookie: door.device() }) }
}
