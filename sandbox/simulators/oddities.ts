/**
 * What real vendors do to answers, although their documents do not say so. Each comes from public reports; the sentence
 * is for whoever switches it on.
 */
export const oddities = {
  raw_control_characters: 'Names hold control characters that are not escaped.',
  cut_emoji: 'Names end with half an emoji.',
  cut_letter: 'Names end in the middle of a letter of UTF-8.',
  gbk_names: 'Names are written in GBK, and the rest in UTF-8.',
  null_names: 'Names and pictures are `null`.',
  list_names: 'Names and pictures are `[]`.',
  numbers_as_texts: 'Numbers come in quotes.',
  texts_as_numbers: 'Texts of digits come without quotes, however long they are.',
  booleans_as_texts: '`true` and `false` come in quotes.',
  absent_as_null: 'Members that should not be there are there as `null`.',
  absent_as_text: 'Members that should not be there are there as an empty text.',
  absent_as_list: 'Members that should not be there are there as `[]`.',
  repeated_member: 'The first member comes again at the end.',
  trailing_comma: 'There is a comma behind the last member.',
  byte_order_mark: 'The answer begins with U+FEFF.',
  leading_blanks: 'Blanks and empty lines come before the answer, and behind it.',
  guard_prefix: 'The answer begins with a guard against scripts.',
  function_call: 'The answer is the argument of a function call.',
  form_encoded: 'A flat answer is a form.',
  text_plain: 'The content type is text/plain.',
  text_html: 'The content type is text/html.',
  charset_gbk: 'The content type names GBK, although the answer is UTF-8.',
  failures_as_400: 'A failure has status 400.',
} as const satisfies Record<string, string>

/** The name of one of them. */
export type Oddity = keyof typeof oddities

/** An answer as it goes over the line. */
export interface WrittenAnswer {
  readonly status: number
  readonly headers: Readonly<Record<string, string>>
  readonly body: Buffer
}

interface PlainAnswer extends Omit<WrittenAnswer, 'body' | 'headers'>, Partial<Pick<WrittenAnswer, 'headers'>> {
  /** A string goes out as it is, anything else as JSON. */
  readonly body: unknown
}

type Value = (value: unknown, name: string) => unknown

/** JSON that keeps numbers as they are written, which the types of TypeScript do not know yet. */
const exactJson = JSON as unknown as {
  rawJSON(text: string): object
  isRawJSON(value: unknown): boolean
  parse(text: string, reviver: (name: string, value: unknown, context: { readonly source: string }) => unknown): unknown
}

/** Words for people. Whatever happens to these, the answer still says who it is about. */
const shown = new Set(
  'nickname screen_name name login location description city province country errmsg msg message Message error_description'.split(
    ' ',
  ),
)
const pictures = new Set(
  'headimgurl figureurl_qq_1 figureurl_qq_2 profile_image_url avatar_large avatar_url'.split(' '),
)
/** An answer has these members only sometimes. */
const optional = 'errcode errmsg error error_code unionid is_snapshotuser refresh_token nickname name picture'.split(
  ' ',
)

// Letters for private use stand for bytes that no text can hold.
const [controls, gbk, halfLetter] = ['\uE000', '\uE001', '\uE002']
const bytes: ReadonlyMap<string, Buffer> = new Map([
  [controls, Buffer.from('\u0001\u0014\t\n')],
  // 小明誠: the second half of the last letter is a backslash.
  [gbk, Buffer.from('d0a1c3f7d55c', 'hex')],
  [halfLetter, Buffer.from('e5b0', 'hex')],
])

const ofValues: Readonly<Partial<Record<Oddity, Value>>> = {
  raw_control_characters: ofNames((text) => `${controls}${text}`),
  cut_emoji: ofNames((text) => `${text}\ud83d`),
  cut_letter: ofNames((text) => `${text}${halfLetter}`),
  gbk_names: ofNames((text) => `${text}${gbk}`),
  null_names: (value, name) => (isShown(name) ? null : value),
  list_names: (value, name) => (isShown(name) ? [] : value),
  numbers_as_texts: (value) => (exactJson.isRawJSON(value) ? JSON.stringify(value) : value),
  texts_as_numbers: (value) =>
    typeof value === 'string' && /^(0|[1-9]\d*)$/.test(value) ? exactJson.rawJSON(value) : value,
  booleans_as_texts: (value) => (typeof value === 'boolean' ? String(value) : value),
}

type Text = (text: string) => string

