import { generateKeyPairSync, randomBytes } from 'node:crypto'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { type Configuration, type KoaContextWithOIDC, Provider } from 'oidc-provider'
import { type Hasher, hasher } from '../src/accounts/hashing.ts'
import { claimsByScope } from '../src/oidc/clients/claims.ts'
import { answer } from './child.ts'
import {
  api,
  type ClientId,
  clientSecret,
  clients,
  issuer,
  password,
  redirectUri,
  type ServerCalls,
  type ServerInput,
  sample,
  sessionCookie,
} from './fixture.ts'
import { profiler } from './profile.ts'

/**
 * The floor: the bare library with its own memory adapter, the same features, clients and keys as ours. The adapter forgets all
 * but about a thousand entries, and each entry of a grant makes the next one dearer, so every slice begins with grants of its own.
 */
const cookieKey = randomBytes(32).toString('base64url')
const sessionSeconds = 14 * 86_400
const grantSeconds = 181 * 86_400

function library(): Provider {
  const jwk = (type: 'ec' | 'rsa', alg: string) => {
    const { privateKey } =
      type === 'ec'
        ? generateKeyPairSync('ec', { namedCurve: 'P-256' })
        : generateKeyPairSync('rsa', { modulusLength: 2048 })
    return { ...privateKey.export({ format: 'jwk' }), kid: randomBytes(32).toString('base64url'), alg, use: 'sig' }
  }
  const keepsTokens = (client: { grantTypeAllowed(type: string): boolean }) => client.grantTypeAllowed('refresh_token')
  const configuration = {
    clients: Object.entries(clients).map(([client_id, { grantTypes, scope }]) => ({
      client_id,
      client_secret: clientSecret,
      grant_types: [...grantTypes],
      response_types: grantTypes.includes('authorization_code') ? ['code'] : [],
      redirect_uris: grantTypes.includes('authorization_code') ? [redirectUri] : [],
      ...(scope.includes('openid') ? { scope: scope.replace(' read', '') } : {}),
    })),
    jwks: { keys: [jwk('ec', 'ES256'), jwk('rsa', 'RS256')] },
    claims: { ...claimsByScope, sid: null },
    scopes: ['openid', 'offline_access', 'profile', 'phone', 'email', 'identities'],
    responseTypes: ['code'],
    subjectTypes: ['public'],
    clientDefaults: { id_token_signed_response_alg: 'ES256' },
    enabledJWA: { idTokenSigningAlgValues: ['ES256', 'RS256'], dPoPSigningAlgValues: ['ES256', 'RS256', 'EdDSA'] },
    pkce: { required: () => true },
    cookies: {
      keys: [cookieKey],
      names: { session: '__Host-session', interaction: 'interaction', resume: 'resume' },
      long: { signed: true, httpOnly: true, sameSite: 'lax', secure: true, path: '/' },
      short: { signed: true, httpOnly: true, sameSite: 'lax', secure: true },
    },
    findAccount: (_: unknown, sub: string) => ({
      accountId: sub,
      claims: () => ({ sub, nickname: 'Bench', picture: undefined, identities: [] }),
    }),
    interactions: { url: (_: unknown, { uid }: { uid: string }) => `/interaction/${uid}` },
    issueRefreshToken: (_: unknown, client: never) => keepsTokens(client),
    expiresWithSession: (ctx: KoaContextWithOIDC) => !keepsTokens(ctx.oidc.client as never),
    rotateRefreshToken: () => true,
    loadExistingGrant: async (ctx: KoaContextWithOIDC) => {
      const { client, session, provider } = ctx.oidc
      if (!client || !session?.accountId) return undefined
      const known = session.grantIdFor(client.clientId)
      if (known) return provider.Grant.find(known)
      const grant = new provider.Grant({ accountId: session.accountId, clientId: client.clientId })
      grant.addOIDCScope('openid profile email offline_access')
      grant.addResourceScope(api, 'read')
      await grant.save()
      return grant
    },
    ttl: {
      AccessToken: 600,
      AuthorizationCode: 60,
      ClientCredentials: 600,
      Grant: grantSeconds,
      IdToken: 3600,
      Interaction: 3600,
      RefreshToken: 30 * 86_400,
      Session: sessionSeconds,
    },
    features: {
      devInteractions: { enabled: false },
      userinfo: { enabled: true },
      claimsParameter: { enabled: true },
      clientCredentials: { enabled: true },
      pushedAuthorizationRequests: { enabled: true },
      backchannelLogout: { enabled: true },
      dPoP: { enabled: true, nonceSecret: randomBytes(32) },
      introspection: { enabled: true, allowedPolicy: () => true },
      revocation: { enabled: true },
      rpInitiatedLogout: { enabled: true },
      deviceFlow: { enabled: true, charset: 'base-20', mask: '****-****' },
      resourceIndicators: {
        enabled: true,
        defaultResource: (_: unknown, client: { clientId: string }) =>
          clients[client.clientId as ClientId].jwt ? api : undefined,
        useGrantedResource: () => true,
        getResourceServerInfo: () => ({
          scope: 'read',
          audience: api,
          accessTokenFormat: 'jwt',
          accessTokenTTL: 600,
          jwt: { sign: { alg: 'ES256' } },
        }),
      },
    },
  }
  const provider = new Provider(issuer, configuration as unknown as Configuration)
  provider.proxy = true
  return provider
}

