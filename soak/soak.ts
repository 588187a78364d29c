import { setTimeout as delay } from 'node:timers/promises'
import type { Stores } from '../bench/stores.ts'
import { drawLots } from '../siege/lots.ts'
import { act } from './acts.ts'
import { miscounts } from './counting.ts'
import { strike } from './faults.ts'
import { Findings, mostFindings } from './findings.ts'
import { Fleet } from './fleet.ts'
import { Keyring } from './keyring.ts'
import { haunt } from './leaving.ts'
import { newcomer, type Person } from './ledger.ts'
import { growth } from './memory.ts'
import { work } from './operator.ts'
import type { Options } from './options.ts'
import { type Duty, type FaultKind, type Operation, type Plan, plan } from './plan.ts'
import { refresh } from './refreshing.ts'
import type { Result } from './report.ts'
import type { Scene } from './scene.ts'
import type { ServerLife } from './server-life.ts'
import { foundSite } from './site.ts'
import { Tallies } from './tallies.ts'
import { type Audience, ask, lookAtRows, lookOn, type Run, resultOf, scrape, watchTheClock } from './watching.ts'
import { Weather } from './weather.ts'

const graceMs = 5000
/** More at once only after something stood still for long; who comes then is not served. */
const mostAtOnce = 250
/** One operation, even with everything in its way. */
const longestActMs = 400_000
/** After a fault everything goes well for a while. */
const betweenFaultsMs = 20_000

/** Two servers and everything that can go wrong with them, for some hours. */
export async function soak(options: Options, stores: Stores, audience: Audience): Promise<Result> {
  const { tell, enough } = audience
  const planned = plan(options)
  const site = await foundSite(stores, planned.residents)
  const lives: ServerLife[] = []
  const former: ServerLife[] = []
  const logAround = (atMs: number) => [...former.slice(-2), ...lives].flatMap((life) => life.linesBefore(atMs, 25))
  const findings = new Findings(logAround, tell)
  const fleet = new Fleet(site.ports)
  const run: Run = {
    ...{ options, plan: planned, stores, site, lives, former, findings, fleet },
    ...{ weather: new Weather(graceMs), vendor: site.vendor, tallies: new Tallies(), keyring: new Keyring(fleet) },
    people: planned.residents.map(newcomer),
    ...{ faults: {}, healed: {}, scrapes: new Map(), begunMs: Date.now() },
    ...{ kills: 0, done: 0, looks: 0, isEnding: false, enough },
  }
  try {
    for (const server of site.ports.keys()) lives[server] = site.start(server, (finding) => findings.add(finding))
    await Promise.all(lives.map((life) => life.untilReady()))
    await fleet.probe()
    run.begunMs = Date.now()
    tell(`${run.people.length} people, ${planned.operations.length} operations, ${planned.faults.length} faults`)
    const watching = Promise.all([lookOn(run, (server) => restart(run, server, 'kill')), watchTheClock(run, audience)])
    await Promise.all([drive(run), doDuties(run), strikeAll(run)])
    tell('everybody stops; everything that was acknowledged is tried')
    await lookAtEverything(run)
    run.isEnding = true
    await watching
    return await resultOf(run, true)
  } finally {
    run.isEnding = true
    fleet.close()
    await Promise.all(lives.map((life) => life.end('SIGKILL')))
    await site.close()
  }
}

/** Waits for a moment of the plan; false when it is not to go on. */
async function untilMoment({ begunMs, findings, enough }: Run, atMs: number): Promise<boolean> {
  const leftMs = begunMs + atMs - Date.now()
  if (leftMs > 0) await delay(leftMs, undefined, { signal: enough }).catch(() => {})
  return findings.all.length < mostFindings && !enough.aborted
}

function sceneOf(run: Run, person: Person, operation: Pick<Operation, 'number' | 'lotsSeed'>): Scene {
  const { fleet, weather, vendor, findings, tallies, keyring } = run
  const lots = drawLots(operation.lotsSeed)
  return { fleet, weather, vendor, findings, tallies, keyring, person, operation: operation.number, lots }
}

/** People do what the plan says, each one thing at a time. */
async function drive(run: Run): Promise<void> {
  const underWay = new Set<Promise<void>>()
  for (const operation of run.plan.operations) {
    if (!(await untilMoment(run, operation.atMs))) break
    const person = run.people[operation.person]
    if (!person || person.isBusy || underWay.size >= mostAtOnce) {
      run.tallies.count('left out: busy')
      continue
    }
    const doing = doOne(run, person, operation).finally(() => underWay.delete(doing))
    underWay.add(doing)
  }
  await Promise.all(underWay)
}

