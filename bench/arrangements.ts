import type { ChildProcess } from 'node:child_process'
import { randomBytes, webcrypto } from 'node:crypto'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import argon2 from 'argon2'
import { type Argon2Job, binaries } from '../src/accounts/hash-job.ts'
import { forkChild } from '../src/accounts/hash-pool.ts'
import { cpuMicros } from './fixture.ts'
import { paced } from './paced.ts'
import { leastDisturbed, median, quantile, type Slice } from './statistics.ts'

/** How passwords could be hashed: by a binary in a process of its own, or by the portable one where tokens are signed. */
const arrangementNames = [...binaries, 'same_process'] as const
type Arrangement = (typeof arrangementNames)[number]

/** What an arrangement costs, and what it does to signatures beside it. */
export interface ArrangementRow {
  readonly arrangement: Arrangement
  readonly hashesPerCoreSecond: number
  readonly hashesPerSecond: number
  /** p99 of an ES256 signature before and beside the hashes. */
  readonly idleP99Ms: number
  readonly besideP99Ms: number
  /** Of the processes that hash; undefined where they are this one. */
  readonly residentMiB: number | undefined
}

const signaturesPerSecond = 100
const waiting = 16
const job = (): Argon2Job => ({
  kind: 'argon2',
  type: 'argon2id',
  password: new TextEncoder().encode('correct-horse-battery-staple'),
  salt: randomBytes(16),
  parameters: { memory_kib: 19_456, time_cost: 2, parallelism: 1 },
  tagLength: 32,
})

type Hash = () => Promise<unknown>

interface Lane {
  readonly hash: Hash
  readonly child?: ChildProcess
}

async function openLane(arrangement: Arrangement): Promise<Lane> {
  if (arrangement === 'same_process') {
    const { memory_kib: memoryCost, time_cost: timeCost, parallelism } = job().parameters
    return { hash: () => argon2.hash('correct-horse-battery-staple', { memoryCost, timeCost, parallelism }) }
  }
  const child = forkChild(arrangement)
  await once(child, 'message')
  return {
    child,
    hash: async () => {
      child.send(job())
      await once(child, 'message')
    },
  }
}

/**
 * Each arrangement in turn, several rounds. In a process of its own one password is hashed at a time; in this one all that
 * wait are handed to the threads at once, as the package is usually called.
 */
export async function measureArrangements(rounds: number, seconds: number): Promise<ArrangementRow[]> {
  const { privateKey } = await webcrypto.subtle.generateKey({ name: 'ECDSA', namedCurve: 'P-256' }, true, ['sign'])
  const bytes = randomBytes(250)
  const sign = async () => void (await webcrypto.subtle.sign({ name: 'ECDSA', hash: 'SHA-256' }, privateKey, bytes))
  const signing = (ms: number) =>
    paced(
      Array.from({ length: 4 }, () => sign),
      signaturesPerSecond,
      ms,
    )
  const measured = new Map<Arrangement, { slices: Slice[]; idle: number[]; resident: number[] }>()
  for (let round = 0; round < rounds; round++) {
    for (const arrangement of arrangementNames) {
      const { hash, child } = await openLane(arrangement)
      await hash()
      const idle = await signing(seconds * 1000)
      let isOver = false
      let operations = 0
      const [before, startedMs] = [cpuMicros(), performance.now()]
      const hashing = Promise.all(
        Array.from({ length: child ? 1 : waiting }, async () => {
          while (!isOver) {
            await hash()
            operations += 1
          }
        }),
      )
      const beside = await signing(seconds * 1000)
      isOver = true
      await hashing
      const [spent, tookMs] = [cpuMicros() - before, performance.now() - startedMs]
      const all = measured.get(arrangement) ?? { slices: [], idle: [], resident: [] }
      measured.set(arrangement, all)
      all.idle.push(quantile(idle.latencies, 0.99))
      if (child?.pid !== undefined) all.resident.push(residentMiB(child.pid))
      all.slices.push({
        operations,
        cpuMicros: spent / operations,
        operationsPerSecond: (operations * 1000) / tookMs,
        p50Ms: quantile(beside.latencies, 0.5),
        p99Ms: quantile(beside.latencies, 0.99),
      })
      child?.kill('SIGKILL')
    }
  }
  return [...measured].map(([arrangement, { slices, idle, resident }]) => ({
    arrangement,
    hashesPerCoreSecond: 1e6 / leastDisturbed(slices).cpuMicros,
    hashesPerSecond: Math.max(...slices.map((each) => each.operationsPerSecond)),
    idleP99Ms: median(idle),
    besideP99Ms: median(slices.map(({ p99Ms }) => p99Ms)),
    residentMiB: resident.length > 0 ? median(resident) : undefined,
  }))
}

function residentMiB(pid: number): number {
  const found = /^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))
  return Number(found?.[1]) / 1024
}
