import { setTimeout as delay } from 'node:timers/promises'
import { type Child, startChild } from './child.ts'
import { type Contender, type ContenderInput, type ContenderName, contenderNames } from './contender.ts'
import { startHydra } from './hydra.ts'
import { startKeycloak } from './keycloak.ts'
import { startFloor, startOurs } from './own-contenders.ts'
import type { PeerLoadCalls } from './peer-load.ts'
import { type PeerOperation, type PeerSite, peerOperations } from './peer-site.ts'

/** CPU time of one operation. */
export interface PeerCost {
  /** Of the server with everything below it. */
  readonly serverMicros: number
  /** Of PostgreSQL, and of Redis where it is used. */
  readonly storeMicros: number
}

export interface PeerRow {
  readonly operation: PeerOperation
  readonly contender: ContenderName
  /** The slice that cost least, or why there is none. */
  readonly least: PeerCost | { readonly failure: string }
}

/** What is said of a server besides its operations. */
export interface PeerProcess {
  readonly contender: ContenderName
  readonly version: string
  readonly firstSeconds: number | undefined
  readonly laterSeconds: number | undefined
  /** Resident, with everything below it: before the first operation, and after the last. */
  readonly idleMiB: number
  readonly afterMiB: number
}

export interface PeersFound {
  readonly rows: readonly PeerRow[]
  readonly processes: readonly PeerProcess[]
  /** Who could not be had, and why. */
  readonly missing: readonly { readonly contender: ContenderName; readonly why: string }[]
}

interface PeersInput extends ContenderInput {
  readonly seconds: number
  readonly pairs: number
  readonly progress: (text: string) => void
}

const patienceMs = 120_000

const starts: Readonly<Record<ContenderName, (input: ContenderInput) => Promise<Contender>>> = {
  floor: startFloor,
  redis: (input) => startOurs('redis', input),
  tables: (input) => startOurs('tables', input),
  hydra: startHydra,
  keycloak: startKeycloak,
}

/** All who can be had, on one PostgreSQL, in alternating slices. Who cannot be had, or fails, is told of, and the others go on. */
export async function measurePeers(input: PeersInput): Promise<PeersFound> {
  const contenders: Contender[] = []
  const missing: { contender: ContenderName; why: string }[] = []
  const load = startChild<PeerLoadCalls>('./peer-load.ts')
  try {
    for (const contender of contenderNames) {
      input.progress(`  start ${contender}`)
      try {
        contenders.push(await starts[contender](input))
      } catch (error) {
        missing.push({ contender, why: firstLine(error) })
      }
    }
    const idle = contenders.map(({ usage }) => usage().residentMiB)
    const rows: PeerRow[] = []
    for (const operation of peerOperations) {
      input.progress(`  ${operation}`)
      rows.push(...(await measureOperation(operation, contenders, load, input)))
    }
    const processes = contenders.map(({ name, version, firstSeconds, laterSeconds, usage }, index) => ({
      contender: name,
      version,
      firstSeconds,
      laterSeconds,
      idleMiB: idle[index] ?? Number.NaN,
      afterMiB: usage().residentMiB,
    }))
    return { rows, processes, missing }
  } finally {
    await load.stop()
    await Promise.all(contenders.map((contender) => contender.stop()))
  }
}

async function measureOperation(
  operation: PeerOperation,
  contenders: readonly Contender[],
  load: Child<PeerLoadCalls>,
  input: PeersInput,
): Promise<PeerRow[]> {
  const able = contenders.filter(({ site }) => isOffered(operation, site))
  const found = new Map<ContenderName, PeerRow['least']>()
  for (let pair = -1; pair < input.pairs; pair++) {
    for (const contender of able) {
      const { name, warmSeconds } = contender
      const before = found.get(name)
      if (before !== undefined && 'failure' in before) continue
      const lengthSeconds = pair < 0 ? Math.min(warmSeconds, input.seconds * 4 * warmSeconds) : input.seconds
      const cost = await measureSliceOf(operation, contender, load, { ...input, seconds: lengthSeconds })
      // The first slice of each warms up.
      if ('failure' in cost || pair >= 0) found.set(name, cheaper(before, cost))
    }
  }
  return [...found].map(([contender, least]) => ({ operation, contender, least }))
}

async function measureSliceOf(
  operation: PeerOperation,
  { site, seats, usage, storeCpuSeconds }: Contender,
  load: Child<PeerLoadCalls>,
  { connections, seconds }: PeersInput,
): Promise<PeerRow['least']> {
  const client = operation === 'introspection' || operation === 'userinfo' ? 'browser' : 'offline'
  const look = async () => ({
    mark: await load.call('mark'),
    serverSeconds: usage().cpuSeconds,
    storeSeconds: storeCpuSeconds(),
  })
  try {
    const begun = load.call('begin', { site, operation, seats: await seats(client, connections) })
    await Promise.race([begun, silence()])
    await delay(Math.min(seconds * 400, 300))
    const before = await look()
    await delay(seconds * 1000)
    const after = await look()
    const { failures } = await load.call('end')
    const [failure] = Object.keys(failures)
    if (failure !== undefined) return { failure }
    const operations = after.mark.operations - before.mark.operations
    if (operations === 0) return { failure: 'nothing was answered' }
    return {
      serverMicros: ((after.serverSeconds - before.serverSeconds) * 1e6) / operations,
      storeMicros: ((after.storeSeconds - before.storeSeconds) * 1e6) / operations,
    }
  } catch (error) {
    return { failure: firstLine(error) }
  }
}

/** A server that hangs takes only its own row with it. */
async function silence(): Promise<never> {
  await delay(patienceMs, undefined, { ref: false })
  throw new Error('the server does not answer')
}

function isOffered(operation: PeerOperation, { opaqueForm, jwtForm }: PeerSite): boolean {
  if (operation === 'client_credentials') return opaqueForm !== undefined
  return operation !== 'client_credentials_jwt' || jwtForm !== undefined
}

/** A failure stays; of two costs the smaller one counts, because noise only adds. */
export function cheaper(a: PeerRow['least'] | undefined, b: PeerRow['least']): PeerRow['least'] {
  if (a === undefined || 'failure' in b) return b
  if ('failure' in a) return a
  return sumOf(a) <= sumOf(b) ? a : b
}

/** Of server and stores together. */
export function sumOf({ serverMicros, storeMicros }: PeerCost): number {
  return serverMicros + storeMicros
}

function firstLine(error: unknown): string {
  const { message } = error as Error
  return message.split('\n').slice(0, 3).join(' ').slice(0, 300)
}