async function doOne(run: Run, person: Person, operation: Operation): Promise<void> {
  const scene = sceneOf(run, person, operation)
  await alone(scene, () => act(scene, operation.wish))
  run.done += 1
}

/** Nobody does two things at once, and nothing takes forever. */
async function alone(scene: Scene, doing: () => Promise<void>): Promise<void> {
  const { person, operation, findings } = scene
  person.isBusy = true
  const timer = setTimeout(() => {
    findings.add('an operation does not come to an end', { operation, person })
  }, longestActMs)
  try {
    await doing()
  } catch (error) {
    const said = error instanceof Error ? error.stack : String(error)
    findings.add(`an answer was not understood: ${said}`, { operation, person })
  } finally {
    clearTimeout(timer)
    person.isBusy = false
  }
}

async function doDuties(run: Run): Promise<void> {
  const { site, people, plan: planned } = run
  for (const duty of planned.duties) {
    if (!(await untilMoment(run, duty.atMs))) return
    const lots = drawLots(duty.number)
    const scene = (person: Person) => sceneOf(run, person, numberOf(planned, duty))
    await work(duty, { ...run, people, operator: site.operator, scene, lots })
  }
}

/** What the operator does is numbered after what the people do. */
function numberOf({ operations }: Plan, { number }: Duty): Pick<Operation, 'number' | 'lotsSeed'> {
  return { number: operations.length + number, lotsSeed: number + 1 }
}

async function strikeAll(run: Run): Promise<void> {
  const { findings, plan: planned, options, begunMs } = run
  let calmFromMs = 0
  for (const fault of planned.faults) {
    if (!(await untilMoment(run, Math.max(fault.atMs, calmFromMs)))) return
    // After long outages on a busy machine the last ones may come too late.
    if (Date.now() - begunMs > options.hours * 3_600_000) return
    const fromMs = Date.now()
    try {
      const broken = await strike(fault, { ...run, restart: (server) => restart(run, server, fault.kind) })
      if (broken !== undefined) findings.add(broken)
    } catch (error) {
      findings.add(`fault ${fault.number}, ${fault.kind}: ${error instanceof Error ? error.message : error}`)
      return
    }
    const seconds = Math.ceil((Date.now() - fromMs) / 1000)
    run.faults[fault.kind] = (run.faults[fault.kind] ?? 0) + 1
    run.healed[fault.kind] = { most: Math.max(seconds, run.healed[fault.kind]?.most ?? 0) }
    calmFromMs = Date.now() - begunMs + betweenFaultsMs
  }
}

async function restart(run: Run, server: number, kind: FaultKind): Promise<void> {
  const { lives, former, site, findings } = run
  const before = lives[server]
  if (before) former.push(before)
  if (kind !== 'stop') run.kills += 1
  const life = site.start(server, (finding) => findings.add(finding))
  lives[server] = life
  await life.untilReady()
}

/** At the end: every login that is known to live, and everything that has ended, is tried. */
async function lookAtEverything(run: Run): Promise<void> {
  const { people, weather, fleet, findings, keyring, lives, former } = run
  while (weather.current !== undefined || !(await fleet.isWhole())) await delay(500)
  const left = people.slice()
  let number = run.plan.operations.length + run.plan.duties.length
  const takeTurns = async () => {
    for (let person = left.pop(); person; person = left.pop()) {
      const scene = sceneOf(run, person, { number: number++, lotsSeed: number })
      const { stays, graves } = person
      await alone(scene, async () => {
        for (const stay of stays.slice()) await refresh(scene, stay)
        for (const grave of graves.slice(-4))
          for (const way of ['refresh', 'introspect'] as const) await haunt(scene, grave, way)
      })
    }
  }
  await Promise.all(Array.from({ length: 4 }, takeTurns))
  for (const missing of await keyring.look()) findings.add(missing)
  await scrape(run)
  if (!(await lookAtRows(run))) findings.add('the tables could not be looked at in the end')
  const books = {
    ...{ people, imported: run.site.imported, kills: run.kills },
    unstored: [...former, ...lives].flatMap(({ unstored }) => unstored),
    countedLogins: [...run.scrapes.values()].reduce((sum, count) => sum + count, 0),
  }
  for (const wrong of (await ask(run, (client) => miscounts(client, books))) ?? ['nothing could be counted']) {
    findings.add(wrong)
  }
  for (const life of [...former, ...lives]) {
    const grown = growth(life.memory)
    if (grown !== undefined) findings.add(`${life.name}: ${grown}`)
  }
}
