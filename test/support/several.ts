import type { IdentityClaim } from '../../src/accounts/user.ts'
import type { UserId } from '../../src/base/ids.ts'
import { miniProgram, mobileApp, type Upstreams, website } from './upstreams.ts'
import type { World } from './world.ts'

const officialAccount = 'wx-official-account'
export const wechatApps = { website, officialAccount, mobileApp, miniProgram } as const
const use = { ip: '203.0.113.7' }

/** A claim to one identity, as if it had been proved. */
export function claimOf(provider: string, subjects: readonly string[], nickname?: string): IdentityClaim {
  return { provider, subjects: subjects as [string, ...string[]], profile: nickname ? { nickname } : {} }
}

/** An openid of this person at WeChat, as a subject. */
export function openidOf({ wechat }: Upstreams, person: string, app: keyof typeof wechatApps): string {
  return `openid:${wechatApps[app]}:${wechat.openid(person, wechatApps[app])}`
}

/** The unionid of this person at WeChat, as a subject. */
export function unionidOf({ wechat }: Upstreams, person: string): string {
  return `unionid:${wechat.unionid(person, website)}`
}

/**
 * Two accounts of one person of WeChat, made before its apps had one Open Platform account, with a phone number each where
 * numbers are given: the first by QR code, the second inside WeChat.
 */
export async function twoAccounts(
  world: World,
  upstreams: Upstreams,
  person: string,
  phones: readonly (string | undefined)[] = [],
): Promise<readonly [UserId, UserId]> {
  const { directory } = world.app.core
  const first = [unionidOf(upstreams, person), openidOf(upstreams, person, 'website')]
  const second = [openidOf(upstreams, person, 'officialAccount'), openidOf(upstreams, person, 'mobileApp')]
  const made: UserId[] = []
  for (const [index, subjects] of [first, second].entries()) {
    const { user } = await directory.register(claimOf('wechat', subjects, `小明 ${index + 1}`), use)
    const phone = phones[index]
    if (phone !== undefined) await directory.bind(user.id, claimOf('phone', [phone]), use)
    made.push(user.id)
  }
  return made as unknown as readonly [UserId, UserId]
}

/** What leads to an account at WeChat, without what it is in full. */
export async function leadsTo(world: World, userId: UserId): Promise<string[]> {
  const account = await world.app.core.directory.find(userId)
  const subjects = account?.identities.filter(({ provider }) => provider === 'wechat').flatMap((each) => each.subjects)
  return (subjects ?? []).map((each) => each.replace(/:[^:]+$/, '')).sort()
}
