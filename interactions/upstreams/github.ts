import { createHash } from 'node:crypto'
import { z } from 'zod'
import { secret } from '../../src/base/secret.ts'
import { connectionBase } from './connection-base.ts'
import { connectorKind, madeUp, parseAnswer, parseJson, upstreamError } from './connector.ts'
import { hostOf, isStandIn, namespace, type Where } from './namespaces.ts'
import { call, form, type VendorCodes } from './upstream-call.ts'

const publicServer = 'https://github.com'
const atRoot = (text: string) => (URL.parse(text)?.pathname ?? '/') === '/'

/** Settings of a GitHub OAuth app. */
export const githubOptions = z
  .strictObject({
    ...connectionBase('github'),
    type: z.literal('github').describe('GitHub OAuth app.'),
    client_id: z.string().min(1).describe('Client ID of the OAuth app.'),
    client_secret: secret().describe('A client secret of that app.'),
    web_url: z
      .url()
      .refine(atRoot, 'expected the address of the server, without a path')
      .default(publicServer)
      .describe('Address of GitHub, or of an Enterprise Server, whose identities are filed under `github:<host>`.'),
    api_url: z.url().default('https://api.github.com').describe('Address of the API of the same server.'),
    pkce: z.boolean().default(true).describe('Send a PKCE challenge; older Enterprise Servers do not know it.'),
  })
  .refine(isOneServer, {
    path: ['api_url'],
    message: 'is the API of another server than web_url: ids of one would be taken for ids of the other',
  })
type GithubOptions = z.output<typeof githubOptions>

const tokenAnswer = z.union([z.object({ error: z.string() }), z.object({ access_token: z.string().min(1) })])
const userAnswer = z.object({
  id: z.union([z.int(), z.string()]),
  login: z.string().optional(),
  name: z.string().nullish(),
  avatar_url: z.string().optional(),
})

/**
 * GitHub, plain OAuth 2 (docs.github.com/apps/oauth-apps, read 2026-11-20). Its token endpoint answers failures with
 * status 200. The subject is the numeric id: a login name can be given up and taken by somebody else.
 */
export const github = connectorKind({
  options: githubOptions,
  namespace: githubNamespace,
  build(options, { http }, provider) {
    async function token(code: string, redirectUri: string, codeVerifier: string): Promise<string> {
      const request = form({
        client_id: options.client_id,
        client_secret: options.client_secret.reveal(),
        code,
        redirect_uri: redirectUri,
        ...(options.pkce ? { code_verifier: codeVerifier } : {}),
      })
      const { status, text } = await call(http, new URL('/login/oauth/access_token', options.web_url), request)
      const answer = parseAnswer(tokenAnswer, parseJson(text))
      if ('error' in answer) {
        throw upstreamError(codes.get(answer.error) ?? 'upstream.refused', { vendorCode: answer.error })
      }
      if (status !== 200) throw upstreamError('upstream.refused', { vendorCode: status })
      return answer.access_token
    }

    async function user(accessToken: string) {
      // The API of an Enterprise Server is below a path.
      const { status, text } = await http.request(`${options.api_url.replace(/\/+$/, '')}/user`, {
        headers: {
          authorization: `Bearer ${accessToken}`,
          accept: 'application/vnd.github+json',
          'user-agent': 'menshen',
        },
      })
      if (status === 401) throw upstreamError('upstream.code_invalid', { vendorCode: status })
      if (status === 403 || status === 429 || status >= 500)
        throw upstreamError('upstream.busy', { vendorCode: status })
      if (status !== 200) throw upstreamError('upstream.refused', { vendorCode: status })
      return parseAnswer(userAnswer, parseJson(text))
    }

    return {
      async authorizationUrl({ redirectUri, state, codeVerifier }) {
        const url = new URL('/login/oauth/authorize', options.web_url)
        url.search = new URLSearchParams({
          client_id: options.client_id,
          redirect_uri: redirectUri,
          state,
          ...(options.pkce
            ? {
                code_challenge: createHash('sha256').update(codeVerifier).digest('base64url'),
                code_challenge_method: 'S256',
              }
            : {}),
        }).toString()
        return url
      },
      questions: (callback) => [
        { about: `client_id ${options.client_id}`, ask: () => token(madeUp(), callback, madeUp().repeat(2)) },
        { about: 'api_url', ask: () => user(madeUp()) },
      ],
      async identify({ code, error }, { redirectUri, codeVerifier }) {
        if (error !== undefined) {
          throw upstreamError(error === 'access_denied' ? 'upstream.cancelled' : 'upstream.refused', {
            vendorCode: error,
          })
        }
        if (!code) throw upstreamError('upstream.cancelled', { vendorCode: 'no_code' })
        const { id, login, name, avatar_url: picture } = await user(await token(code, redirectUri, codeVerifier))
        const nickname = name || login
        return {
          identity: {
            provider,
            subjects: [String(id)],
            profile: { ...(nickname ? { nickname } : {}), ...(picture ? { picture } : {}) },
          },
        }
      },
    }
  },
})

/**
 * SECURITY: ids are small numbers, and every server counts them from the start, so the name says which server it is. A
 * stand-in is named after its connection, because its port changes.
 */
function githubNamespace({ id, web_url }: Pick<GithubOptions, 'id' | 'web_url'>, where: Where) {
  const server = serverOf(web_url)
  const isPublic = isStandIn(web_url, where) ? id === 'github' : server === serverOf(publicServer)
  return namespace(
    {
      id,
      provider: isPublic ? 'github' : `github:${isStandIn(web_url, where) ? id : server}`,
      address: web_url,
      issuer: server,
      formerly: isPublic || isStandIn(web_url, where) ? undefined : 'github',
      remedy: 'give it another `id`',
    },
    where,
  )
}

function serverOf(address: string): string {
  const host = hostOf(address)
  return host === 'www.github.com' ? 'github.com' : host
}

/**
 * Whether both addresses belong to one server. An Enterprise Server has its API on its own host; other servers have it
 * on the same host name with `api.` in front.
 */
function isOneServer({ web_url, api_url }: { readonly web_url: string; readonly api_url: string }): boolean {
  // If a text is not an address at all, another check reports it.
  if (!URL.canParse(web_url) || !URL.canParse(api_url)) return true
  const [web, api] = [serverOf(web_url), serverOf(api_url)]
  return api === web || api === `api.${web}`
}

const codes: VendorCodes = new Map([
  ['bad_verification_code', 'upstream.code_invalid'],
  ['incorrect_client_credentials', 'upstream.misconfigured'],
  ['redirect_uri_mismatch', 'upstream.misconfigured'],
])