const ofJson: Readonly<Partial<Record<Oddity, Text>>> = {
  repeated_member: (text) => text.replace(/^\{("\w+":(?:"[^"]*"|[^,{[]+)),[\s\S]*(?=\}$)/, '$&,$1'),
  trailing_comma: (text) => text.replace(/(?<=[^{])\}$/, ',}'),
  function_call: (text) => `callback( ${text} );`,
}

const around: Readonly<Partial<Record<Oddity, Text>>> = {
  guard_prefix: (text) => `)]}'\n${text}`,
  leading_blanks: (text) => `\r\n\n  ${text}\n\u0000`,
  byte_order_mark: (text) => `\uFEFF${text}`,
}

const ofTypes: Readonly<Partial<Record<Oddity, string>>> = {
  text_plain: 'text/plain',
  text_html: 'text/html',
  charset_gbk: 'text/plain; charset=gbk',
}

/** The answer with all these oddities, as far as they fit what it holds. */
export function writtenOddly(answer: PlainAnswer, chosen: readonly Oddity[]): WrittenAnswer {
  const text = typeof answer.body === 'string' ? answer.body : JSON.stringify(answer.body)
  const content = chosen.length === 0 ? undefined : contentOf(text)
  const isFailure = chosen.includes('failures_as_400') && answer.status === 200 && tellsFailure(content)
  const type = chosen.map((name) => ofTypes[name]).find((each) => each !== undefined)
  const written = content === undefined ? text : writtenContent(content, chosen)
  return {
    status: isFailure ? 400 : answer.status,
    headers: { ...answer.headers, ...(type !== undefined && { 'content-type': type }) },
    body: encoded(chosen.reduce((before, name) => around[name]?.(before) ?? before, written)),
  }
}

function writtenContent(content: object, chosen: readonly Oddity[]): string {
  const changed = chosen.reduce<unknown>(
    (value, name) => walked(withAbsent(value, name), ofValues[name] ?? same),
    content,
  )
  const form = chosen.includes('form_encoded') ? formOf(changed) : undefined
  return form ?? chosen.reduce((json, name) => ofJson[name]?.(json) ?? json, JSON.stringify(changed))
}

/** The object or list that a text holds, with numbers exactly as they are written. */
function contentOf(text: string): object | undefined {
  try {
    const value: unknown = exactJson.parse(text, (_, each, { source }) =>
      typeof each === 'number' ? exactJson.rawJSON(source) : each,
    )
    return typeof value === 'object' && value !== null && !exactJson.isRawJSON(value) ? value : undefined
  } catch {
    return undefined
  }
}

function walked(value: unknown, change: Value, name = ''): unknown {
  if (Array.isArray(value)) return value.map((each) => walked(each, change))
  const changed = change(value, name)
  if (typeof changed !== 'object' || changed === null || Array.isArray(changed) || exactJson.isRawJSON(changed)) {
    return changed
  }
  const entries: [string, unknown][] = Object.entries(changed)
  return Object.fromEntries(entries.map(([key, each]) => [key, walked(each, change, key)]))
}

function withAbsent(value: unknown, oddity: Oddity): unknown {
  const absent = { absent_as_null: null, absent_as_text: '', absent_as_list: [] }
  if (!Object.hasOwn(absent, oddity) || typeof value !== 'object' || Array.isArray(value) || value === null)
    return value
  const empty = absent[oddity as keyof typeof absent]
  return { ...Object.fromEntries(optional.map((name) => [name, empty])), ...value }
}

function tellsFailure(content: object = {}): boolean {
  const { errcode, error, error_code, ret } = content as Readonly<Record<string, unknown>>
  return [errcode, error, error_code, ret].some((each) => each !== undefined && JSON.stringify(each) !== '0')
}

/** The result is undefined for what a form cannot hold. */
function formOf(value: unknown): string | undefined {
  const entries = Object.entries(Object(value))
  if (Array.isArray(value) || entries.some(([, each]) => typeof each === 'object' && !exactJson.isRawJSON(each))) {
    return undefined
  }
  const fields = entries.map(([name, each]): [string, string] => [
    name,
    typeof each === 'string' ? each : JSON.stringify(each),
  ])
  return String(new URLSearchParams(fields))
}

function encoded(text: string): Buffer {
  const parts = text.split(/([\uE000-\uE002])/).map((part) => bytes.get(part) ?? Buffer.from(part))
  return Buffer.concat(parts)
}

function ofNames(change: (text: string) => string): Value {
  return (value, name) => (typeof value === 'string' && shown.has(name) ? change(value) : value)
}

function isShown(name: string): boolean {
  return shown.has(name) || pictures.has(name)
}

function same(value: unknown): unknown {
  return value
}
