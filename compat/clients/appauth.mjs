import { AuthorizationRequest } from '@openid/appauth/built/src/authorization_request.js'
import { AuthorizationRequestHandler } from '@openid/appauth/built/src/authorization_request_handler.js'
import { AuthorizationServiceConfiguration } from '@openid/appauth/built/src/authorization_service_configuration.js'
import { NodeCrypto } from '@openid/appauth/built/src/node_support/crypto_utils.js'
import { NodeRequestor } from '@openid/appauth/built/src/node_support/node_requestor.js'
import { BasicQueryStringUtils } from '@openid/appauth/built/src/query_string_utils.js'
import { RevokeTokenRequest } from '@openid/appauth/built/src/revoke_token_request.js'
import { TokenRequest } from '@openid/appauth/built/src/token_request.js'
import { BaseTokenRequestHandler } from '@openid/appauth/built/src/token_request_handler.js'
import { CLIENT_ID, ISSUER, ORIGIN, SCOPE, serve } from './steps.mjs'

const crypto = new NodeCrypto()
const requestor = new NodeRequestor()
const service = await AuthorizationServiceConfiguration.fetchFromIssuer(ISSUER, requestor)
const tokenHandler = new BaseTokenRequestHandler(requestor)
const handler = new AuthorizationRequestHandler(new BasicQueryStringUtils(), crypto)
const common = { client_id: CLIENT_ID, redirect_uri: `${ORIGIN}/callback` }
let request
let tokens

const ask = (more) => tokenHandler.performTokenRequest(service, new TokenRequest({ ...common, ...more }))
const subject = () => JSON.parse(Buffer.from(tokens.idToken.split('.')[1], 'base64url')).sub

serve({
  '/': async () => {
    if (tokens) return subject()
    const extras = { prompt: 'consent' }
    const asked = { ...common, scope: SCOPE, response_type: AuthorizationRequest.RESPONSE_TYPE_CODE, extras }
    request = new AuthorizationRequest(asked, crypto, true)
    await request.setupCodeVerifier()
    return new URL(handler.buildRequestUrl(service, request))
  },
  '/callback': async ({ searchParams }) => {
    if (searchParams.get('state') !== request.state) throw new Error('another state came back')
    tokens = await ask({
      grant_type: 'authorization_code',
      code: searchParams.get('code'),
      extras: { code_verifier: request.internal.code_verifier },
    })
    return subject()
  },
  '/refresh': async () => {
    const renewed = await ask({ grant_type: 'refresh_token', refresh_token: tokens.refreshToken })
    tokens = { ...tokens, refreshToken: renewed.refreshToken }
    return renewed.scope
  },
  '/revoke': async () => {
    const revoked = new RevokeTokenRequest({ token: tokens.refreshToken, client_id: CLIENT_ID })
    if (!(await tokenHandler.performRevokeTokenRequest(service, revoked))) throw new Error('it was refused')
    return 'revoked'
  },
})
