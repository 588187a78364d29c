import { afterAll, beforeAll, expect, test } from 'vitest'
import { accountPaths, paths } from '../../src/base/paths.ts'
import { signedIn } from '../support/account.ts'
import { clients, redirectUri, resources } from '../support/clients.ts'
import type { Visitor } from '../support/visitor.ts'
import { openWorld, type World } from '../support/world.ts'

// How far the deletion of an account is from each page of the account centre.

let world: World

beforeAll(async () => {
  world = await openWorld({ stores: 'tables' })
  await world.register({ clients, resources })
})
afterAll(() => world.close())

/** The pages of the account centre that a page leads to; undefined of what is no page. */
async function linksOf(visitor: Visitor, page: string): Promise<readonly string[] | undefined> {
  const { status, text } = await visitor.get(page)
  if (status !== 200 || !text.startsWith('<!')) return undefined
  const found = [...text.matchAll(/<a [^>]*href="(\/account(?:\/[^"?#]*)?)[?#"]/g)].map(([, path = '']) => path)
  // The page of the password has a button back instead of a link.
  return [...new Set([...found, ...(text.includes('name="choice" value="skip"') ? [paths.account] : [])])]
}

test('from every page of it the deletion is four taps away at most, the tick and the button among them', async () => {
  const visitor = await signedIn(world, redirectUri, '13512345678')
  const links = new Map<string, readonly string[]>()
  const waiting: string[] = [paths.account]
  for (let page = waiting.pop(); page !== undefined; page = waiting.pop()) {
    const found = await linksOf(visitor, page)
    if (!found) continue
    links.set(page, found)
    waiting.push(...found.filter((each) => !links.has(each) && !waiting.includes(each)))
  }
  const pages = [...links.keys()]
  const known = [
    'profile',
    'password',
    'devices',
    'history',
    'messages',
    'apps',
    'data',
    'merge',
    'identities',
  ] as const
  expect(pages).toEqual(expect.arrayContaining(known.map((name) => accountPaths[name])))
  const taps = (page: string, walked = 0): number => {
    if (page === accountPaths.deletion) return walked + 2
    if (walked >= 3) return Number.POSITIVE_INFINITY
    return Math.min(...(links.get(page) ?? []).map((next) => taps(next, walked + 1)))
  }
  const far = pages.filter((page) => taps(page) > 4)
  expect(far).toEqual([])
})
