import fc from 'fast-check'
import { expect, test } from 'vitest'
import { makeLiving } from '../fuzz/living.ts'
import { type Generated, requests } from '../fuzz/requests.ts'
import { clients, resources } from '../support/clients.ts'
import { nativeClients } from '../support/native-app.ts'
import { type RawAnswer, sendRaw, sendTruncated } from '../support/raw.ts'
import { routesOf } from '../support/routes.ts'
import { openWorld, type Stores } from '../support/world.ts'

// Set by `npm run fuzz`; without it every run of the tests sends a few hundred to each kind of store.
const total = Number(process.env['FUZZ_REQUESTS'] ?? 300)
const seed = Number(process.env['FUZZ_SEED'] ?? Math.floor(Math.random() * 2 ** 31))
const chosen = process.env['FUZZ_STORES'] as Stores | undefined
/** What exists is used up, so it is made anew after so many requests. */
const perRound = 500
const together = 8
const verbs = new Set(['GET', 'POST', 'DELETE', 'OPTIONS'])

/** No limit may hide what is behind it; limits have tests of their own. */
const env = {
  MENSHEN_SERVER__TRUSTED_PROXIES: '[127.0.0.1, "::1"]',
  MENSHEN_SMS__LIMITS__PER_DAY_TOTAL: '1000000',
  LOG_LEVEL: 'warn',
}

/** A server may answer and hang up before it has read a body that is too long; then there is no status to look at. */
function hungUp(error: NodeJS.ErrnoException): RawAnswer {
  if (error.code !== 'ECONNRESET' && error.code !== 'EPIPE') throw error
  return { status: 0, text: '', headers: {} }
}

test.each(chosen ? [chosen] : (['redis', 'tables'] as const))(
  'whatever strangers send, nothing fails inside, with %s',
  async (stores) => {
    const { built: world, routes } = await routesOf(() => openWorld({ stores, env }))
    const statuses = new Map<string, Map<number, number>>()
    const failures: string[] = []
    let sent = 0

    function note({ route, method, path, body, headers, sender }: Generated, { status, text }: RawAnswer): void {
      const row = statuses.get(route) ?? new Map<number, number>()
      statuses.set(route, row.set(status, (row.get(status) ?? 0) + 1))
      if (status < 500 && !/\n\s+at |node_modules|select \*/.test(text)) return
      const request = JSON.stringify({ method, path, headers, body: body?.toString('latin1').slice(0, 2000), sender })
      failures.push(`${status} ${request}\n  ${text.slice(0, 200)}\n  ${world.log.at(-1)}`)
    }

    try {
      await world.register({ clients: [...clients, ...nativeClients], resources })
      const targets = routes.filter(({ method, path }) => verbs.has(method) && !path.startsWith('/sandbox'))
      for (let round = 0; sent < total; round++) {
        const { member, stranger, living, right } = await makeLiving(world, (seed % 10_000) + round)
        const count = Math.min(perRound, total - sent)
        const batch = fc.sample(requests(targets, living, right), { numRuns: count, seed: seed + round })
        const senders = { member, stranger, nobody: undefined }
        await Promise.all(
          Array.from({ length: together }, async () => {
            for (let request = batch.pop(); request; request = batch.pop()) {
              sent += 1
              const ip = [11 + (sent >> 24), (sent >> 16) & 255, (sent >> 8) & 255, sent & 255].join('.')
              const cookies = [senders[request.sender]?.cookieHeader(request.path), request.headers?.['cookie']]
              const cookie = cookies.filter(Boolean).join('; ')
              const answer = await sendRaw(world.port, {
                ...request,
                headers: { ...request.headers, 'x-forwarded-for': ip, ...(cookie === '' ? {} : { cookie }) },
              }).catch(hungUp)
              note(request, answer)
              if (sent % 50 === 0) await sendTruncated(world.port, request.path.replace(/[^\x21-\x7e]/g, ''))
            }
          }),
        )
      }
    } finally {
      const ownFailures = world.log.filter((line) => /"level":"(error|fatal)"/.test(line))
      const table = [...statuses].sort().map(([route, row]) => {
        const counts = [...row].sort(([a], [b]) => a - b).map(([status, count]) => `${status}: ${count}`)
        return `  ${route.padEnd(42)} ${counts.join('  ')}`
      })
      const isAsked = process.env['FUZZ_REQUESTS'] !== undefined
      if (isAsked || failures.length + ownFailures.length > 0) {
        const lines = [`seed ${seed}, ${stores}: ${sent} requests`, ...table, ...failures.slice(0, 20)]
        process.stdout.write(`${[...lines, ...ownFailures.slice(0, 20)].join('\n')}\n`)
      }
      await world.close()
      expect({ seed, failures: failures.slice(0, 20), ownFailures: ownFailures.slice(0, 20) }).toEqual({
        seed,
        failures: [],
        ownFailures: [],
      })
    }
  },
  Math.max(120_000, total * 100),
)
