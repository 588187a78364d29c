import cluster from 'node:cluster'
import { availableParallelism } from 'node:os'
import type { Clock } from '../base/clock.ts'
import type { App } from '../build/app.ts'
import { type LoadedConfig, loadConfig } from '../config/config.ts'
import type { Log } from '../ops/log.ts'
import { shareMetrics } from '../ops/metrics.ts'
import { announce, announceStart } from './announce.ts'
import type { CommandContext, Env } from './command.ts'
import { untilStopped } from './stop-signal.ts'

/** `menshen serve`: runs until it is told to stop, then finishes what is in flight. */
export async function serve(context: CommandContext): Promise<number> {
  const { cwd, flags, stdout } = context
  const env = cluster.isWorker ? await toldFromAbove() : context.env
  const argv = { config: flags['config'] as string | undefined }
  const loaded = loadConfig({ argv, env, cwd, isTerminal: stdout.isTTY === true })
  if (cluster.isPrimary) announceStart(loaded, context)
  const { server } = loaded.config
  const workers = server.workers === 'auto' ? availableParallelism() : server.workers
  if (workers > 1 && cluster.isPrimary) {
    // They load the program while this process loads its own part and opens the store.
    const first = Array.from({ length: workers }, () => cluster.fork())
    const { supervise } = await import('./workers.ts')
    return supervise({ first, loaded, context })
  }
  const { createLog } = await import('../ops/log.ts')
  const log = createLog(loaded.config.log)
  const app = await start(loaded, log)
  try {
    const stopped = untilStopped(log)
    const { port, metrics } = await app.listen()
    if (cluster.isWorker) {
      shareMetrics(app.metrics.registry)
      process.send?.({ ready: port })
    } else announce(loaded, { port, metrics }, context)
    return await stopped
  } finally {
    // Also when the port is taken: what is open would keep the process alive.
    await app.close()
    // The channel to the process above would keep a worker alive, and that one waits for its end.
    process.channel?.unref()
  }
}

/** The settings of a worker, which it is told once the process above has opened the store. */
async function toldFromAbove(): Promise<Env> {
  const told = new Promise<Env>((resolve) => process.once('message', resolve))
  await import('../build/app.ts')
  return told
}

async function start({ config }: LoadedConfig, log: Log): Promise<App> {
  const { buildApp } = await import('../build/app.ts')
  return buildApp({ config, log, ...(config.sandbox ? await loadSandbox() : {}) })
}

/** The sandbox, with its clock, is no part of the image, so its module is named at run time only. */
async function loadSandbox(): Promise<
  Required<Pick<Parameters<typeof import('../build/app.ts').buildApp>[0], 'sandbox' | 'clock'>>
> {
  const specifier = '../../sandbox/sandbox.ts'
  const { openSandbox, clock } = (await import(specifier)) as { openSandbox: never; clock: Clock }
  return { sandbox: openSandbox, clock }
}
