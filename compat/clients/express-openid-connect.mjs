import express from 'express'
import openid from 'express-openid-connect'
import { CLIENT_ID, CLIENT_SECRET, ID_TOKEN_ALG, ISSUER, isSet, ORIGIN, PORT, SCOPE, said } from './steps.mjs'

const setting = {
  authorizationParams: { response_type: 'code', scope: SCOPE },
  idTokenSigningAlg: ID_TOKEN_ALG,
}
const answer = (step) => async (request, response) => {
  try {
    response.send(`ok ${await step(request)}`)
  } catch (error) {
    response.send(`failed: ${said(error)}`)
  }
}

express()
  .use(
    openid.auth({
      issuerBaseURL: ISSUER,
      baseURL: ORIGIN,
      clientID: CLIENT_ID,
      clientSecret: CLIENT_SECRET,
      secret: 'a secret of the app, for its cookies',
      authRequired: false,
      idpLogout: true,
      routes: { postLogoutRedirect: '/bye' },
      ...(isSet ? setting : {}),
    }),
  )
  .get(
    '/',
    openid.requiresAuth(),
    answer(async ({ oidc }) => oidc.user.sub),
  )
  .get(
    '/userinfo',
    openid.requiresAuth(),
    answer(async ({ oidc }) => (await oidc.fetchUserInfo()).sub),
  )
  .get(
    '/refresh',
    openid.requiresAuth(),
    answer(async ({ oidc }) => (await oidc.accessToken.refresh()).token_type),
  )
  .get(
    '/bye',
    answer(async () => 'bye'),
  )
  .use((error, _request, response, _next) => response.send(`failed: ${said(error)}`))
  .listen(PORT)
