import { createHash, generateKeyPairSync, randomBytes } from 'node:crypto'
import { type AppleSimulator, startApple } from '../../sandbox/simulators/apple.ts'
import { leaveToBind } from './account.ts'
import { clients, redirectUri, resources } from './clients.ts'
import { reachLogin, startLogin } from './login.ts'
import { type NativeAnswer, NativeApp, nativeClients } from './native-app.ts'
import { freePort } from './services.ts'
import { leaveFor } from './upstream.ts'
import type { Answer, Visitor } from './visitor.ts'
import { openWorld, type Stores, type World, type WorldOptions } from './world.ts'

/** A server with Apple as its only connection. */
export interface AppleWorld {
  readonly world: World
  readonly apple: AppleSimulator
  /** Another process beside it. */
  beside(options?: Pick<WorldOptions, 'clock'>): Promise<World>
  close(): Promise<void>
}

export const web = 'com.example.shop'
export const phoneApp = 'com.example.shop.phone'
/** An app of the same team that is not in the settings. */
export const otherApp = 'com.example.other'
const team = 'TEAM123456'

export async function openAppleWorld({
  stores = 'tables',
  bundleIds = [phoneApp],
}: {
  readonly stores?: Stores
  readonly bundleIds?: readonly string[]
} = {}): Promise<AppleWorld> {
  const port = await freePort()
  const issuer = `http://localhost:${port}`
  const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
  const native = (clientId: string) => ({ clientId, kind: 'native', redirectUris: [] }) as const
  const apple = await startApple({
    clock: () => Date.now(),
    allowLoopback: true,
    teams: [
      {
        teamId: team,
        keyId: 'KEY1234567',
        publicKeyPem: publicKey.export({ type: 'spki', format: 'pem' }).toString(),
        clients: [
          { clientId: web, kind: 'web', redirectUris: [`${issuer}/callback/apple`] },
          native(phoneApp),
          native('com.example.shop.tablet'),
          native(otherApp),
        ],
      },
    ],
    people: Array.from({ length: 40 }, (_, number) => ({
      id: `p${number}`,
      firstName: `${number}`,
      lastName: '客人',
      email: `guest-${number}@example.com`,
      emailVerified: true,
      isPrivateEmail: false,
    })),
  })
  const connection = {
    type: 'apple',
    client_id: web,
    bundle_ids: bundleIds,
    team_id: team,
    key_id: 'KEY1234567',
    private_key: privateKey.export({ type: 'pkcs8', format: 'pem' }).toString(),
    issuer: apple.url,
  }
  const env = { MENSHEN_CONNECTIONS: JSON.stringify([connection]) }
  const world = await openWorld({ stores, port, env })
  await world.register({ clients: [...clients, ...nativeClients], resources })
  const others: World[] = []
  return {
    world,
    apple,
    async beside(options = {}) {
      const other = await openWorld({ stores, env, beside: world, ...options })
      others.push(other)
      return other
    },
    async close() {
      for (const other of others) await other.close()
      await world.close()
      await apple.close()
    },
  }
}

/** What an SDK gives that knows no nonce, as that of uni-app. */
export function withoutNonce({ apple }: AppleWorld, person: string, clientId = phoneApp) {
  const { code, identityToken } = apple.authorizeNative(person, { clientId })
  return { identity_token: identityToken, upstream_code: code }
}

/** What an SDK gives that was handed the hash of a nonce. */
export function withNonce({ apple }: AppleWorld, person: string) {
  const rawNonce = randomBytes(16).toString('hex')
  const nonce = createHash('sha256').update(rawNonce).digest('hex')
  const { code, identityToken } = apple.authorizeNative(person, { clientId: phoneApp, nonce })
  return { identity_token: identityToken, upstream_code: code, raw_nonce: rawNonce }
}

/** Logs in in an app; somebody new gets an account. */
export async function appLogin(
  { world }: AppleWorld,
  given: Readonly<Record<string, string>>,
  app = new NativeApp(world),
): Promise<{ readonly app: NativeApp; readonly answer: NativeAnswer }> {
  const first = await app.challenge({ method: 'apple', ...given })
  const answer = first.body['step'] === 'choose' ? await app.challenge({ choice: 'new' }) : first
  return { app, answer }
}

/** Logs in on the web; somebody new gets an account. Answers the browser and where the login ended. */
export async function webLogin({ world, apple }: AppleWorld, person: string): Promise<[Visitor, Answer]> {
  const visitor = world.visitor()
  const page = await reachLogin(visitor, startLogin(world, 'plain', redirectUri))
  const { fields } = apple.authorize(person, await leaveFor(visitor, page, 'apple'))
  const posted = await visitor.post('/callback/apple', fields, { 'sec-fetch-site': 'cross-site' })
  const asked = await visitor.follow(posted)
  if (!asked.text.includes('value="new"')) return [visitor, asked]
  return [visitor, await visitor.follow(await visitor.post(asked.url.pathname, { choice: 'new' }))]
}

/** Binds Apple to the account a browser is signed in to. */
export async function bindAtAccountPage({ apple }: AppleWorld, visitor: Visitor, person: string): Promise<void> {
  const { fields } = apple.authorize(person, await leaveToBind(visitor, 'apple'))
  const back = await visitor.post('/callback/apple', fields, { 'sec-fetch-site': 'cross-site' })
  const page = await visitor.follow(back)
  if (!page.text.includes('绑定成功'))
    throw new Error(`Apple was not bound: ${page.status} ${page.text.slice(0, 1500)}`)
}
