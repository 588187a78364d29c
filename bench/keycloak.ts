import { execFile } from 'node:child_process'
import { existsSync } from 'node:fs'
import { mkdir, readdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { freePort } from '../test/support/services.ts'
import { type Contender, type ContenderInput, namedSeats } from './contender.ts'
import { clientSecret, clients, issuer, password, redirectUri } from './fixture.ts'
import { type PeerSite, peerClients } from './peer-site.ts'
import { startProgram } from './program.ts'

const run = promisify(execFile)
const version = '26.7.3'
const archive = `keycloak-quarkus-dist-${version}.tar.gz`
const maven = 'org.apache.maven.plugins:maven-dependency-plugin:3.8.1:copy'
const oldestJava = 17

/** The unpacked distribution, built for PostgreSQL: from the cache, else fetched with Maven from Maven Central. */
async function obtain(cache: string, javaHome: string): Promise<string> {
  const folder = join(cache, `keycloak-${version}`)
  if (existsSync(join(folder, 'built'))) return folder
  await mkdir(cache, { recursive: true })
  if (!existsSync(join(cache, archive))) {
    const artifact = `-Dartifact=org.keycloak:keycloak-quarkus-dist:${version}:tar.gz`
    await run('mvn', ['-q', '-B', maven, artifact, `-DoutputDirectory=${cache}`], { maxBuffer: 2 ** 26 })
  }
  await run('tar', ['xzf', join(cache, archive), '-C', cache])
  const env = { ...process.env, JAVA_HOME: javaHome }
  await run(join(folder, 'bin/kc.sh'), ['build', '--db=postgres'], { env, cwd: folder, maxBuffer: 2 ** 26 })
  await writeFile(join(folder, 'built'), '')
  return folder
}

/** `JAVA_HOME`, else the newest Java of the machine's package manager. */
async function findJava(): Promise<string> {
  const given = process.env['JAVA_HOME']
  if (given !== undefined) return given
  const names = await readdir('/usr/lib/jvm').catch(() => [])
  const [newest] = names.map((name) => ({ name, release: javaRelease(name) })).toSorted((a, b) => b.release - a.release)
  if (newest === undefined || newest.release < oldestJava) throw new Error(`there is no Java ${oldestJava} or newer`)
  return join('/usr/lib/jvm', newest.name)
}

/** The first number in the name of a folder like `temurin-25-jdk-amd64`; 0 where there is none. */
export function javaRelease(name: string): number {
  return Number(/\d{2,}/.exec(name)?.[0] ?? 0)
}

/** A realm like ours: ES256, PKCE, refresh tokens that rotate, accounts with a password for its own login page. */
function realm(users: number): object {
  return {
    realm: 'bench',
    enabled: true,
    defaultSignatureAlgorithm: 'ES256',
    revokeRefreshToken: true,
    refreshTokenMaxReuse: 0,
    components: {
      'org.keycloak.keys.KeyProvider': [
        {
          name: 'ecdsa',
          providerId: 'ecdsa-generated',
          config: { priority: ['200'], enabled: ['true'], active: ['true'], ecdsaEllipticCurveKey: ['P-256'] },
        },
      ],
    },
    clients: peerClients.map((id) => {
      const isMachine = clients[id].grantTypes.includes('client_credentials')
      return {
        clientId: id,
        secret: clientSecret,
        protocol: 'openid-connect',
        publicClient: false,
        standardFlowEnabled: !isMachine,
        serviceAccountsEnabled: isMachine,
        directAccessGrantsEnabled: false,
        redirectUris: isMachine ? [] : [redirectUri],
        attributes: isMachine ? {} : { 'pkce.code.challenge.method': 'S256' },
        // A client may ask only about tokens that are meant for it.
        protocolMappers: [
          {
            name: 'audience',
            protocol: 'openid-connect',
            protocolMapper: 'oidc-audience-mapper',
            config: {
              'included.client.audience': id,
              'access.token.claim': 'true',
              'introspection.token.claim': 'true',
            },
          },
        ],
      }
    }),
    users: namedSeats(users).map(({ identifier }) => ({
      username: identifier,
      email: `${identifier}@bench.example`,
      emailVerified: true,
      firstName: 'Bench',
      lastName: 'User',
      enabled: true,
      credentials: [{ type: 'password', value: password }],
    })),
  }
}

/** Keycloak on a database of its own, with one realm. */
export async function startKeycloak({ stores, cache, connections }: ContenderInput): Promise<Contender> {
  const javaHome = await findJava()
  const folder = await obtain(cache, javaHome)
  const port = await freePort()
  const database = new URL(await stores.createDatabase('bench_keycloak'))
  await mkdir(join(folder, 'data/import'), { recursive: true })
  await writeFile(join(folder, 'data/import/bench-realm.json'), JSON.stringify(realm(connections)))
  const args = [
    'start',
    '--optimized',
    '--import-realm',
    '--cache=local',
    '--http-enabled=true',
    '--http-host=127.0.0.1',
    `--http-port=${port}`,
    `--hostname=${issuer}`,
    '--proxy-headers=xforwarded',
    `--db-url=jdbc:postgresql://${database.host}${database.pathname}`,
    `--db-username=${database.username}`,
    `--db-password=${database.password}`,
  ]
  const readyUrl = `http://127.0.0.1:${port}/realms/bench/.well-known/openid-configuration`
  const command = join(folder, 'bin/kc.sh')
  const env = { JAVA_HOME: javaHome }
  const start = () => startProgram({ command, args, env, folder: stores.folder, readyUrl, patienceSeconds: 1200 })
  const first = await start()
  await first.stop()
  const { usage, stop, readySeconds } = await start()
  const at = '/realms/bench/protocol/openid-connect'
  const site: PeerSite = {
    port,
    paths: {
      discovery: '/realms/bench/.well-known/openid-configuration',
      jwks: `${at}/certs`,
      authorization: `${at}/auth`,
      token: `${at}/token`,
      userinfo: `${at}/userinfo`,
      introspection: `${at}/token/introspect`,
    },
    lastingScope: 'openid profile email',
    jwtForm: 'grant_type=client_credentials',
    entrance: 'form',
  }
  return {
    name: 'keycloak',
    version,
    site,
    firstSeconds: first.readySeconds,
    laterSeconds: readySeconds,
    warmSeconds: 8,
    seats: async (_, count) => namedSeats(count),
    usage,
    storeCpuSeconds: () => stores.databaseCpuSeconds(),
    stop,
  }
}
