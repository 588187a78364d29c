import { setTimeout as delay } from 'node:timers/promises'
import pg from 'pg'
import type { Stores } from '../bench/stores.ts'
import { loginsIn } from './counting.ts'
import type { Person } from './ledger.ts'
import type { Options } from './options.ts'
import type { Plan } from './plan.ts'
import type { Result } from './report.ts'
import { damageIn } from './rows.ts'
import type { World } from './scene.ts'
import type { ServerLife } from './server-life.ts'
import type { Site } from './site.ts'

/** A run, while it goes on. */
export interface Run extends World {
  readonly options: Options
  readonly plan: Plan
  readonly stores: Stores
  readonly site: Site
  readonly people: readonly Person[]
  readonly lives: ServerLife[]
  readonly former: ServerLife[]
  readonly faults: Record<string, number>
  readonly healed: Record<string, { most: number }>
  readonly scrapes: Map<ServerLife, number>
  /** When the plan began. */
  begunMs: number
  kills: number
  done: number
  looks: number
  isEnding: boolean
  readonly enough: AbortSignal
}

const lookEveryMs = 45_000
const minuteMs = 60_000

/** Who is told of a run: people by lines, a file by what is known by then. */
export interface Audience {
  readonly tell: (text: string) => void
  readonly save: (result: Result) => Promise<void>
  /** Whoever waits has had enough: what was acknowledged by then is tried, and that is all. */
  readonly enough: AbortSignal
}

/** Asks the tables, on a connection of its own; undefined when there is no database now. */
export async function ask<T>({ site }: Run, work: (client: pg.Client) => Promise<T>): Promise<T | undefined> {
  const client = new pg.Client({ connectionString: site.databaseUrl, connectionTimeoutMillis: 20_000 })
  client.on('error', () => {})
  try {
    await client.connect()
    return await work(client)
  } catch {
    return undefined
  } finally {
    await client.end().catch(() => {})
  }
}

/** Looks for what must not be in the tables; false when nobody could be asked. */
export async function lookAtRows(run: Run): Promise<boolean> {
  const damage = await ask(run, damageIn)
  if (!damage) return false
  run.looks += 1
  for (const { what, rows } of damage) run.findings.add(`${what}: ${JSON.stringify(rows)}`)
  return true
}

/** Looks at rows, keys and processes all the time. */
export async function lookOn(run: Run, replace: (server: number) => Promise<void>): Promise<void> {
  const { keyring, findings, lives, weather } = run
  let lookedMs = 0
  while (!run.isEnding) {
    await delay(1000)
    for (const [server, life] of lives.entries()) {
      if (!life.endedByItself) continue
      findings.add(`${life.name} has ended by itself`)
      const over = weather.begin('a server that ended by itself')
      await replace(server).catch((error: Error) => findings.add(error.message))
      over()
    }
    if (Date.now() - lookedMs < lookEveryMs) continue
    lookedMs = Date.now()
    for (const missing of await keyring.look()) findings.add(missing)
    await lookAtRows(run)
    await scrape(run)
  }
}

/** What each server has counted since it started. */
export async function scrape({ site, lives, scrapes }: Run): Promise<void> {
  for (const [server, life] of lives.entries()) {
    const text = await fetch(`http://127.0.0.1:${site.metricsPorts[server]}/metrics`)
      .then((answer) => answer.text())
      .catch(() => undefined)
    // It may have been replaced meanwhile.
    if (text !== undefined && lives[server] === life) scrapes.set(life, loginsIn(text))
  }
}

/** Tells how it goes, once a minute. */
export async function watchTheClock(run: Run, { tell, save }: Audience): Promise<void> {
  for (let minute = 0; !run.isEnding; minute++) {
    await Promise.all(run.lives.map((life) => life.sampleMemory(minute)))
    tell(minuteText(run, minute))
    await save(await resultOf(run, false))
    const untilMs = run.begunMs + (minute + 1) * minuteMs
    while (!run.isEnding && Date.now() < untilMs) await delay(500)
  }
}

function minuteText({ done, people, tallies, lives, findings, weather }: Run, minute: number): string {
  const stays = people.reduce((sum, each) => sum + each.stays.length, 0)
  const mib = lives.map(({ memory }) => memory.at(-1)?.mib ?? 0).join(' and ')
  const logins = people.reduce((sum, each) => sum + each.logins.known, 0)
  const parts = [
    `minute ${minute}: ${done} operations, ${logins} logins, ${stays} alive, ${tallies.of('refreshed')} refreshed`,
    `${tallies.of('cut')} cut, ${tallies.of('not served')} not served, ${mib} MiB, ${findings.all.length} found`,
  ]
  return `${parts.join(', ')}${weather.current === undefined ? '' : ` (${weather.current})`}`
}

/** What is known by now. */
export async function resultOf(run: Run, isOver: boolean): Promise<Result> {
  const { options, begunMs, plan: planned, people, tallies, faults, healed, keyring, findings, stores } = run
  const seconds = (Date.now() - begunMs) / 1000
  const lives = [...run.former, ...run.lives]
  const own = process.cpuUsage()
  const share = (used: number) => Math.round((used / seconds) * 100) / 100
  const servers = (await Promise.all(lives.map((life) => life.cpuSeconds()))).reduce((sum, each) => sum + each, 0)
  return {
    options,
    begun: new Date(begunMs).toISOString(),
    minutes: Math.round(seconds / 6) / 10,
    isOver,
    operations: { planned: planned.operations.length, done: run.done },
    people: people.length,
    stays: people.reduce((sum, each) => sum + each.stays.length, 0),
    tallies: tallies.counts,
    ...{ faults, healed, keys: keyring.seen.size, looks: run.looks },
    memory: lives.flatMap(({ name, memory }) => {
      const mib = memory.map((each) => each.mib)
      const [firstMib, lastMib] = [mib[0] ?? 0, mib.at(-1) ?? 0]
      return mib.length === 0
        ? []
        : [{ server: name, minutes: mib.length, firstMib, lastMib, mostMib: Math.max(...mib) }]
    }),
    cores: {
      servers: share(servers),
      postgres: share(stores.databaseCpuSeconds()),
      soak: share((own.user + own.system) / 1_000_000),
    },
    findings: findings.all,
  }
}
