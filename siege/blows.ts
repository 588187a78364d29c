import { appDoor } from './app-door.ts'
import type { Blow } from './attack.ts'
import type { Door, Reply } from './door.ts'
import { pageDoor } from './page-door.ts'
import type { Solving } from './solving.ts'
import type { Vendor } from './vendor.ts'
import type { WalkedTime } from './walked-time.ts'

/** What attackers got. */
export interface Loot {
  /** How often each kind struck. */
  readonly struck: Readonly<Record<string, number>>
  /** How often each kind was asked to solve something, and did. */
  readonly solved: Readonly<Record<string, number>>
  /** Accounts that a stolen password or an entered code opened. */
  readonly opened: Readonly<Record<string, number>>
  /** Why they were refused, by kind. */
  readonly refused: Readonly<Record<string, number>>
}

interface World {
  readonly port: number
  readonly time: WalkedTime
  readonly vendor: Vendor
  readonly solving: Solving
}

/** Strikes, and keeps the tally. */
export function attackers({ port, time, vendor, solving }: World) {
  const tally = { struck: {}, solved: {}, opened: {}, refused: {} } satisfies Record<keyof Loot, Record<string, number>>
  const count = (of: Record<string, number>, name: string) => {
    of[name] = (of[name] ?? 0) + 1
  }

  async function ask(blow: Blow, request: (more?: Readonly<Record<string, string>>) => Promise<Reply>) {
    const reply = await request()
    if (reply.kind !== 'challenge' || !blow.solves) return reply
    const solved = await solving.solve(reply.challenge)
    count(tally.solved, blow.kind)
    await time.sleep(solved.walkedMs)
    return request(solved.fields)
  }

  async function enter(blow: Blow, door: Door): Promise<void> {
    const askedMs = time.now()
    await time.sleep(10_000)
    const code = vendor.codeOf(blow.to, askedMs - 5000)
    if (code === undefined) return
    const reply = await ask(blow, (more) => door.enterCode(code, more))
    if (reply.kind === 'in') count(tally.opened, blow.kind)
  }

  return {
    tally: tally as Loot,
    async strike(blow: Blow): Promise<void> {
      const { kind, ip, to, password } = blow
      count(tally.struck, kind)
      const door = blow.door === 'page' ? pageDoor({ port, ip }) : appDoor({ port, ip })
      const shut = await door.open()
      const reply =
        shut ??
        (await ask(blow, (more) =>
          password === undefined ? door.askForCode(to, more) : door.enterPassword(to, password, more),
        ))
      if (reply.kind === 'in') count(tally.opened, kind)
      if (reply.kind === 'challenge') count(tally.refused, `${kind}: challenge`)
      if (reply.kind === 'refused') count(tally.refused, `${kind}: ${reply.error}`)
      if (reply.kind === 'code' && kind === 'farming') await enter(blow, door)
    },
  }
}
