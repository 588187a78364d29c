import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { Secret } from '../../src/base/secret.ts'
import { checkRedis } from '../../src/cli/doctor-redis.ts'
import { type Certificates, newCertificates } from '../support/certificates.ts'
import { eventually } from '../support/patience.ts'
import {
  type RedisNodes,
  redisCluster,
  redisOverTls,
  redisSentinels,
  type SentinelNodes,
} from '../support/redis-nodes.ts'

const look = (nodes: Pick<RedisNodes, 'url'>, more: object = {}) => checkRedis({ url: new Secret(nodes.url), ...more })
const named = async (name: string, nodes: Pick<RedisNodes, 'url'>, more?: object) =>
  (await look(nodes, more)).filter((finding) => finding.name === name)

describe('a cluster', () => {
  let nodes: RedisNodes
  beforeAll(async () => {
    nodes = await redisCluster()
  })
  afterAll(() => nodes?.close())

  test('is whole, and what would be lost at a restart is told', async () => {
    expect(await named('redis cluster', nodes)).toMatchObject([
      { status: 'ok', detail: '3 masters serve all slots, each with a replica' },
    ])
    expect(await named('redis disk', nodes)).toMatchObject([
      { status: 'warn', advice: expect.stringContaining('appendonly yes') },
    ])
  })

  test('of which one replica has a wrong policy, and one has ended, says which', async () => {
    const [replica] = (
      await Promise.all(nodes.nodes.map(async (node) => ({ node, role: (await node.ask<string[]>('ROLE'))[0] })))
    ).filter(({ role }) => role === 'slave')
    await replica?.node.ask('CONFIG', 'SET', 'maxmemory-policy', 'allkeys-lru')
    const detail = expect.stringContaining(`:${replica?.node.port} has maxmemory-policy allkeys-lru`)
    // A cluster tells of a replica when it has heard how far that is.
    await eventually(async () => expect(await named('redis memory', nodes)).toMatchObject([{ status: 'warn', detail }]))
    replica?.node.signal('SIGKILL')
    await eventually(async () =>
      expect(await named('redis cluster', nodes)).toMatchObject([
        { status: 'warn', detail: expect.stringMatching(/^no replica of 127\.0\.0\.1:\d+$/) },
      ]),
    )
  })

  test('that is reached by one of its nodes alone is told so', async () => {
    const [url = ''] = nodes.url.split(',')
    expect(await named('redis cluster', { url })).toMatchObject([{ status: 'fail' }])
  })
})

describe('Sentinels', () => {
  let nodes: SentinelNodes
  beforeAll(async () => {
    nodes = await redisSentinels()
  })
  afterAll(() => nodes?.close())

  test('have a quorum, and say who the master is', async () => {
    const { port } = await nodes.master()
    expect(await named('redis sentinels', nodes)).toMatchObject([
      { status: 'ok', detail: expect.stringMatching(`^127.0.0.1:${port} is the master, and OK 3 usable Sentinels`) },
    ])
    const [version] = await named('redis version', nodes)
    expect(version).toMatchObject({ status: 'ok' })
  })

  test('that are too few, or asked for a master they do not know, say so', async () => {
    const [first] = nodes.url.replace('redis+sentinel://', '').split(',')
    expect(await named('redis sentinels', { url: `redis+sentinel://${first}/menshen` })).toMatchObject([
      { status: 'warn', advice: expect.stringContaining('three or more') },
    ])
    const unknown = await named('redis sentinels', { url: nodes.url.replace('/menshen', '/nobody') })
    expect(unknown).toHaveLength(3)
    expect(unknown[0]).toMatchObject({ status: 'fail', detail: expect.stringContaining('knows no master') })
  })

  test('and a replica with a wrong policy is found, because it may be the next master', async () => {
    const master = await nodes.master()
    const replica = nodes.nodes.find((node) => node !== master)
    await replica?.ask('CONFIG', 'SET', 'maxmemory-policy', 'volatile-ttl', 'maxmemory', '1gb')
    expect(await named('redis memory', nodes)).toMatchObject([
      { status: 'fail', detail: `127.0.0.1:${replica?.port} has maxmemory-policy volatile-ttl` },
    ])
  })

  test('beside nodes whose user may not ask replicas are told of', async () => {
    expect(await named('redis replicas', nodes)).toEqual([])
    for (const node of nodes.nodes)
      await node.ask('ACL', 'SETUSER', 'mute', 'on', '>secret', '~*', '&*', '+@all', '-wait')
    const url = nodes.url.replace('//', '//mute:secret@')
    expect(await named('redis replicas', { url })).toMatchObject([
      { status: 'warn', advice: expect.stringContaining('+wait') },
    ])
  })

  test('of which most are gone cannot fail over, and that is told', async () => {
    for (const sentinel of nodes.sentinels.slice(1)) sentinel.signal('SIGKILL')
    await eventually(async () => {
      const findings = await named('redis sentinels', nodes)
      expect(findings.map(({ detail }) => detail).join('\n')).toContain('NOQUORUM')
      expect(findings.every(({ status }) => status === 'fail')).toBe(true)
      expect(findings).toHaveLength(3)
    })
  })
})

describe('TLS', () => {
  let certificates: Certificates
  let other: Certificates
  let nodes: RedisNodes
  beforeAll(async () => {
    ;[certificates, other] = await Promise.all([newCertificates(), newCertificates()])
    nodes = await redisOverTls(certificates)
  })
  afterAll(() => nodes?.close())
  const ours = () => ({
    ca_file: certificates.authority,
    certificate_file: certificates.certificate,
    key_file: certificates.key,
  })

  test('with our own authority is good, and says when the certificate ends', async () => {
    expect(await named('redis certificate', nodes, ours())).toMatchObject([
      { status: 'ok', detail: expect.stringMatching(/ends at 20\d\d-/) },
    ])
  })

  test('by somebody we do not trust, for another name, or without a certificate of ours is refused in a plain sentence', async () => {
    for (const trusted of [{}, { ca_file: other.authority }]) {
      expect(await named('redis', nodes, { ...ours(), ca_file: undefined, ...trusted })).toMatchObject([
        { status: 'fail', advice: expect.stringContaining('redis.ca_file') },
      ])
    }
    // The same address, in a form that no certificate names.
    const url = nodes.url.replace('127.0.0.1', '127.1')
    expect(await named('redis', { url }, ours())).toMatchObject([
      { status: 'fail', advice: expect.stringContaining('for other names') },
    ])
    expect(await named('redis', nodes, { ca_file: certificates.authority })).toMatchObject([
      { status: 'fail', advice: expect.stringContaining('redis.certificate_file') },
    ])
  })
})