/** The least a login page can be: shows a form, checks the password with the hasher of ours, finishes. */
function loginPage(provider: Provider, check: Hasher, hash: string) {
  return async (request: IncomingMessage, response: ServerResponse) => {
    await provider.interactionDetails(request, response)
    const draw = (status: number) => {
      response.statusCode = status
      response.setHeader('content-type', 'text/html; charset=utf-8')
      response.end('<form method="post"><input name="identifier"><input name="password" type="password"></form>')
    }
    if (request.method === 'GET') return draw(200)
    let body = ''
    for await (const chunk of request) body += chunk
    const form = new URLSearchParams(body)
    const given = form.get('password') ?? ''
    if (given === '') return draw(400)
    if (!(await check.verify(hash, given))) throw new Error('wrong password')
    const accountId = form.get('identifier') ?? ''
    return provider.interactionFinished(request, response, { login: { accountId } })
  }
}

let provider: Provider
let hashing: Hasher

async function open({ argon2 }: ServerInput): Promise<{ port: number }> {
  provider = library()
  hashing = hasher({ parameters: argon2, maxQueue: 64 })
  const page = loginPage(provider, hashing, await hashing.hash(password))
  const callback = provider.callback()
  const server = createServer({ keepAliveTimeout: 65_000 }, (request, response) => {
    if (!request.url?.startsWith('/interaction/')) return void callback(request, response)
    page(request, response).catch((error: Error) => {
      response.statusCode = 500
      response.end(error.stack)
    })
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return { port: (server.address() as AddressInfo).port }
}

const calls: ServerCalls = {
  open,
  async seed({ clientId, count }) {
    return Promise.all(
      Array.from({ length: count }, async (_, index) => {
        const identifier = `bench-user-${index}`
        const grant = new provider.Grant({ accountId: identifier, clientId })
        grant.addOIDCScope('openid profile email offline_access')
        if (clients[clientId].jwt) grant.addResourceScope(api, 'read')
        const grantId = await grant.save()
        const session = new provider.Session()
        session.loginAccount({ accountId: identifier })
        session.ensureClientContainer(clientId)
        session.grantIdFor(clientId, grantId)
        await session.save(sessionSeconds)
        return { clientId, identifier, cookie: sessionCookie('__Host-session', session.jti, cookieKey) }
      }),
    )
  },
  async welcome() {},
  async expire() {},
  expired: async () => 0,
  beginSweep() {},
  sample,
  ...profiler(),
  startCounting() {},
  counted: () => ({}),
}

answer(calls, async () => hashing?.close())
