import type { Atrule, Block, CssNode, Declaration, Rule } from 'css-tree'
import { meant } from '../base/schema-problems.ts'
import { whenNeeded } from '../base/when-needed.ts'
import { type Colour, contrast, parseColour } from './colour.ts'
import { type ColourName, colourNames, type Palette, type Scheme, schemes } from './palette.ts'
import { colouredSubjects, themeProperties, themeStates, themeSubjects } from './theme-rules.ts'

/** What a theme changes. */
export interface Theme {
  readonly colours: Readonly<Record<Scheme, Partial<Palette>>>
  /** Custom properties that are no colours, and rules for classes, as they are served. */
  readonly css: string
  /** Pairs of colours that were chosen together, to be judged when all colours are known. */
  readonly pairs: readonly ThemePair[]
}

interface ThemePair {
  readonly where: string
  readonly over: string
  readonly under: string
}

/** Something that a theme may not say, with its line. */
export interface ThemeFault {
  readonly line: number
  readonly message: string
}

const cssTree = whenNeeded<typeof import('css-tree')>('css-tree')
const generate = (node: CssNode) => cssTree().generate(node)

/** The condition under which the colours of a scheme are set. */
const schemeCondition = /^\(prefers-color-scheme:(dark|light)\)$/

const loading = /^(url|src|image|image-set|-webkit-image-set|cross-fade|element)$/i

type Refuse = (node: CssNode, message: string) => void

/**
 * Reads a theme and says everything in it that is refused. SECURITY: only what was understood and is allowed is written
 * out again, so that no browser can read it in another way than it was judged.
 */
export function readTheme(text: string): { readonly theme: Theme; readonly faults: readonly ThemeFault[] } {
  const faults: ThemeFault[] = []
  const refuse: Refuse = ({ loc }, message) => faults.push({ line: loc?.start.line ?? 1, message })
  const sheet = cssTree().parse(text, {
    positions: true,
    parseCustomProperty: true,
    onParseError: ({ line, message }) => faults.push({ line, message: `is no CSS: ${message}` }),
  })
  const colours: Record<Scheme, Partial<Record<ColourName, Colour>>> = { light: {}, dark: {} }
  const pairs: ThemePair[] = []
  const css: string[] = []
  const visit = (node: CssNode, scheme: Scheme, isScheme: boolean): string => {
    if (node.type === 'Comment') return ''
    if (node.type !== 'Rule') return refuse(node, 'is not a rule') ?? ''
    if (generate(node.prelude) === ':root') return properties(node, { scheme, isScheme, colours, refuse })
    return classRule(node, pairs, refuse)
  }
  for (const node of sheet.type === 'StyleSheet' ? sheet.children.toArray() : []) {
    if (node.type !== 'Atrule') {
      css.push(visit(node, 'light', true))
      continue
    }
    const media = mediaOf(node, refuse)
    if (media === undefined) continue
    const scheme = schemeCondition.exec(media)?.[1]
    const inside = (node.block?.children.toArray() ?? [])
      .map((each) => visit(each, scheme === 'dark' ? 'dark' : 'light', scheme !== undefined))
      .join('')
    if (inside !== '') css.push(`@media ${media}{${inside}}`)
  }
  return { theme: { colours, pairs, css: css.filter((part) => part !== '').join('\n') }, faults }
}

/** Pairs of a theme that cannot be read in one of the schemes. */
export function unreadablePairs(
  { pairs }: Theme,
  palettes: Readonly<Record<Scheme, Palette>>,
): readonly { readonly where: string; readonly ratio: number; readonly scheme: Scheme }[] {
  return pairs.flatMap(({ where, over, under }) =>
    schemes.flatMap((scheme) => {
      const of = (value: string) =>
        parseColour(value) ?? palettes[scheme][value.slice('var(--'.length, -1) as ColourName]
      const ratio = contrast(of(over), of(under))
      return ratio < 4.5 ? [{ where, ratio, scheme }] : []
    }),
  )
}

/** The condition of a media rule; every other rule that begins with an at sign is refused. */
function mediaOf(node: Atrule, refuse: Refuse): string | undefined {
  const name = node.name.toLowerCase()
  if (name === 'import' || name === 'font-face') {
    refuse(node, `@${name} would load something; a theme loads nothing`)
    return undefined
  }
  const condition = node.prelude ? generate(node.prelude).toLowerCase() : ''
  const isKnown = schemeCondition.test(condition) || /^\((min|max)-width:\d+(\.\d+)?(px|rem)\)$/.test(condition)
  if (name === 'media' && isKnown && node.block) return condition
  refuse(
    node,
    `@${name} ${condition} is not for themes; expected @media (prefers-color-scheme: dark) or (min-width: …)`,
  )
  return undefined
}

interface RootPlace {
  readonly scheme: Scheme
  /** Whether the colours here hold for a whole scheme. */
  readonly isScheme: boolean
  readonly colours: Record<Scheme, Partial<Record<ColourName, Colour>>>
  readonly refuse: Refuse
}

