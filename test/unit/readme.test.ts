import { readFileSync } from 'node:fs'
import { describe, expect, test } from 'vitest'

const names = ['README.md', 'README.zh-CN.md'] as const
const [english, chinese] = names.map((name) => readFileSync(new URL(`../../${name}`, import.meta.url), 'utf8')) as [
  string,
  string,
]
const block = /^```.*\n[\s\S]*?^```$/gm

/** What a page says outside its blocks of code. */
function prose(text: string): string {
  return text.replaceAll(block, '')
}

/** What one page must say exactly as the other does, wherever its sentences put it. */
const kinds: Readonly<Record<string, (text: string) => readonly string[]>> = {
  'blocks of code, in this order': (text) => text.match(block) ?? [],
  'levels of headings': (text) => [...prose(text).matchAll(/^(#+) /gm)].map(([, level = '']) => level),
  'links, pictures and addresses': (text) =>
    [...prose(text).matchAll(/\]\(([^)]+)\)|src="([^"]+)"|<(https?:[^>]+)>/g)]
      .map(([, link, picture, address]) => link ?? picture ?? address ?? '')
      .filter((target) => !target.startsWith('README'))
      .sort(),
  'points of lists': (text) => [...prose(text).matchAll(/^- /gm)].map(([point]) => point),
}

describe('the README in Chinese', () => {
  test.each(Object.entries(kinds))('has the same %s', (_, of) => {
    expect(of(english).length).toBeGreaterThan(0)
    expect(of(chinese)).toEqual(of(english))
  })

  test('names the same settings, commands and values, and no other', () => {
    const named = (text: string) => new Set([...prose(text).matchAll(/`([^`]+)`/g)].map(([, code = '']) => code))
    const inBlocks = (english.match(block) ?? []).join('\n')
    // A note inside a block is in English, so the sentence before it may say it in Chinese.
    const added = [...named(chinese)].filter((code) => !named(english).has(code) && !inBlocks.includes(code))
    expect([...named(english)].filter((code) => !named(chinese).has(code))).toEqual([])
    expect(added).toEqual([])
  })

  test('is led to from the top of the English one, and leads back', () => {
    const top = (text: string) => text.split('\n').slice(0, 4).join('\n')
    expect(top(english)).toContain('](README.zh-CN.md)')
    expect(top(chinese)).toContain('](README.md)')
  })

  test('says the licence that the package has', () => {
    const { license } = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8')) as {
      license: string
    }
    for (const text of [english, chinese]) expect(text.slice(-60)).toContain(`[${license}](LICENSE)`)
  })
})
