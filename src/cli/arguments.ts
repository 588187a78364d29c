import { parseArgs } from 'node:util'
import { nearest } from '../base/nearest.ts'
import { type Command, commonOptions, type Flags, type Option } from './command.ts'

type Options = Readonly<Record<string, Option>>
type Read = { readonly args: readonly string[]; readonly flags: Flags } | { readonly problem: string }

/** What was typed behind the name of a command, as arguments and options, or why it cannot be read. */
export function readArguments(command: Command, words: readonly string[]): Read {
  const options = { ...command.options, ...commonOptions }
  const names = Object.keys(options)
  const types = Object.fromEntries(Object.entries(options).map(([name, { type }]) => [name, { type }]))
  try {
    const args = optionsFirst(words, options)
    const { values, positionals } = parseArgs({ args, options: types, allowPositionals: true, strict: true })
    const { min, max } = command.args
    const flags = values as Flags
    for (const [name, { unsaid, value }] of Object.entries(options)) {
      const said = flags[name]
      if (unsaid !== undefined && said !== undefined && !isNumber(String(said)))
        return { problem: `option --${name}: "${said}" is no number${value ? ` of ${value.toLowerCase()}` : ''}` }
    }
    if (flags['help'] !== true && positionals.length < min) return { problem: 'something is missing' }
    if (positionals.length > max) return { problem: `"${positionals[max]}" is too much` }
    return { args: positionals, flags }
  } catch (thrown) {
    const message = thrown instanceof Error ? thrown.message : String(thrown)
    const unknown = /^Unknown option '([^']+)'/.exec(message)?.[1]
    return { problem: unknown === undefined ? (message.split('. ')[0] ?? message) : noOption(unknown, names) }
  }
}

/**
 * Brings the words into an order in which nothing can be mistaken: options with their values, then `--`, then the rest.
 * Ids of sessions, grants, keys and requests are base64url, so one in 64 begins with `-`; people type it as it was
 * printed. Throws a sentence that says what is wrong.
 */
function optionsFirst(words: readonly string[], options: Options): string[] {
  const found: string[] = []
  const rest: string[] = []
  for (let index = 0; index < words.length; index++) {
    const word = words[index] ?? ''
    if (word === '--') {
      rest.push(...words.slice(index + 1))
      break
    }
    const next = words[index + 1]
    if (!isOption(word, options)) rest.push(word)
    else if (!word.startsWith('--')) throw new Error(`Unknown option '${word}'`)
    else if (!takesValue(word, options)) found.push(word)
    else if (unsaidOf(word, options) !== undefined && !isNumber(next ?? ''))
      found.push(`${word}=${unsaidOf(word, options)}`)
    else if (next === undefined || next === '--' || isOption(next, options))
      throw new Error(`option ${word}: argument missing`)
    else {
      found.push(`${word}=${next}`)
      index += 1
    }
  }
  return [...found, '--', ...rest]
}

function takesValue(word: string, options: Options): boolean {
  return Object.hasOwn(options, word.slice(2)) && options[word.slice(2)]?.type === 'string'
}

function unsaidOf(word: string, options: Options): number | undefined {
  return options[word.slice(2)]?.unsaid
}

function isNumber(text: string): boolean {
  return /^\d{1,5}$/.test(text)
}

/** What looks like an id is one, unless it is an option of the command; `-json` is a slip of the finger. */
function isOption(word: string, options: Options): boolean {
  const [, dashes, name = ''] = /^(--?)([^=]+)/.exec(word) ?? []
  if (dashes === undefined) return false
  if (name === 'h' || Object.hasOwn(options, name)) return true
  return dashes === '--' && !idPattern.test(word)
}

/** An id is at least as long as the id of a request, the shortest one; no option has a capital letter or a digit. */
const idPattern = /^(?=.*[A-Z0-9])[\w-]{12,}$/

function noOption(word: string, names: readonly string[]): string {
  const candidate = nearest(word.replace(/^-+/, ''), names)
  return `there is no option ${word}${candidate === undefined ? '' : `; did you mean --${candidate}?`}`
}
