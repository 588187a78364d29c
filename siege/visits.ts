import type { Door, Reply } from './door.ts'
import { type DeviceCookie, pageDoor } from './page-door.ts'
import { solve } from './solving.ts'
import { type Person, patienceMinutes } from './town.ts'
import type { Vendor } from './vendor.ts'
import type { WalkedTime } from './walked-time.ts'

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
  readonly device: DeviceCookie | undefined
}

interface World {
  readonly port: number
  readonly time: WalkedTime
  readonly vendor: Vendor
  readonly password: string
}

/** How long people take, in milliseconds. */
const takes = { toReadAndType: 8000, toReceive: 5000, toTypeCode: 7000, toTypePassword: 6000, toRetry: 30_000 } as const
/** A code that has not come after this long is asked for again. */
const waitsForCodeMs = 60_000

/**
 * A person logs in by the pages, as people do: they wait when they are told to, ask again when no code comes, and give
 * up after a while.
 */
export async function visit(person: Person, device: DeviceCookie | undefined, world: World): Promise<Visit> {
  const { time, vendor, port, password } = world
  const begunMs = time.now()
  const givesUpMs = begunMs + patienceMinutes * 60_000
  const door = pageDoor({ port, ip: person.ip }, device)
  let challenges = 0
  let lastRefusal: string | undefined

  async function wait(reply: Extract<Reply, { kind: 'refused' }>): Promise<void> {
    lastRefusal = reply.error
    await time.sleep(reply.waitSeconds === undefined ? takes.toRetry : reply.waitSeconds * 1000 + 1000)
  }
  /** Asks, and solves what is asked in return. */
  async function ask(request: (more?: Readonly<Record<string, string>>) => Promise<Reply>): Promise<Reply> {
    const reply = await request()
    if (reply.kind !== 'challenge') return reply
    challenges += 1
    const solved = await solve(reply.challenge)
    if (!solved) return { kind: 'refused', error: 'an unsolved challenge', waitSeconds: undefined }
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
    device: door.device(),
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
    const entered = await door.enterCode(code)
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