/** Colours are taken aside; what is left of the custom properties is written out. */
function properties({ block }: Rule, { scheme, isScheme, colours, refuse }: RootPlace): string {
  const kept: string[] = []
  for (const declaration of declarationsOf(block, refuse)) {
    const { property } = declaration
    const value = generate(declaration.value).trim()
    const name = property.slice(2) as ColourName
    if (colourNames.includes(name)) {
      const colour = parseColour(value)
      if (!colour) refuse(declaration, `${property} is no colour; expected #rrggbb`)
      else if (!isScheme) refuse(declaration, `${property} may depend on the color scheme alone`)
      else colours[scheme][name] = colour
    } else if (property === '--radius') {
      if (!/^(\d+(\.\d+)?px|0|\d?(\.\d+)?rem)$/.test(value) || toPixels(value) > 24)
        refuse(declaration, '--radius is at most 24px')
      else kept.push(`--radius:${value}`)
    } else if (property === '--font') {
      const isList = /^(("[\w .-]+"|'[\w .-]+'|[\w-]+( [\w-]+)*),\s*)*(system-ui|sans-serif|serif|ui-rounded)$/.test(
        value,
      )
      if (!isList)
        refuse(declaration, '--font is a list of families that ends in system-ui, sans-serif, serif or ui-rounded')
      else kept.push(`--font:${value}`)
    } else {
      const known = [...colourNames, 'radius', 'font'].map((each) => `--${each}`)
      refuse(declaration, `${property} is no property of :root in a theme${meant(property, known)}`)
    }
  }
  return kept.length === 0 ? '' : `:root{${kept.join(';')}}`
}

function toPixels(value: string): number {
  return Number.parseFloat(value) * (value.endsWith('rem') ? 16 : 1)
}

function classRule(rule: Rule, pairs: ThemePair[], refuse: Refuse): string {
  const selectors = rule.prelude.type === 'SelectorList' ? rule.prelude.children.toArray() : []
  const subjects = selectors.map((selector) => subjectOf(selector, refuse))
  const declarations = declarationsOf(rule.block, refuse)
  const texts = declarations.flatMap((declaration) => {
    const { property, value } = declaration
    const nodes = value.type === 'Value' ? value.children.toArray() : []
    const loads = nodes.find((node) => node.type === 'Url' || (node.type === 'Function' && loading.test(node.name)))
    const allows = Object.hasOwn(themeProperties, property) ? themeProperties[property] : undefined
    if (loads) refuse(loads, `${generate(loads).slice(0, 60)} is not for themes: they load nothing`)
    else if (!allows)
      refuse(declaration, `${property} is not for themes${meant(property, Object.keys(themeProperties))}`)
    else if (!allows(nodes) || !nodes.every(isKnownColour)) {
      refuse(declaration, `${property} may not be ${generate(value).slice(0, 60)} in a theme`)
    } else return [`${property}:${generate(value)}`]
    return []
  })
  const written = (name: string) => {
    const found = declarations.findLast(({ property }) => property === name)
    return found === undefined ? undefined : generate(found.value)
  }
  const [over, under] = [written('color'), written('background-color')]
  const where = generate(rule.prelude)
  if (over !== undefined || under !== undefined) {
    const mayBeColoured = subjects.every((subject) => subject !== undefined && colouredSubjects.has(subject))
    if (!mayBeColoured) refuse(rule, `${where} has no colours of its own; set those of :root`)
    else if (over === undefined || under === undefined)
      refuse(rule, `${where} needs color and background-color together`)
    else if ([over, under].every(isColourText)) pairs.push({ where, over, under })
  }
  return texts.length === 0 ? '' : `${where}{${texts.join(';')}}`
}

/** Whether a value, as it was written, is a colour that is known. */
function isColourText(value: string): boolean {
  return parseColour(value) !== undefined || colourNames.some((name) => value === `var(--${name})`)
}

function isKnownColour(node: CssNode): boolean {
  if (node.type === 'Hash') return parseColour(`#${node.value}`) !== undefined
  if (node.type !== 'Function') return true
  return isColourText(generate(node))
}

/** What a selector speaks of; undefined, and refused, where that is not for themes. */
function subjectOf(selector: CssNode, refuse: Refuse): string | undefined {
  const parts = selector.type === 'Selector' ? selector.children.toArray() : []
  const names = parts.flatMap((part) => {
    if (part.type === 'TypeSelector') return [part.name]
    if (part.type === 'ClassSelector') return [`.${part.name}`]
    return part.type === 'PseudoClassSelector' && !part.children && themeStates.has(part.name) ? [] : ['?']
  })
  const isKnown = names.length > 0 && names.every((name) => Object.hasOwn(themeSubjects, name))
  if (isKnown) return names[0]
  const hint = names[0] === undefined ? '' : meant(names[0], Object.keys(themeSubjects))
  refuse(selector, `${generate(selector).slice(0, 60)} is not for themes${hint}`)
  return undefined
}

function declarationsOf(block: Block, refuse: Refuse): readonly Declaration[] {
  return block.children.toArray().flatMap((node) => {
    if (node.type === 'Comment') return []
    if (node.type !== 'Declaration') {
      refuse(node, 'is not a declaration')
      return []
    }
    if (node.important) refuse(node, `${node.property} may not be !important`)
    return [node]
  })
}
