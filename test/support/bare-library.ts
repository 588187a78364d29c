import { generateKeyPairSync, hash, randomBytes } from 'node:crypto'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { type Configuration, type interactionPolicy, type KoaContextWithOIDC, Provider } from 'oidc-provider'

/** oidc-provider by itself, with its own memory adapter and none of our code, and a browser in front of it. */
export interface BareLibrary {
  readonly provider: Provider
  /** What the adapter was asked for and which events fired, in this order, since the test emptied it. */
  readonly log: Happening[]
  /** Sends a request as a browser with the cookies it has been given; follows nothing. */
  send(path: string, form?: Readonly<Record<string, string>>, headers?: Record<string, string>): Promise<Answer>
  /** Goes through an authorization request with a login and a consent, and answers the parameters of the callback. */
  authorize(params?: Readonly<Record<string, string>>): Promise<URLSearchParams>
  /** Asks the token endpoint. */
  token(form: Readonly<Record<string, string>>, headers?: Record<string, string>): Promise<Record<string, unknown>>
  /** What the memory adapter holds under an id. */
  stored(model: string, id: string): Promise<Record<string, unknown>>
  /** Changes what the memory adapter holds under an id. */
  change(model: string, id: string, more: Record<string, unknown>): Promise<void>
  /** Goes on as another browser. */
  newBrowser(): void
  close(): Promise<void>
}

export interface Happening {
  /** `event grant.revoked`, `upsert Session`, … */
  readonly what: string
  readonly id?: string
  readonly payload?: Record<string, unknown>
  /** `Provider.ctx` at that moment. */
  readonly ctx: KoaContextWithOIDC | undefined
  readonly values?: readonly unknown[]
}

export interface Answer {
  readonly status: number
  readonly body: string
  readonly location: URL
  readonly setCookies: readonly string[]
}

export const issuer = 'https://op.example.com'
export const callback = 'https://app.example.com/callback'
const secret = 'a secret that both sides know, 32 bytes'
const verifier = 'v'.repeat(43)
const deviceGrant = 'urn:ietf:params:oauth:grant-type:device_code'

const events = [
  'grant.revoked',
  'grant.error',
  'grant.success',
  'server_error',
  'authorization.error',
  'access_token.destroyed',
  'refresh_token.consumed',
  'interaction.started',
  'end_session.success',
  'backchannel.success',
  'code_verification.error',
  'end_session_confirm.error',
]
const models = [
  'Session',
  'Grant',
  'Interaction',
  'AuthorizationCode',
  'AccessToken',
  'RefreshToken',
  'DeviceCode',
  'PushedAuthorizationRequest',
  'ReplayDetection',
] as const

type OwnKeys = Pick<Configuration, 'jwks'> & Pick<NonNullable<Configuration['features']>, 'externalSigningSupport'>

interface MemoryAdapter {
  find(id: string): Promise<Record<string, unknown> | undefined>
  upsert(id: string, payload: Record<string, unknown>, expiresIn: number): Promise<void>
}

/** The adapter that a model has got from the library. */
const adapterOf = (provider: Provider, model: string) =>
  (provider[model as (typeof models)[number]] as unknown as { readonly adapter: MemoryAdapter }).adapter

/**
 * Starts one with the clients `web`, `native` and `tv`. Its pages are the forms themselves, its errors are JSON.
 * `policy`: prompts in place of its own; `jwks`: its keys, and what lets it take some of another kind.
 */
