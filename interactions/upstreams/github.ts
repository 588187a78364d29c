import { createHash } from 'node:crypto'
import { z } from 'zod'
import { displayable } from '../../src/accounts/profile.ts'
import { secret } from '../../src/base/secret.ts'
import { addressBelow, addressOfVendor, isAtRoot, vendorAddress } from '../../src/base/vendor-address.ts'
import { connectionBase } from './connection-base.ts'
import { connectorKind, madeUp, upstreamError } from './connector.ts'
import { hostOf, isStandIn, namespace, type Where } from './namespaces.ts'
import { ask, form, requireGood, type VendorCodes } from './upstream-call.ts'
import { failure, numericSubject, parseAnswer, shown, tokenText } from './vendor-answers.ts'

const publicServer = 'https://github.com'

/** Settings of a GitHub OAuth app. */
export const githubOptions = z
  .strictObject({
    ...connectionBase('github'),
    type: z.literal('github').describe('GitHub OAuth app.'),
    client_id: z.string().min(1).describe('Client ID of the OAuth app.'),
    client_secret: secret().describe('A client secret of that app.'),
    web_url: addressOfVendor(publicServer)
      .refine(isAtRoot, 'expected the address of the server, without a path')
      .default(publicServer)
      .describe('Address of GitHub, or of an Enterprise Server, whose identities are filed under `github:<host>`.'),
    api_url: vendorAddress('https://api.github.com').describe('Address of the API of the same server.'),
    pkce: z.boolean().default(true).describe('Send a PKCE challenge; older Enterprise Servers do not know it.'),
  })
  .refine(isOneServer, {
    path: ['api_url'],
    message: 'is the API of another server than web_url: ids of one would be taken for ids of the other',
  })
type GithubOptions = z.output<typeof githubOptions>

const refusal = z.object({ error: failure })
const tokenAnswer = z.object({ access_token: tokenText })
const userAnswer = z.object({ id: numericSubject, login: shown, name: shown, avatar_url: shown })

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
      const reply = await ask(http, addressBelow(options.web_url, '/login/oauth/access_token'), request)
      const { error } = parseAnswer(refusal, reply.content)
      if (error !== undefined) throw upstreamError(codes.get(error) ?? 'upstream.refused', { vendorCode: error })
      requireGood(reply)
      return parseAnswer(tokenAnswer, reply.content).access_token
    }

    async function user(accessToken: string) {
      const reply = await ask(http, addressBelow(options.api_url, '/user'), {
        headers: {
          authorization: `Bearer ${accessToken}`,
          accept: 'application/vnd.github+json',
          'user-agent': 'menshen',
        },
      })
      const { status: vendorCode } = reply
      if (vendorCode === 401) throw upstreamError('upstream.code_invalid', { vendorCode })
      // GitHub also says that there were too many calls by this status.
      if (vendorCode === 403) throw upstreamError('upstream.busy', { vendorCode })
      requireGood(reply)
      return parseAnswer(userAnswer, reply.content)
    }

    return {
      async authorizationUrl({ redirectUri, state, codeVerifier }) {
        return addressBelow(options.web_url, '/login/oauth/authorize', {
          client_id: options.client_id,
          redirect_uri: redirectUri,
          state,
          ...(options.pkce
            ? {
                code_challenge: createHash('sha256').update(codeVerifier).digest('base64url'),
                code_challenge_method: 'S256',
              }
            : {}),
        })
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
        const profile = displayable({ nickname: name.trim() === '' ? login : name, picture })
        return { identity: { provider, subjects: [id], profile } }
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
