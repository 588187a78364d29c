import type { RedisPlace } from '../store/redis-connection.ts'
import { evictingNodes, lookAtRedis, type RedisLook, type RedisNodeLook } from '../store/redis-look.ts'
import { redisRemedy } from '../store/redis-remedies.ts'
import { type Finding, fail, ok, reasonOf, wallClockMs, warn } from './doctor-checks.ts'

const oldestMajor = 7
/** From this share of its memory on there is little left for an attack. */
const fullPercent = 80
const certificateMs = 14 * 86_400_000
const fewestSentinels = 3
const allSlots = '16384'

const unanswered =
  'check that Redis runs, REDIS_URL (redis.url), its password and the firewall; an address begins with rediss where ' +
  'Redis speaks TLS, and with redis where it does not; where it asks for a certificate too, redis.certificate_file ' +
  'and redis.key_file name one'

/** The finding for a Redis that did not answer as it should. */
export function redisUnreachable(error: unknown): Finding {
  return fail('redis', reasonOf(error), redisRemedy(error) ?? unanswered)
}

/** Looks at each node and Sentinel for what would lose limits, locks and marks, or logins at a failover. */
export async function checkRedis(place: RedisPlace): Promise<Finding[]> {
  let look: RedisLook
  try {
    look = await lookAtRedis(place)
  } catch (error) {
    return [redisUnreachable(error)]
  }
  return [
    ...checkAnswers(look),
    ...checkSentinels(look),
    ...checkCluster(look),
    ...checkConfirmation(look),
    ...checkVersions(look),
    ...checkMemory(look),
    ...checkDisk(look),
    ...checkCertificates(look),
  ]
}

function checkAnswers({ nodes }: RedisLook): Finding[] {
  return nodes.flatMap(({ name, error }) => {
    if (error === undefined) return []
    return [fail('redis', `${name}: ${reasonOf(error)}`, redisRemedy(error) ?? unanswered)]
  })
}

function checkSentinels({ kind, nodes, sentinels }: RedisLook): Finding[] {
  if (kind !== 'sentinel') return []
  const name = 'redis sentinels'
  const findings = sentinels.flatMap(({ name: which, error }) => {
    if (error === undefined) return []
    const advice = /NOAUTH|WRONGPASS/.test(reasonOf(error))
      ? 'give their own user and password in redis.sentinel_username and redis.sentinel_password'
      : (redisRemedy(error) ??
        'a failover needs most of the Sentinels: check that it runs, and its name for the master')
    return [fail(name, `${which}: ${reasonOf(error)}`, advice)]
  })
  if (sentinels.length < fewestSentinels)
    findings.push(warn(name, `${sentinels.length} named`, 'name three or more: with fewer none may fail, or be asked'))
  const master = nodes.find(({ info }) => info['role'] === 'master')
  if (master?.info['connected_slaves'] === '0')
    findings.push(warn(name, `the master ${master.name} has no replica`, 'start one: nobody could take over'))
  if (findings.length > 0) return findings
  return [ok(name, `${master?.name ?? 'a node'} is the master, and ${sentinels[0]?.quorum ?? 'there is a quorum'}`)]
}

function checkCluster({ kind, nodes, cluster }: RedisLook): Finding[] {
  const name = 'redis cluster'
  const single = kind === 'node' ? nodes.find(({ info }) => info['cluster_enabled'] === '1') : undefined
  if (single) {
    const advice = 'name several of its nodes in REDIS_URL (redis.url), with commas between them'
    return [fail(name, `${single.name} is a node of a cluster, and the only one that is named`, advice)]
  }
  if (kind !== 'cluster') return []
  const { cluster_state: state, cluster_slots_ok: served } = cluster
  if (state !== 'ok' || served !== allSlots) {
    return [fail(name, `is ${state}: ${served} of ${allSlots} slots are served`, 'see redis-cli --cluster check')]
  }
  const alone = nodes.filter(({ info }) => info['role'] === 'master' && info['connected_slaves'] === '0')
  if (alone.length > 0) {
    const detail = `no replica of ${alone.map((node) => node.name).join(', ')}`
    return [warn(name, detail, 'give each master a replica: without one its part of all logins ends with it')]
  }
  return [ok(name, `${cluster['cluster_size']} masters serve all slots, each with a replica`)]
}

