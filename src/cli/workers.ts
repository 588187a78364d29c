import cluster, { type Worker } from 'node:cluster'
import { availableParallelism } from 'node:os'
import { AggregatorRegistry } from 'prom-client'
import { type Core, openCore } from '../build/core.ts'
import type { LoadedConfig } from '../config/config.ts'
import { createLog, type Log } from '../ops/log.ts'
import { type MetricsListener, startMetricsListener } from '../ops/metrics.ts'
import { announce } from './announce.ts'
import type { CommandContext } from './command.ts'
import { untilStopped } from './stop-signal.ts'

interface Supervision {
  /** The first workers, which wait to be told their settings. */
  readonly first: readonly Worker[]
  readonly loaded: LoadedConfig
  readonly context: CommandContext
}

const restartPauseMs = 1000

/**
 * Several processes behind one port. This one owns the data folder and the metrics listener and starts a worker again
 * when it dies; the workers do the work.
 */
export async function supervise({ first, loaded, context }: Supervision): Promise<number> {
  const { config } = loaded
  const log = createLog(config.log)
  const { core, upstreams } = await open(config, log).catch((error: unknown) => {
    for (const worker of first) worker.process.kill('SIGKILL')
    throw error
  })
  const registry = new AggregatorRegistry()
  const env = {
    ...context.env,
    DATABASE_URL: core.databaseUrl.reveal(),
    MENSHEN_OPS__METRICS: 'off',
    MENSHEN_PASSWORD__WORKERS: String(config.password.workers ?? hashersOfEach(first.length)),
    ...upstreams?.env,
  }
  let isStopping = false

  async function start(worker: Worker = cluster.fork()): Promise<number> {
    if (worker.isDead()) throw new Error('a worker ended before it began')
    worker.send(env)
    return new Promise((resolve, reject) => {
      worker.on('message', (message: { ready?: number }) => message.ready !== undefined && resolve(message.ready))
      worker.once('exit', (code) => {
        reject(new Error(`a worker ended with status ${code} before it was ready`))
        if (isStopping) return
        log.error({ code }, 'a worker died and is started again')
        setTimeout(
          () => !isStopping && start().catch((error) => log.error({ err: error }, 'a worker did not start')),
          restartPauseMs,
        )
      })
    })
  }

  const stopped = untilStopped(log)
  let metrics: MetricsListener | undefined
  try {
    const ports = await Promise.all(first.map((worker) => start(worker)))
    const all = { contentType: registry.contentType, metrics: () => registry.clusterMetrics() }
    metrics = await startMetricsListener({
      address: config.ops.metrics,
      registry: all,
      isOptional: config.sandbox,
    })
    announce(loaded, { port: ports[0] ?? 0, metrics: metrics?.address }, context)
    return await stopped
  } finally {
    isStopping = true
    await metrics?.close()
    await Promise.all(Object.values(cluster.workers ?? {}).map((worker) => worker && end(worker)))
    await upstreams?.close()
    await core.close()
  }
}

/** Opens what the workers share. */
async function open(config: LoadedConfig['config'], log: Log) {
  const core = await openCore({ config, log, serve: true })
  try {
    const isAlone = config.sandbox && config.connections.length === 0
    return { core, upstreams: isAlone ? await sandboxUpstreams(core) : undefined }
  } catch (error) {
    await core.close()
    throw error
  }
}

/** All workers together have one hashing process less than there are cores, but each has one. */
function hashersOfEach(workers: number): number {
  return Math.max(1, Math.floor((availableParallelism() - 1) / workers))
}

type StartUpstreams = (options: Pick<Core['config'], 'issuer'> & Pick<Core, 'clock'>) => Promise<{
  readonly env: Readonly<Record<string, string>>
  close(): Promise<void>
}>

/**
 * One set for all workers: a code that one process handed out is redeemed by another. No part of the image, so named at
 * run time only.
 */
async function sandboxUpstreams({ config, clock }: Core): ReturnType<StartUpstreams> {
  const specifier = '../../sandbox/upstreams.ts'
  const { startUpstreams } = (await import(specifier)) as { startUpstreams: StartUpstreams }
  return startUpstreams({ issuer: config.issuer, clock })
}

function end(worker: Worker): Promise<void> {
  return new Promise((resolve) => {
    if (worker.isDead()) return resolve()
    worker.once('exit', () => resolve())
    worker.process.kill('SIGTERM')
  })
}
