import { errorCode } from './unavailable.ts'

/** What is at fault where Redis, or somebody in its place, answers in this way. The first that fits. */
const remedies: readonly (readonly [RegExp, string])[] = [
  [
    /DEPTH_ZERO_SELF_SIGNED_CERT|SELF_SIGNED_CERT_IN_CHAIN|UNABLE_TO_GET_ISSUER_CERT|UNABLE_TO_VERIFY_LEAF_SIGNATURE/,
    'its certificate is signed by nobody this machine knows: redis.ca_file (MENSHEN_REDIS__CA_FILE) names the ' +
      'certificate of your own authority',
  ],
  [
    /ERR_TLS_CERT_ALTNAME_INVALID/,
    'its certificate is for other names: use one of them in REDIS_URL (redis.url), and let nodes and Sentinels ' +
      'announce themselves by names that their certificates have',
  ],
  [/CERT_HAS_EXPIRED/, 'its certificate has expired: give Redis a new one'],
  [
    /ERR_SSL_WRONG_VERSION_NUMBER|ERR_SSL_PACKET_LENGTH_TOO_LONG/,
    'it does not speak TLS there: begin redis.url with redis, or name its TLS port',
  ],
  [
    /ERR_SSL_\w*CERTIFICATE_REQUIRED|ERR_SSL_\w*HANDSHAKE_FAILURE|ERR_SSL_\w*UNKNOWN_CA/,
    'it asks for a certificate that it knows: name one in redis.certificate_file and redis.key_file',
  ],
  [/NOAUTH|WRONGPASS|invalid password/, 'give the right user and password in REDIS_URL (redis.url)'],
  [/NOPERM/, 'its user may not do what is needed: on ~menshen:* +@all -@dangerous +info +wait'],
  [
    /unknown command/,
    'it lacks a command that is needed: it is older than Redis 7, or rename-command or a proxy has taken it away',
  ],
  [
    /DB index is out of range/,
    'it has fewer databases than the number at the end of REDIS_URL (redis.url); a cluster has number 0 alone',
  ],
  [
    /cluster support disabled/,
    'several addresses mean nodes of one cluster, which this is not: name one, or Sentinels (redis+sentinel://)',
  ],
  [/MOVED|ASK \d/, 'it is a node of a cluster: name several of its nodes in REDIS_URL, with commas between them'],
  [/READONLY/, 'it is a replica: name the master, or Sentinels, which know it (redis+sentinel://)'],
  [/OOM /, 'it is full: raise maxmemory; nothing is lost, and it goes on by itself'],
  [/MISCONF/, 'it cannot write to its disk and takes nothing: see its log'],
  [/CLUSTERDOWN/, 'a part of the cluster has no master: see redis-cli --cluster check'],
]

/** What to do about an error of Redis; undefined for those that say nothing but that nobody answers. */
export function redisRemedy(error: unknown): string | undefined {
  if (!(error instanceof Error)) return undefined
  const said = `${errorCode(error) ?? ''} ${error.message}`
  const remedy = remedies.find(([pattern]) => pattern.test(said))?.[1]
  return remedy ?? (error.cause === undefined ? undefined : redisRemedy(error.cause))
}
