import { type ContenderName, contenderNames } from './contender.ts'
import { type PeerOperation, peerOperations } from './peer-site.ts'
import { type PeerRow, type PeersFound, sumOf } from './peers.ts'
import { figure, table } from './table.ts'

const contenderTitles: Readonly<Record<ContenderName, string>> = {
  floor: 'bare library, memory',
  redis: 'Menshen, PostgreSQL + Redis',
  tables: 'Menshen, PostgreSQL only',
  hydra: 'Ory Hydra',
  keycloak: 'Keycloak',
}

const operationTitles: Readonly<Record<PeerOperation, string>> = {
  discovery: 'discovery',
  jwks: 'jwks',
  client_credentials: 'client credentials, opaque',
  client_credentials_jwt: 'client credentials, JWT',
  introspection: 'introspection',
  userinfo: 'userinfo',
  refresh: 'refresh with rotation',
  code: 'code flow, live session',
}

/** What the servers cost beside each other, what they take, and who is missing. */
export function peersText({ rows, processes, missing }: PeersFound): string {
  const present = contenderNames.filter((name) => processes.some(({ contender }) => contender === name))
  const found = (operation: PeerOperation, name: ContenderName) =>
    rows.find((row) => row.operation === operation && row.contender === name)
  const costs = table(
    ['operation', ...present.map((name) => contenderTitles[name])],
    peerOperations.map((operation) => [
      operationTitles[operation],
      ...present.map((name) => costText(found(operation, name))),
    ]),
  )
  const taken = table(
    ['server', 'version', 'first start s', 'later start s', 'MiB idle', 'MiB after the run'],
    processes.map(({ contender, version, firstSeconds, laterSeconds, idleMiB, afterMiB }) => [
      contenderTitles[contender],
      version,
      seconds(firstSeconds),
      seconds(laterSeconds),
      figure(idleMiB),
      figure(afterMiB),
    ]),
  )
  const failed = rows.flatMap(({ operation, contender, least }) =>
    'failure' in least
      ? [`${contenderTitles[contender]} failed at ${operationTitles[operation]}: ${least.failure}`]
      : [],
  )
  const absent = missing.map(({ contender, why }) => `${contenderTitles[contender]} could not be had: ${why}`)
  return [
    'operations per core-second, server and database together (CPU µs/op of the server + of its stores)',
    costs,
    taken,
    ...[...absent, ...failed],
  ].join('\n\n')
}

function costText(row: PeerRow | undefined): string {
  if (row === undefined) return '-'
  if ('failure' in row.least) return 'failed'
  const { serverMicros, storeMicros } = row.least
  return `${figure(1e6 / sumOf(row.least))} (${figure(serverMicros)} + ${figure(storeMicros)})`
}

function seconds(value: number | undefined): string {
  return value === undefined ? '' : figure(value)
}
