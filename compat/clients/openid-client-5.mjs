import { generators, Issuer } from 'openid-client-5'
import { CLIENT_ID, CLIENT_SECRET, ID_TOKEN_ALG, ISSUER, isSet, ORIGIN, SCOPE, serve } from './steps.mjs'

const issuer = await Issuer.discover(ISSUER)
const client = new issuer.Client({
  client_id: CLIENT_ID,
  client_secret: CLIENT_SECRET,
  redirect_uris: [`${ORIGIN}/callback`],
  response_types: ['code'],
  ...(isSet ? { id_token_signed_response_alg: ID_TOKEN_ALG } : {}),
})
const codeVerifier = generators.codeVerifier()
let tokens

serve({
  '/': async () => {
    if (tokens) return tokens.claims().sub
    const challenge = { code_challenge: generators.codeChallenge(codeVerifier), code_challenge_method: 'S256' }
    return new URL(client.authorizationUrl({ scope: SCOPE, ...challenge }))
  },
  '/callback': async (url) => {
    const answer = client.callbackParams(url.href)
    tokens = await client.callback(`${ORIGIN}/callback`, answer, { code_verifier: codeVerifier })
    return tokens.claims().sub
  },
  '/userinfo': async () => (await client.userinfo(tokens)).sub,
  '/refresh': async () => {
    tokens = await client.refresh(tokens)
    return tokens.scope
  },
  '/revoke': async () => {
    await client.revoke(tokens.access_token)
    await client.revoke(tokens.refresh_token)
    return 'revoked'
  },
  '/logout': async () =>
    new URL(client.endSessionUrl({ id_token_hint: tokens.id_token, post_logout_redirect_uri: `${ORIGIN}/bye` })),
  '/bye': async () => 'bye',
})