export async function bareLibrary(
  policy?: interactionPolicy.DefaultPolicy,
  { jwks, externalSigningSupport }: OwnKeys = {},
): Promise<BareLibrary> {
  const log: Happening[] = []
  const { features, ...usual } = configuration(log, policy)
  const provider = new Provider(issuer, {
    ...usual,
    ...(jwks && { jwks }),
    features: { ...features, ...(externalSigningSupport && { externalSigningSupport }) },
  })
  provider.proxy = true
  for (const event of events) {
    provider.on(event as 'grant.success', (...values) => {
      log.push({ what: `event ${event}`, ctx: Provider.ctx, values })
    })
  }
  for (const model of models) record(adapterOf(provider, model) as never, model, log)

  const cookies = new Map<string, string>()
  const server = createServer((request, response) => {
    if (!request.url?.startsWith('/interaction/')) return void provider.callback()(request, response)
    answerInteraction(provider, request, response).catch((error: Error) => {
      response.statusCode = 500
      response.end(error.stack)
    })
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const base = `http://127.0.0.1:${(server.address() as AddressInfo).port}`

  async function send(
    path: string,
    form?: Readonly<Record<string, string>>,
    headers: Record<string, string> = {},
  ): Promise<Answer> {
    const { pathname, search } = new URL(path, issuer)
    const response = await fetch(`${base}${pathname}${search}`, {
      redirect: 'manual',
      headers: {
        accept: 'text/html',
        'x-forwarded-proto': 'https',
        'x-forwarded-host': new URL(issuer).host,
        cookie: [...cookies].map(([name, value]) => `${name}=${value}`).join('; '),
        ...headers,
      },
      ...(form ? { method: 'POST', body: new URLSearchParams(form) } : {}),
    })
    const setCookies = response.headers.getSetCookie()
    for (const line of setCookies) {
      const [, name = '', value = ''] = /^([^=]+)=([^;]*)/.exec(line) ?? []
      if (value === '') cookies.delete(name)
      else cookies.set(name, value)
    }
    const location = new URL(response.headers.get('location') ?? '/', issuer)
    return { status: response.status, body: await response.text(), location, setCookies }
  }

  async function token(form: Readonly<Record<string, string>>, headers: Record<string, string> = {}) {
    const credentials = form['client_id'] === undefined ? { client_id: 'web', client_secret: secret } : {}
    const { body } = await send('/token', { ...credentials, ...form }, { accept: 'application/json', ...headers })
    return JSON.parse(body) as Record<string, unknown>
  }

  async function authorize(params: Readonly<Record<string, string>> = {}): Promise<URLSearchParams> {
    let answer = await send(`/auth?${new URLSearchParams(authorization(params))}`)
    for (let step = 0; answer.location.origin === issuer && step < 10; step += 1)
      answer = await send(answer.location.href)
    return answer.location.searchParams
  }

  return {
    provider,
    log,
    send,
    token,
    authorize,
    async stored(model, id) {
      const found = await adapterOf(provider, model).find(id)
      log.pop()
      if (!found) throw new Error(`there is no ${model} ${id}`)
      return found
    },
    async change(model, id, more) {
      await adapterOf(provider, model).upsert(id, { ...(await adapterOf(provider, model).find(id)), ...more }, 600)
    },
    newBrowser: () => cookies.clear(),
    close: () => new Promise((resolve) => server.close(() => resolve())),
  }
}

/** An authorization request for a code of the client `web`, which is redeemed with `redemption`. */
export function authorization(params: Readonly<Record<string, string>> = {}): Record<string, string> {
  return {
    client_id: 'web',
    response_type: 'code',
    redirect_uri: callback,
    scope: 'openid offline_access',
    prompt: 'consent',
    code_challenge: hash('sha256', verifier, 'base64url'),
    code_challenge_method: 'S256',
    ...params,
  }
}

/** The token request for a code. */
export const redemption = (code: string | null) => ({
  grant_type: 'authorization_code',
  code: String(code),
  redirect_uri: callback,
  code_verifier: verifier,
})

/** The token request of a device. */
export const deviceRedemption = (code: unknown) => ({
  grant_type: deviceGrant,
  client_id: 'tv',
  device_code: String(code),
})

function configuration(log: Happening[], policy: interactionPolicy.DefaultPolicy | undefined): Configuration {
  const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
  const web = { client_secret: secret, redirect_uris: [callback], grant_types: ['authorization_code', 'refresh_token'] }
  const clients = [
    {
      ...web,
      client_id: 'web',
      token_endpoint_auth_method: 'client_secret_post',
      backchannel_logout_uri: 'https://app.example.com/logout',
      post_logout_redirect_uris: ['https://app.example.com/'],
    },
    { ...web, client_id: 'native', application_type: 'native' },
    {
      client_id: 'tv',
      token_endpoint_auth_method: 'none',
      grant_types: [deviceGrant, 'refresh_token'],
      response_types: [],
      redirect_uris: [],
    },
  ]
  return {
    clients: clients as NonNullable<Configuration['clients']>,
    jwks: { keys: [{ ...privateKey.export({ format: 'jwk' }), alg: 'ES256', use: 'sig' }] } as NonNullable<
      Configuration['jwks']
    >,
    clientDefaults: { id_token_signed_response_alg: 'ES256' },
    enabledJWA: { idTokenSigningAlgValues: ['ES256'] },
    cookies: { keys: ['a key of cookies'] },
    claims: { email: ['email'] },
    findAccount: (_, sub) => ({ accountId: sub, claims: () => ({ sub, email: 'someone@example.com' }) }),
    interactions: { url: (_, { uid }) => `/interaction/${uid}`, ...(policy ? { policy } : {}) },
    rotateRefreshToken: () => true,
    ttl: {
      AccessToken: 600,
      AuthorizationCode: 60,
      DeviceCode: 600,
      Grant: 86_400,
      IdToken: 600,
      Interaction: 600,
      RefreshToken: 3600,
      Session: 3600,
    },
    renderError: (ctx, out) => {
      ctx.body = JSON.stringify(out)
    },
    fetch: async () => new Response(null, { status: 200 }),
    loadExistingGrant: async ({ oidc: { client, session, provider, params } }) => {
      if (!client || !session?.accountId) return undefined
      const known = session.grantIdFor(client.clientId)
      if (known) return provider.Grant.find(known)
      const grant = new provider.Grant({ accountId: session.accountId, clientId: client.clientId })
      grant.addOIDCScope(String(params?.['scope']))
      await grant.save()
      return grant
    },
    features: {
      devInteractions: { enabled: false },
      pushedAuthorizationRequests: { enabled: true },
      backchannelLogout: { enabled: true },
      dPoP: { enabled: true, nonceSecret: randomBytes(32) },
      introspection: { enabled: true, allowedPolicy: () => true },
      revocation: { enabled: true, allowedPolicy: () => true },
      rpInitiatedLogout: {
        enabled: true,
        logoutSource: (ctx, form) => {
          ctx.body = form
        },
      },
      deviceFlow: {
        enabled: true,
        userCodeInputSource: (ctx, form, _, error) => {
          if (error) log.push({ what: 'user code refused', ctx, values: [error] })
          ctx.body = form
        },
        userCodeConfirmSource: (ctx, form) => {
          ctx.body = form
        },
        successSource: (ctx) => {
          ctx.body = 'done'
        },
      },
    },
  }
}

/** Notes every call of an adapter's methods. */
function record(
  adapter: Record<string, (...values: never[]) => Promise<unknown>>,
  model: string,
  log: Happening[],
): void {
  for (const method of ['upsert', 'find', 'findByUid', 'findByUserCode', 'consume', 'destroy', 'revokeByGrantId']) {
    const own = adapter[method]?.bind(adapter)
    adapter[method] = async (...values) => {
      const [id, payload] = values as unknown as [string, Record<string, unknown> | undefined]
      log.push({
        what: `${method} ${model}`,
        id,
        ...(payload ? { payload: { ...payload } } : {}),
        ctx: Provider.ctx,
        values,
      })
      return own?.(...values)
    }
  }
}

/** A person who logs in at once and says yes to everything else. */
async function answerInteraction(
  provider: Provider,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const { prompt } = await provider.interactionDetails(request, response)
  const login = { accountId: 'someone', amr: ['pwd'], about: { device: 'a browser' } }
  await provider.interactionFinished(request, response, prompt.name === 'login' ? { login } : { [prompt.name]: {} })
}
