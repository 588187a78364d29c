import * as oidc from 'openid-client'
import { CLIENT_ID, CLIENT_SECRET, ISSUER, ORIGIN, SCOPE, serve } from './steps.mjs'

const config = await oidc.discovery(new URL(ISSUER), CLIENT_ID, CLIENT_SECRET, undefined, {
  execute: [oidc.allowInsecureRequests],
})
const codeVerifier = oidc.randomPKCECodeVerifier()
let tokens

serve({
  '/': async () => {
    if (tokens) return tokens.claims().sub
    return oidc.buildAuthorizationUrl(config, {
      redirect_uri: `${ORIGIN}/callback`,
      scope: SCOPE,
      code_challenge: await oidc.calculatePKCECodeChallenge(codeVerifier),
      code_challenge_method: 'S256',
    })
  },
  '/callback': async (url) => {
    tokens = await oidc.authorizationCodeGrant(config, url, { pkceCodeVerifier: codeVerifier })
    return tokens.claims().sub
  },
  '/userinfo': async () => (await oidc.fetchUserInfo(config, tokens.access_token, tokens.claims().sub)).sub,
  '/refresh': async () => {
    const renewed = await oidc.refreshTokenGrant(config, tokens.refresh_token)
    tokens = { ...renewed, claims: tokens.claims }
    return renewed.scope
  },
  '/revoke': async () => {
    await oidc.tokenRevocation(config, tokens.access_token)
    await oidc.tokenRevocation(config, tokens.refresh_token)
    return 'revoked'
  },
  '/logout': async () =>
    oidc.buildEndSessionUrl(config, {
      id_token_hint: tokens.id_token,
      post_logout_redirect_uri: `${ORIGIN}/bye`,
    }),
  '/bye': async () => 'bye',
})
