import pg from 'pg'
import type { DatabaseHost } from './postgres-address.ts'
import { expectPrimary, type Hosts, hostTimeoutMs, type Placed } from './postgres-hosts.ts'

/** What a connection needs beside what the driver does. */
export interface PrimaryConfig extends pg.ClientConfig {
  readonly hosts: Hosts
  /** How long PostgreSQL lets a statement take; 0 is for ever. */
  readonly statementLimitMs: number
}

/** Told once the connection can be used, or why it cannot. */
type Connected = ((error: Error) => void) | ((error: null, client: pg.Client) => void)

/** A connection to the primary; of several hosts, to the one that takes writes. Without one it fails to connect. */
export class PrimaryClient extends pg.Client implements Placed {
  place: DatabaseHost | undefined
  /** False behind a pooler, which has connections of its own to PostgreSQL. */
  isDirect = false
  readonly #hosts: Hosts
  readonly #statementLimitMs: number

  constructor({ hosts, statementLimitMs, ...config }: PrimaryConfig) {
    const alive = { keepAlive: true, keepAliveInitialDelayMillis: 10_000 }
    super({ ...config, ...alive, connectionString: hosts.url, connectionTimeoutMillis: hostTimeoutMs })
    this.#hosts = hosts
    this.#statementLimitMs = statementLimitMs
    // Whoever waits for an answer is told. Without a listener a connection that is lost would end the process, and the
    // pool listens only once `connect` is done, which asks something after the driver calls it connected.
    this.on('error', () => {})
  }

  override connect(): Promise<pg.Client>
  override connect(callback: Connected): void
  override connect(callback?: Connected): Promise<pg.Client> | undefined {
    const connecting = this.#connect()
    if (!callback) return connecting
    const tell = callback as (error: Error | null, client?: pg.Client) => void
    connecting.then(
      () => tell(null, this),
      (error: Error) => tell(error),
    )
    return undefined
  }

  async #connect(): Promise<pg.Client> {
    this.place = await this.#hosts.find()
    if (this.place) {
      this.host = this.place.host
      this.port = this.place.port
    }
    await super.connect()
    try {
      await this.confirm()
    } catch (error) {
      this.end().catch(() => {})
      throw error
    }
    this.#hosts.join(this)
    return this
  }

  /** Throws when the host is no longer the one to ask. */
  async confirm(): Promise<void> {
    const expected = { statementLimitMs: this.#statementLimitMs, mayRefuseWrites: this.place === undefined }
    this.isDirect = (await expectPrimary(this, expected)).isDirect
  }

  cut(): void {
    this.connection.stream.destroy()
  }
}
