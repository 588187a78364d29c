import type { PeerSeat, PeerSite } from './peer-site.ts'
import type { Usage } from './process-tree.ts'
import type { Stores } from './stores.ts'

/** Who is compared. */
export const contenderNames = ['floor', 'redis', 'tables', 'hydra', 'keycloak'] as const
export type ContenderName = (typeof contenderNames)[number]

/** A server that is ready to be asked, with everything that belongs to it. */
export interface Contender {
  readonly name: ContenderName
  readonly version: string
  readonly site: PeerSite
  /** Seconds from the start of the process until it was ready: on an empty database, and on one that has its tables. */
  readonly firstSeconds: number | undefined
  readonly laterSeconds: number | undefined
  /** How long it has to be busy with one operation before its code is compiled. */
  readonly warmSeconds: number
  /** Browsers for this many connections. */
  seats(operation: 'offline' | 'browser', count: number): Promise<readonly PeerSeat[]>
  usage(): Usage
  /** CPU time of the stores it uses, until now. */
  storeCpuSeconds(): number
  stop(): Promise<void>
}

export interface ContenderInput {
  readonly stores: Stores
  /** Where peers are kept between runs. */
  readonly cache: string
  readonly connections: number
}

/** Seats of a server that signs browsers in by itself. */
export function namedSeats(count: number): PeerSeat[] {
  return Array.from({ length: count }, (_, index) => ({ identifier: `bench-user-${index}`, cookie: '' }))
}
