import { createServer } from 'node:http'
import * as oidc from 'openid-client'

const callback = 'http://localhost:8080/callback'
const config = await oidc.discovery(new URL('http://localhost:3000'), 'web', undefined, oidc.None(), {
  execute: [oidc.allowInsecureRequests], // http, on this machine only
})

async function logIn(response) {
  const [state, codeVerifier] = [oidc.randomState(), oidc.randomPKCECodeVerifier()]
  const url = oidc.buildAuthorizationUrl(config, {
    redirect_uri: callback,
    scope: 'openid phone offline_access orders:read',
    code_challenge: await oidc.calculatePKCECodeChallenge(codeVerifier),
    code_challenge_method: 'S256',
    state,
  })
  // The browser that comes back must be the one that left.
  const cookie = `login=${state}.${codeVerifier}; HttpOnly; SameSite=Lax; Path=/callback`
  response.writeHead(302, { location: url.href, 'set-cookie': cookie }).end()
}

async function finish(url, cookies, response) {
  const [, expectedState, pkceCodeVerifier] = /login=([\w-]+)\.([\w-]+)/.exec(cookies) ?? []
  const tokens = await oidc.authorizationCodeGrant(config, url, { expectedState, pkceCodeVerifier })
  const headers = { authorization: `Bearer ${tokens.access_token}` }
  const orders = await (await fetch('http://localhost:8081/orders', { headers })).json()
  const person = tokens.claims() // sub, phone_number, amr, auth_time …
  response.setHeader('content-type', 'application/json').end(JSON.stringify({ person, orders }, null, 2))
}

createServer((request, response) => {
  const url = new URL(request.url, callback)
  const done = url.pathname === '/callback' ? finish(url, request.headers.cookie ?? '', response) : logIn(response)
  done.catch((error) => response.writeHead(400).end(error.message))
}).listen(8080)
