import { isBreachedTop } from './breached-top.ts'
import { commonWords } from './common-words.ts'

const rows = ['1234567890', 'qwertyuiop', 'asdfghjkl', 'zxcvbnm', 'abcdefghijklmnopqrstuvwxyz', '!@#$%^&*()']
const columns = [
  '1qaz',
  '2wsx',
  '3edc',
  '4rfv',
  '5tgb',
  '6yhn',
  '7ujm',
  '147',
  '258',
  '369',
  '159',
  '357',
  '951',
  '753',
]
const lines = [...rows, ...columns].flatMap((line) => [line, [...line].reverse().join('')])
// Read aloud: "I love you for a lifetime", "kiss me, I love you", and the like.
const spokenNumbers = new Set(
  '520 521 1314 1413 5201314 1314520 5211314 1314521 201314 584520 7758521 7758258 3344521 168 666 888 147258369'.split(
    ' ',
  ),
)
const known = new Set(commonWords)
const looksLike: Readonly<Record<string, string>> = {
  '@': 'a',
  '4': 'a',
  '3': 'e',
  '1': 'i',
  '!': 'i',
  '0': 'o',
  $: 's',
  '5': 's',
  '7': 't',
}

const year = '(?:19|20)?\\d\\d'
const month = '(?:0[1-9]|1[0-2])'
const day = '(?:0[1-9]|[12]\\d|3[01])'
/** Six or eight digits that read as a day, in whichever order. */
const date = new RegExp(`^(?:${year}${month}${day}|${day}${month}${year})$`)

/** Whole passwords that lists of leaks from elsewhere miss, because everybody ends them in another way. */
const chineseHabits = [
  // "I love you", and whom.
  /^(?:wo)?aini[a-z]{0,10}\d{0,8}[.!]?$/,
  /^(?:a|aa|q|z|w|abc)?123456[a-z0-9.]{0,4}$/,
  // The number of an account of QQ or WeChat, or of a phone.
  /^(?:qq|q|wx|vx|weixin|wechat|tel|shouji)[.:@_-]?[1-9]\d{4,10}$/,
  /^[1-9]\d{4,10}[.@_-]?(?:qq|wx|weixin)(?:[.]?com)?$/,
  /^(?:19|20)\d\d[-./年](?:0?[1-9]|1[0-2])[-./月](?:0?[1-9]|[12]\d|3[01])日?[a-z]{0,3}$/,
]

const limits = { pieces: 4, words: 2, numbers: 1, fillers: 2 }
const longestGuess = 48

/**
 * True for a password made of nothing but habits: at most four pieces, each a common word (also with `@` for `a` and
 * the like), a word of the context, a walk on the keyboard, a repetition, a date, a mobile number or one short number,
 * with at most two characters of something else; or one of the list. Offline, and much wider than a list of whole
 * passwords, as every word stands for its variants.
 */
export function isCommonPassword(
  password: string,
  contextWords: readonly string[] = [],
  isListed: (form: string) => boolean = isBreachedTop,
): boolean {
  const text = formOf(password)
  if (isListed(text) || isChineseHabit(text) || /^(.{1,6}?)\1+$/u.test(text) || isInterleaved(text)) return true
  if (text.length > longestGuess) return false
  const context = new Set(contextWords.flatMap(partsOf))
  const plain = text.replace(/[@431!0$57]/g, (letter) => looksLike[letter] ?? letter)
  const isWord = (from: number, to: number) =>
    [text.slice(from, to), plain.slice(from, to)].some((piece) => known.has(piece) || context.has(piece))
  return consists(text, isWord)
}

/** A password as lists are asked for it. */
export function formOf(password: string): string {
  return password.normalize('NFKC').toLowerCase()
}

function isChineseHabit(text: string): boolean {
  return chineseHabits.some((habit) => habit.test(text))
}

/**
 * What of a name, an address or a number people put into a password: the whole, its parts, and the last digits of a
 * number.
 */
function partsOf(word: string): string[] {
  const text = word.normalize('NFKC').toLowerCase()
  const tails = /^\+\d{8,}$/.test(text) ? [8, 7, 6, 5].map((digits) => text.slice(-digits)) : []
  const parts = [text, text.replace(/^\+86/, ''), ...tails, ...text.split(/[^\p{L}\p{N}]+/u)]
  return parts.filter((part) => part.length >= 3)
}

/** `1q2w3e4r`, `a1b2c3d4`: two walks, a key of each in turn. */
function isInterleaved(text: string): boolean {
  const turns = [0, 1].map((turn) => [...text].filter((_, index) => index % 2 === turn).join(''))
  return text.length >= 6 && turns.every(isWalk)
}

interface Used {
  readonly at: number
  readonly pieces: number
  readonly words: number
  readonly numbers: number
  readonly fillers: number
}

/**
 * Looks for a way through the text within the limits; what was tried from one place with the same counts is not tried
 * again.
 */
function consists(text: string, isWord: (from: number, to: number) => boolean): boolean {
  const open: Used[] = [{ at: 0, pieces: 0, words: 0, numbers: 0, fillers: 0 }]
  const seen = new Set<string>()
  for (let used = open.pop(); used; used = open.pop()) {
    const { at, pieces, words, numbers, fillers } = used
    if (at === text.length) return true
    const counts = Object.values(used).join()
    if (seen.has(counts)) continue
    seen.add(counts)
    if (fillers < limits.fillers) open.push({ ...used, at: at + 1, fillers: fillers + 1 })
    if (pieces === limits.pieces) continue
    for (let to = at + 1; to <= text.length; to++) {
      const piece = text.slice(at, to)
      const next = { ...used, at: to, pieces: pieces + 1 }
      if (isHabit(piece)) open.push(next)
      else if (words < limits.words && isWord(at, to)) open.push({ ...next, words: words + 1 })
      else if (numbers < limits.numbers && /^\d{1,4}$/.test(piece)) open.push({ ...next, numbers: numbers + 1 })
    }
  }
  return false
}

function isHabit(piece: string): boolean {
  if (piece.length < 3) return false
  if (isWalk(piece) || spokenNumbers.has(piece) || date.test(piece)) return true
  return /^(.{1,3})\1+$/u.test(piece) || /^(?:(\d)\1)+$/.test(piece) || /^1[3-9]\d{9}$/.test(piece)
}

function isWalk(piece: string): boolean {
  return piece.length >= 3 && lines.some((line) => line.includes(piece))
}
