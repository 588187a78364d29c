import type { Contender, ContenderInput } from './contender.ts'
import { api } from './fixture.ts'
import { argon2, type Server, startServer } from './measure.ts'
import type { PeerSite } from './peer-site.ts'
import { usageOf } from './process-tree.ts'
import { serve, shippedHeapCap } from './served.ts'
import { settingsOfOurs } from './settings.ts'

const site = (port: number): PeerSite => ({
  port,
  paths: {
    discovery: '/.well-known/openid-configuration',
    jwks: '/jwks',
    authorization: '/auth',
    token: '/token',
    userinfo: '/me',
    introspection: '/token/introspection',
  },
  lastingScope: 'openid profile email offline_access',
  opaqueForm: 'grant_type=client_credentials',
  jwtForm: `grant_type=client_credentials&scope=read&resource=${encodeURIComponent(api)}`,
  entrance: 'cookie',
})

const common = (version: string, { child }: Pick<Server, 'child'>) => ({
  version,
  warmSeconds: 2,
  seats: (clientId: 'offline' | 'browser', count: number) => child.call('seed', { clientId, count }),
})

/** The bare library, which keeps everything in memory. */
export async function startFloor({ stores }: ContenderInput): Promise<Contender> {
  const server = await startServer('floor', stores)
  const { child, port } = server
  return {
    name: 'floor',
    ...common('', server),
    site: site(port),
    firstSeconds: undefined,
    laterSeconds: undefined,
    usage: () => usageOf(child.pid),
    storeCpuSeconds: () => 0,
    stop: () => child.stop(),
  }
}

/** `menshen serve` with the heap cap of the image; another process of ours on its database makes the sessions. */
export async function startOurs(name: 'redis' | 'tables', { stores }: ContenderInput): Promise<Contender> {
  const databaseUrl = await stores.createDatabase(`bench_${name}_peers`)
  const redisUrl = name === 'redis' ? stores.redisUrl : undefined
  const env = { NODE_OPTIONS: shippedHeapCap() }
  const own = { databaseUrl, redisUrl, folder: stores.folder, argon2: argon2.ours, env }
  const start = () => serve((port) => settingsOfOurs(own, port), stores.folder)
  const first = await start()
  await first.stop()
  const seeder = await startServer(name, stores, { databaseUrl })
  try {
    const { port, usage, stop, readySeconds } = await start()
    return {
      name,
      ...common('', seeder),
      site: site(port),
      firstSeconds: first.readySeconds,
      laterSeconds: readySeconds,
      usage,
      storeCpuSeconds: () => stores.databaseCpuSeconds() + (name === 'redis' ? stores.redisCpuSeconds() : 0),
      stop: async () => {
        await stop()
        await seeder.child.stop()
      },
    }
  } catch (error) {
    await seeder.child.stop()
    throw error
  }
}
