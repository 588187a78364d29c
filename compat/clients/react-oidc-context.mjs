// Runs in the browser; page.mjs bundles it and defines CONFIG.
import { createElement, StrictMode, useEffect, useState } from 'react'
import { createRoot } from 'react-dom/client'
import { AuthProvider, useAuth } from 'react-oidc-context'

const { issuer, origin, clientId, scope } = CONFIG
const settings = {
  authority: issuer,
  client_id: clientId,
  redirect_uri: `${origin}/`,
  post_logout_redirect_uri: `${origin}/bye`,
  scope,
  loadUserInfo: true,
  automaticSilentRenew: false,
  onSigninCallback: () => history.replaceState({}, '', '/'),
}
const working = '…'

function App() {
  const auth = useAuth()
  const [said, say] = useState(working)
  const { isLoading, isAuthenticated, activeNavigator, user, error } = auth

  useEffect(() => {
    if (isLoading || activeNavigator || error || said !== working) return
    if (location.pathname === '/bye') return say('ok bye')
    if (!isAuthenticated) return void auth.signinRedirect()
    if (location.pathname === '/') return say(`ok ${user.profile.sub}`)
    if (location.pathname === '/logout') return void auth.signoutRedirect()
    auth.signinSilent().then(
      (renewed) => say(`ok ${renewed.profile.sub}`),
      (thrown) => say(`failed: ${thrown.message}`),
    )
  }, [auth, isLoading, isAuthenticated, activeNavigator, user, error, said])

  return error ? `failed: ${error.message}` : said
}

const root = document.body.appendChild(document.createElement('main'))
document.body.firstChild.remove()
createRoot(root).render(createElement(StrictMode, null, createElement(AuthProvider, settings, createElement(App))))
