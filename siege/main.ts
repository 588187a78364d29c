import { existsSync } from 'node:fs'
import { writeFile } from 'node:fs/promises'
import { resolve } from 'node:path'
import { pathToFileURL } from 'node:url'
import { type Stores, startStores } from '../bench/stores.ts'
import { type Decision, measureDecision } from './decision.ts'
import { type Options, parseOptions, usage } from './options.ts'
import { type Column, reportText } from './report.ts'
import { type Besieged, besiege, holdOut } from './siege.ts'
import { scaled } from './town.ts'
import { capsOf, startVendor } from './vendor.ts'

/** The product's own default. */
const messagesADay = 10_000

const progress = (text: string) => process.stderr.write(`${text}\n`)

/**
 * A part of the attack meets the same part of what the site may spend. Money is limited where the checkout can do that.
 */
function siteOf(root: string, scale: number): Readonly<Record<string, string>> {
  const limits = { MENSHEN_SMS__LIMITS__PER_DAY_TOTAL: String(scaled(messagesADay, scale)) }
  if (!existsSync(new URL('src/abuse/money.ts', root))) return limits
  const { mainland, abroad: hmt } = capsOf(scale)
  return { ...limits, MENSHEN_SMS__BUDGET: JSON.stringify({ per_hour: { mainland, hmt } }) }
}

/** The checkouts whose servers are besieged: this one last, so that what came before stands to its left. */
function rootsOf({ against }: Options): ReadonlyMap<string, string> {
  const here = new URL('..', import.meta.url).href
  if (against === undefined) return new Map([['here', here]])
  return new Map([
    ['before', pathToFileURL(`${resolve(against)}/`).href],
    ['here', here],
  ])
}

async function measureDecisions(options: Options, stores: Stores): Promise<Readonly<Record<string, Decision>>> {
  if (options.store === 'redis-away') return {}
  progress('what a decision costs')
  let nowMs = Date.now()
  const vendor = await startVendor(() => nowMs)
  const servers: Record<string, Besieged> = {}
  try {
    for (const [name, root] of rootsOf(options)) {
      const input = { root, name: `decision_${name}`, stores, store: options.store, env: {} }
      servers[name] = await besiege(input, [], vendor)
    }
    const walk = (ms: number) => {
      nowMs = Math.max(nowMs, Date.now()) + ms
      return Promise.all(Object.values(servers).map(({ child }) => child.call('walk', nowMs)))
    }
    return await measureDecision(servers, { rounds: 4, walk })
  } finally {
    await Promise.all(Object.values(servers).map((each) => each.close()))
    await vendor.close()
  }
}

async function run(options: Options): Promise<Column[]> {
  const stores = await startStores()
  try {
    const decisions = await measureDecisions(options, stores)
    const columns: Column[] = []
    for (const [name, root] of rootsOf(options)) {
      const { store, seed, scale, speed, solvers } = options
      const where = { root, name: `siege_${name}`, stores, store, env: siteOf(root, scale) }
      const aftermath = await holdOut({ ...where, seed, scale, speed, solvers, progress })
      columns.push({ title: name, aftermath, decision: decisions[name] })
    }
    return columns
  } finally {
    await stores.stop()
  }
}

try {
  const options = parseOptions(process.argv.slice(2))
  const columns = await run(options)
  process.stdout.write(reportText(options, columns, capsOf(options.scale)))
  if (options.json !== undefined) await writeFile(options.json, `${JSON.stringify(columns, undefined, 2)}\n`)
} catch (error) {
  process.stderr.write(`${error instanceof Error ? (error.stack ?? error.message) : String(error)}\n\n${usage}`)
  process.exitCode = 1
}
