import { createHash } from 'node:crypto'
import { z } from 'zod'
import { secret } from '../../src/base/secret.ts'
import { connectionBase } from './connection-base.ts'
import { connectorKind, parseAnswer, parseJson, upstreamError } from './connector.ts'
import { call, form, type VendorCodes } from './upstream-call.ts'

/** Settings of a GitHub OAuth app. */
export const githubOptions = z.strictObject({
  ...connectionBase('github'),
  type: z.literal('github').describe('GitHub OAuth app.'),
  client_id: z.string().min(1).describe('Client ID of the OAuth app.'),
  client_secret: secret().describe('A client secret of that app.'),
  web_url: z.url().default('https://github.com').describe('Address of GitHub, or of an Enterprise Server.'),
  api_url: z.url().default('https://api.github.com').describe('Address of its API.'),
  pkce: z.boolean().default(true).describe('Send a PKCE challenge; older Enterprise Servers do not know it.'),
})

const tokenAnswer = z.union([z.object({ error: z.string() }), z.object({ access_token: z.string().min(1) })])
const userAnswer = z.object({
  id: z.union([z.int(), z.string()]),
  login: z.string().optional(),
  name: z.string().nullish(),
  avatar_url: z.string().optional(),
})

/**
 * GitHub, plain OAuth 2 (docs.github.com/apps/oauth-apps, read 2026-11-20). Its token endpoint answers failures with status 200.
 * The subject is the numeric id: a login name can be given up and taken by somebody else.
 */
export const github = connectorKind({
  options: githubOptions,
  build(options, { http }) {
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
      const { status, text } = await http.request(new URL('/user', options.api_url), {
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
      id: options.id,
      provider: 'github',
      label: options.label,
      availability: () => 'here',
      variant: () => 'web',
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
            provider: 'github',
            subjects: [String(id)],
            profile: { ...(nickname ? { nickname } : {}), ...(picture ? { picture } : {}) },
          },
        }
      },
    }
  },
})

const codes: VendorCodes = new Map([
  ['bad_verification_code', 'upstream.code_invalid'],
  ['incorrect_client_credentials', 'upstream.misconfigured'],
  ['redirect_uri_mismatch', 'upstream.misconfigured'],
])
