const colours: Readonly<Record<string, string>> = {
  trace: '90',
  debug: '36',
  info: '32',
  warn: '33',
  error: '31',
  fatal: '35',
}

/**
 * One finished JSON line as a person reads it: time, level, message, then the other members; an error with its causes
 * below.
 */
export function prettyLine(line: string): string {
  const { time, level, msg, err, ...rest } = JSON.parse(line) as Record<string, unknown>
  const clock = String(time).slice(11, 19)
  const name = String(level)
  const fields = Object.entries(rest).map(([key, value]) => `\u001b[90m${key}=\u001b[0m${field(value)}`)
  const head = [
    clock,
    `\u001b[${colours[name] ?? '0'}m${name.padEnd(5)}\u001b[0m`,
    ...(msg === undefined ? [] : [text(msg)]),
  ]
  return `${[...head, ...fields].join(' ')}\n${errorLines(err)}`
}

function field(value: unknown): string {
  const shown = typeof value === 'string' ? text(value) : JSON.stringify(value)
  return typeof value === 'string' && /[\s="]/.test(shown) ? JSON.stringify(shown) : shown
}

/** SECURITY: control characters of a logged value would move the cursor of the terminal or fake a line. */
function text(value: unknown): string {
  return String(value).replace(/[\p{Cc}\u2028\u2029\u202a-\u202e\u2066-\u2069]/gu, ' ')
}

function errorLines(err: unknown, indent = '  '): string {
  if (typeof err !== 'object' || err === null) return err === undefined ? '' : `${indent}${text(err)}\n`
  const { type, message, code, stack, cause } = err as Record<string, unknown>
  const label = code === undefined || code === message ? text(type) : `${text(type)} ${text(code)}`
  const lines =
    typeof stack === 'string' && stack !== '' ? stack.split('\n').map((frame) => `${indent}  ${text(frame)}\n`) : []
  return `${indent}${label}: ${text(message)}\n${lines.join('')}${cause === undefined ? '' : errorLines(cause, `${indent}  `)}`
}
