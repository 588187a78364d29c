// Runs in the browser; page.mjs bundles it and defines CONFIG.
import { UserManager, WebStorageStateStore } from 'oidc-client-ts'

const { issuer, origin, clientId, scope } = CONFIG
const common = {
  authority: issuer,
  client_id: clientId,
  redirect_uri: `${origin}/callback`,
  silent_redirect_uri: `${origin}/silent`,
  post_logout_redirect_uri: `${origin}/bye`,
  loadUserInfo: true,
  automaticSilentRenew: false,
  userStore: new WebStorageStateStore({ store: sessionStorage }),
}
const manager = new UserManager({ ...common, scope, revokeTokensOnSignout: true })

/** Renews in an iframe with the session at the server, as apps without a refresh token do. */
async function renewInFrame() {
  const framed = new UserManager({
    ...common,
    scope: 'openid',
    userStore: new WebStorageStateStore({ store: sessionStorage, prefix: 'framed.' }),
  })
  return (await framed.signinSilent()).profile.sub
}

async function revoke() {
  const { refresh_token: before } = await manager.getUser()
  await manager.revokeTokens()
  const body = new URLSearchParams({ grant_type: 'refresh_token', refresh_token: before, client_id: clientId })
  const { error } = await (await fetch(`${issuer}/token`, { method: 'POST', body })).json()
  if (error !== 'invalid_grant') throw new Error(`the refresh token still lives: ${error}`)
  return 'revoked'
}

const steps = {
  '/': async () => (await manager.getUser())?.profile.sub ?? (await manager.signinRedirect()),
  '/callback': async () => {
    await manager.signinRedirectCallback()
    location.replace('/')
  },
  '/userinfo': async () => {
    const { profile } = await manager.getUser()
    if (!profile.updated_at && !profile.phone_number) throw new Error(`userinfo said only ${JSON.stringify(profile)}`)
    return profile.sub
  },
  '/refresh': async () => (await manager.signinSilent()).profile.sub,
  '/frame': renewInFrame,
  '/silent': async () => void (await manager.signinSilentCallback()),
  '/revoke': revoke,
  '/again': async () => void (await manager.signinRedirect()),
  '/logout': async () => void (await manager.signoutRedirect()),
  '/bye': async () => 'bye',
}

try {
  const said = await steps[location.pathname]()
  if (said) document.body.textContent = `ok ${said}`
} catch (error) {
  document.body.textContent = `failed: ${error.message}`
}
