import { UserManager } from 'oidc-client-ts'

const { VITE_ISSUER, VITE_CLIENT_ID, VITE_API } = import.meta.env
const manager = new UserManager({
  authority: VITE_ISSUER ?? 'http://localhost:3000',
  client_id: VITE_CLIENT_ID ?? 'web',
  redirect_uri: `${location.origin}/callback`,
  post_logout_redirect_uri: `${location.origin}/`,
  scope: 'openid profile phone offline_access orders:read',
  loadUserInfo: true,
})

const pages = {
  '/login': () => manager.signinRedirect(),
  '/logout': () => manager.signoutRedirect(),
  '/callback': async () => {
    await manager.signinCallback()
    location.replace('/')
  },
  '/': async () => {
    const user = await manager.getUser()
    if (!user) return show('<a href="/login">Log in</a>')
    const headers = { authorization: `Bearer ${user.access_token}` }
    const orders = fetch(`${VITE_API ?? 'http://localhost:8081'}/orders`, { headers })
    const answer = await orders.then((response) => response.text()).catch((error) => error.message)
    const facts = JSON.stringify(user.profile, null, 2) // sub, name, phone_number …
    show('<a href="/logout">Log out</a> <pre></pre>', `${facts}\nThe API says: ${answer}`)
  },
}

function show(html, text) {
  document.body.innerHTML = html
  if (text) document.querySelector('pre').textContent = text
}

await pages[location.pathname]?.()
