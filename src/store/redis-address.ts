import { specialCharacters } from '../base/password-in-address.ts'

/** The addresses of `redis.url`: one, or the nodes of a cluster with commas between. */
export function redisAddresses(text: string): readonly string[] {
  return text.split(',').map((one) => one.trim())
}

/**
 * Why these are no addresses of Redis, in words that quote nothing of them; undefined when they are. A password that is
 * not encoded would end at its first @, slash or question mark, and the rest of it be looked up as the name of a host.
 */
export function redisAddressProblem(text: string): string | undefined {
  const all = redisAddresses(text)
  if (!/^rediss?:\/\//.test(text)) return 'expected redis:// or rediss:// addresses'
  if (all.every(isAddress)) return undefined
  const isOther = all.some((one) => /^[a-z+]+:\/\//i.test(one) && !/^rediss?:\/\//.test(one))
  if (isOther) return 'expected redis:// or rediss:// addresses'
  return `cannot be read: expected redis:// or rediss:// addresses; percent-encode ${specialCharacters}, and , as %2C`
}

const shape = /^rediss?:\/\/(?:[^/?#]*@)?(?:\[[0-9a-f:.]+\]|[^:@/?#[\]]+)(?::\d+)?(?:\/\d*)?(?:\?[^@#]*)?$/i

function isAddress(one: string): boolean {
  if (!shape.test(one) || !URL.canParse(one)) return false
  const { username, password } = new URL(one)
  try {
    for (const part of [username, password]) decodeURIComponent(part)
    return true
  } catch {
    return false
  }
}
