import { ExpressAuth, getSession } from '@auth/express'
import express from 'express'
import { CLIENT_ID, CLIENT_SECRET, ISSUER, PORT, SCOPE } from './steps.mjs'

const config = {
  providers: [
    {
      id: 'menshen',
      name: 'Menshen',
      type: 'oidc',
      issuer: ISSUER,
      clientId: CLIENT_ID,
      clientSecret: CLIENT_SECRET,
      authorization: { params: { scope: SCOPE } },
    },
  ],
  secret: 'a secret of the app, for its cookies',
  trustHost: true,
  callbacks: {
    jwt: ({ token, profile }) => (profile ? { ...token, subject: profile.sub } : token),
    session: ({ session, token }) => ({ ...session, subject: token.subject }),
  },
}
/** Auth.js wants a form of its own sent before it goes to the provider. */
const signIn = `<!doctype html><title>App</title><p>…</p><script type="module">
const { csrfToken } = await (await fetch('/auth/csrf')).json()
const form = document.createElement('form')
form.method = 'post'
form.action = '/auth/signin/menshen'
for (const [name, value] of Object.entries({ csrfToken, callbackUrl: '/' })) {
  form.append(Object.assign(document.createElement('input'), { name, value, type: 'hidden' }))
}
document.body.append(form)
form.submit()
</script>`

express()
  .use('/auth', ExpressAuth(config))
  .get('/', async (request, response) => {
    const session = await getSession(request, config)
    if (!session) return response.send(signIn)
    response.send(`ok ${session.subject}`)
  })
  .listen(PORT)
