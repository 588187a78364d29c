import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { expect, test } from 'vitest'

const root = fileURLToPath(new URL('../..', import.meta.url))
const page = readFileSync(join(root, 'docs/scale.md'), 'utf8')

/** What a sum of the page comes to: numbers, + − × ÷ and parentheses, multiplication first. */
function worth(sum: string): number {
  const tokens = sum.replaceAll(' ', '').match(/[\d.]+|[+−×÷()]/g) ?? []
  let place = 0
  const operand = (): number => {
    const token = tokens[place++]
    if (token !== '(') return Number(token)
    const inner = total()
    place += 1
    return inner
  }
  const product = (): number => {
    let value = operand()
    while (tokens[place] === '×' || tokens[place] === '÷') {
      value = tokens[place++] === '×' ? value * operand() : value / operand()
    }
    return value
  }
  const total = (): number => {
    let value = product()
    while (tokens[place] === '+' || tokens[place] === '−') {
      value = tokens[place++] === '+' ? value + product() : value - product()
    }
    return value
  }
  return total()
}

test('every sum of the page is right, to two in a hundred', () => {
  const sums = [...page.matchAll(/`([\d.+−×÷() ]+) = ([\d.]+)`/g)]
  expect(sums.length).toBeGreaterThan(30)
  const wrong = sums.filter(([, sum = '', told]) => Math.abs(worth(sum) / Number(told) - 1) > 0.02)
  expect(wrong.map(([text, sum = '']) => `${text}: ${worth(sum)}`)).toEqual([])
})

test('every figure leads to a page and a heading that are there', () => {
  const slug = (heading: string) =>
    heading
      .toLowerCase()
      .replace(/[^\p{L}\p{N} -]/gu, '')
      .replaceAll(' ', '-')
  const broken = [...page.matchAll(/\]\(([^)#]*)#?([^)]*)\)/g)].filter(([, path = '', anchor = '']) => {
    const file = path === '' ? join(root, 'docs/scale.md') : join(root, 'docs', path)
    if (!existsSync(file)) return true
    const headings = [...readFileSync(file, 'utf8').matchAll(/^#+ (.+)$/gm)].map(([, text = '']) => slug(text))
    return anchor !== '' && !headings.includes(anchor)
  })
  expect(broken.map(([text]) => text)).toEqual([])
})
