import { createHash } from 'node:crypto'
import type { Clock } from '../../src/base/clock.ts'
import { type Simulator, startSimulator } from './simulator.ts'

interface Options {
  readonly clock: Clock
  readonly port?: number
  /** Leaked passwords, and how often each was found. */
  readonly leaked: Readonly<Record<string, number>>
}

/** Lines that a range has at least; with padding between 800 and 1000. */
const usualLines = 478
const paddedLines = 800

/**
 * Plays the range service of Have I Been Pwned: `GET /range/<first 5 hex digits of SHA-1>` answers the rest of every
 * digest with its count, as text. With `Add-Padding: true` lines with the count 0 are mixed in. Everything else is no
 * request for it.
 */
export async function startPwnedPasswords({ clock, port, leaked }: Options): Promise<Simulator> {
  const known = Object.entries(leaked).map(([password, count]) => ({ digest: sha1(password), count }))
  return startSimulator({
    clock,
    port,
    handle({ method, path, headers, rawQuery, body }) {
      const [, prefix = ''] = /^\/range\/([0-9a-f]{5})$/i.exec(path) ?? []
      const plain = { 'content-type': 'text/plain' }
      if (method !== 'GET' || body !== '') return { status: 405, body: 'Method Not Allowed', headers: plain }
      const isFormat = rawQuery === '' || /^mode=(?:sha1|ntlm)$/.test(rawQuery)
      if (prefix === '' || !isFormat) {
        return { status: 400, body: 'The hash prefix was not in a valid format', headers: plain }
      }
      const padding = headers['add-padding']
      if (padding !== undefined && padding !== 'true') return { status: 400, body: 'Bad Request', headers: plain }
      const own = known.filter(({ digest }) => digest.startsWith(prefix.toUpperCase()))
      const others = Array.from({ length: usualLines }, (_, line) => ({ digest: sha1(`${prefix}${line}`), count: 3 }))
      const fillers = Array.from({ length: padding ? paddedLines - usualLines : 0 }, (_, line) => ({
        ...{ digest: sha1(`filler ${prefix}${line}`), count: 0 },
      }))
      const lines = [...own, ...others, ...fillers].map(({ digest, count }) => `${digest.slice(5)}:${count}`).sort()
      return { status: 200, body: lines.join('\r\n'), headers: plain }
    },
  })
}

function sha1(text: string): string {
  return createHash('sha1').update(text).digest('hex').toUpperCase()
}