function checkConfirmation({ kind, nodes }: RedisLook): Finding[] {
  const mute = nodes.filter(({ mayWait }) => mayWait === false)
  if (kind === 'node' || mute.length === 0) return []
  const detail = `its user may not WAIT at ${mute.map((node) => node.name).join(', ')}`
  const advice = 'allow it +wait: what is used up could otherwise be used once more after a failover'
  return [warn('redis replicas', detail, advice)]
}

function checkVersions({ nodes }: RedisLook): Finding[] {
  const name = 'redis version'
  const versions = nodes.map((node) => ({ node: node.name, version: node.info['redis_version'] }))
  const old = versions.filter(({ version }) => Number.parseInt(version ?? `${oldestMajor}`, 10) < oldestMajor)
  if (old.length > 0) {
    const detail = old.map(({ node, version }) => `${node} has ${version}`).join(', ')
    return [fail(name, detail, `upgrade Redis to ${oldestMajor} or later`)]
  }
  const known = [...new Set(versions.flatMap(({ version }) => version ?? []))]
  if (known.length > 0) return [ok(name, `Redis ${known.join(', ')}`)]
  if (nodes.every(({ error }) => error !== undefined)) return []
  return [warn(name, 'its user may not ask', 'allow it +info: version, memory and policy are not looked at')]
}

function checkMemory(look: RedisLook): Finding[] {
  const name = 'redis memory'
  const evicting = evictingNodes(look)
  const limited = look.nodes.filter(({ info }) => Number(info['maxmemory'] ?? 0) > 0)
  const findings = evicting.map(({ name: which, policy }) => {
    // Each value here has an end, so the policies that spare values without one spare none.
    const advice = 'set maxmemory-policy noeviction: it throws away limits, locks and marks of what was used, unasked'
    const isLimited = limited.some((node) => node.name === which)
    const detail = `${which} has maxmemory-policy ${policy}${isLimited ? '' : ', and no maxmemory yet'}`
    return isLimited ? fail(name, detail, advice) : warn(name, detail, advice)
  })
  for (const { name: which, info } of limited) {
    const percent = Math.round((100 * Number(info['used_memory'])) / Number(info['maxmemory']))
    if (percent < fullPercent) continue
    findings.push(warn(name, `${which} is ${percent} % full`, 'raise maxmemory: once it is full nobody logs in'))
  }
  if (findings.length > 0 || look.nodes.every(({ info }) => info['maxmemory_policy'] === undefined)) return findings
  return [ok(name, `nothing is thrown away${limited.length > 0 ? '' : '; no limit is set (maxmemory)'}`)]
}

function checkDisk({ kind, nodes }: RedisLook): Finding[] {
  const name = 'redis disk'
  const failing = nodes.filter(({ info }) => diskStates.some((state) => info[state] === 'err'))
  if (failing.length > 0) {
    const detail = `${failing.map((node) => node.name).join(', ')} could not write`
    return [fail(name, detail, 'see its log: it may refuse every value until it can')]
  }
  const unsaved = nodes.filter(({ isSaved }) => isSaved === false)
  if (unsaved.length === 0) return nodes.some(({ isSaved }) => isSaved) ? [ok(name, 'values are kept on disk')] : []
  if (kind === 'node') return [ok(name, 'nothing is kept there: after a restart limits and locks begin anew')]
  const detail = `${unsaved.map((node) => node.name).join(', ')} keep nothing there`
  const advice =
    'set appendonly yes, or start no master again by itself: one that comes back before a replica took over is empty, ' +
    'and its replicas empty themselves after it'
  return [warn(name, detail, advice)]
}

const diskStates = ['rdb_last_bgsave_status', 'aof_last_bgrewrite_status', 'aof_last_write_status'] as const

function checkCertificates({ nodes }: RedisLook): Finding[] {
  const name = 'redis certificate'
  const ending = nodes.flatMap((node) => endOf(node)).toSorted((one, other) => one.endsMs - other.endsMs)
  const [first] = ending
  if (first === undefined) return []
  const detail = `that of ${first.name} ends at ${new Date(first.endsMs).toISOString()}`
  if (first.endsMs - wallClockMs() > certificateMs) return [ok(name, `known; ${detail}`)]
  return [warn(name, detail, 'give Redis a new one before: it is refused from then on')]
}

function endOf({ name, certificateEndsMs: endsMs }: RedisNodeLook): readonly { name: string; endsMs: number }[] {
  return endsMs === undefined ? [] : [{ name, endsMs }]
}
