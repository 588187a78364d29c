import type { CssNode } from 'css-tree'

/** Checks one value of a property; true where it may stand. */
type Allows = (value: readonly CssNode[]) => boolean

/** Lengths in pixels, from and to. */
function length(from: number, to: number): (node: CssNode) => boolean {
  return (node) => {
    if (node.type === 'Number') return from <= 0 && Number(node.value) === 0
    if (node.type !== 'Dimension') return false
    const scale = { px: 1, rem: 16, em: 16 }[node.unit.toLowerCase()]
    const pixels = scale === undefined ? Number.NaN : Number(node.value) * scale
    return pixels >= from && pixels <= to
  }
}

function word(...words: readonly string[]): (node: CssNode) => boolean {
  return (node) => node.type === 'Identifier' && words.includes(node.name.toLowerCase())
}

function number(from: number, to: number): (node: CssNode) => boolean {
  return (node) => node.type === 'Number' && Number(node.value) >= from && Number(node.value) <= to
}

function one(...checks: readonly ((node: CssNode) => boolean)[]): Allows {
  return ([node, ...rest]) => node !== undefined && rest.length === 0 && checks.some((check) => check(node))
}

function each(most: number, ...checks: readonly ((node: CssNode) => boolean)[]): Allows {
  return (nodes) =>
    nodes.length > 0 && nodes.length <= most && nodes.every((node) => checks.some((check) => check(node)))
}

const colour = (node: CssNode) => node.type === 'Hash' || (node.type === 'Function' && node.name === 'var')
const line = [length(0, 8), word('solid', 'dashed', 'dotted', 'double', 'none'), colour]
const space = one(length(0, 96))
const sides = each(4, length(0, 48))

/**
 * What a theme may say of a class. SECURITY: nothing here can hide, cover, shrink or empty what people agree to. What
 * colours could make unreadable is checked by their contrast, and the rest is bounded.
 */
export const themeProperties: Readonly<Record<string, Allows>> = {
  'background-color': one(colour),
  color: one(colour),
  'border-radius': each(4, length(0, 32)),
  border: each(3, ...line),
  'border-top': each(3, ...line),
  'border-bottom': each(3, ...line),
  'border-width': each(4, length(0, 8)),
  'border-style': each(4, word('solid', 'dashed', 'dotted', 'double', 'none')),
  'border-color': each(4, colour),
  'box-shadow': one(word('none')),
  padding: sides,
  'padding-top': space,
  'padding-bottom': space,
  'padding-inline': each(2, length(0, 48)),
  'margin-top': space,
  'margin-bottom': space,
  gap: each(2, length(0, 48)),
  'max-width': one(length(320, 960)),
  'font-size': one(length(14, 40)),
  'font-weight': one(number(400, 900), word('normal', 'bold')),
  'font-style': one(word('normal', 'italic')),
  'line-height': one(number(1.2, 2)),
  'letter-spacing': one(length(0, 3), word('normal')),
  'text-align': one(word('center', 'start', 'end')),
  'text-transform': one(word('none', 'uppercase', 'capitalize')),
  'justify-content': one(word('start', 'center', 'end', 'flex-start', 'flex-end', 'space-between')),
}

/** Classes and elements that a theme may speak of, and where on a page they are. */
export const themeSubjects: Readonly<Record<string, string>> = {
  body: 'the page',
  h1: 'the heading of a page',
  h2: 'the heading of a part',
  '.masthead': 'what stands above the card',
  '.brand': 'logo and name',
  '.card': 'what the page is about',
  '.footer': 'what stands below the card',
  '.filings': 'company and filing numbers',
  '.lead': 'the sentence below the heading',
  '.tabs': 'the ways to log in',
  '.field': 'a label with its field',
  '.button': 'a button',
  '.secondary': 'a button of less weight, always with .button',
  '.initial': 'the letter in the place of a picture',
  '.tag': 'a small word beside another',
}

/** What may have a ground and a text colour of its own: both, so that the contrast can be judged. */
export const colouredSubjects: ReadonlySet<string> = new Set(['.masthead', '.button', '.tag'])

/** States of a subject. */
export const themeStates: ReadonlySet<string> = new Set(['hover', 'focus-visible', 'active', 'disabled'])
