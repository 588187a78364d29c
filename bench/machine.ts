import { execFile } from 'node:child_process'
import { cpus, loadavg } from 'node:os'
import { promisify } from 'node:util'
import { hasher } from '../src/accounts/hashing.ts'
import { cpuMicros } from './fixture.ts'
import { argon2 } from './measure.ts'

/** What the figures were measured on. */
export interface Machine {
  readonly cpu: string
  readonly cpus: number
  readonly node: string
  readonly loadAverage: number
  /** ES256 signatures a second on one core, as OpenSSL's own speed test says; undefined without the program. */
  readonly es256PerSecond: number | undefined
  /** Hashes a core does in a second of its time, at the default cost. */
  readonly hashesPerCoreSecond: number
}

export async function describeMachine(quick: boolean): Promise<Machine> {
  const all = cpus()
  const [loadAverage = 0] = loadavg()
  return {
    cpu: all[0]?.model ?? 'unknown',
    cpus: all.length,
    node: process.version,
    loadAverage,
    es256PerSecond: quick ? undefined : await es256PerSecond(),
    hashesPerCoreSecond: await hashesPerCoreSecond(quick ? 2 : 40),
  }
}

async function es256PerSecond(): Promise<number | undefined> {
  const args = ['speed', '-seconds', '1', 'ecdsap256']
  const spoken = await promisify(execFile)('openssl', args).catch(() => undefined)
  const found = /ecdsa \(nistp256\)\s+\S+s\s+\S+s\s+([\d.]+)/.exec(spoken?.stdout ?? '')
  return found === null ? undefined : Number(found[1])
}

async function hashesPerCoreSecond(count: number): Promise<number> {
  const one = hasher({ parameters: argon2.ours, workers: 1, maxQueue: count })
  await one.hash('warm')
  const before = cpuMicros()
  for (let index = 0; index < count; index++) await one.hash('correct-horse-battery-staple')
  const spent = cpuMicros() - before
  await one.close()
  return (count * 1e6) / spent
}
