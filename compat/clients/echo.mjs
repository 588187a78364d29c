// What stands behind a proxy: it says who the proxy let through.
import { createServer } from 'node:http'

createServer(({ headers }, response) => {
  const subject = headers['x-forwarded-user'] ?? headers['oidc_claim_sub']
  const token = headers['x-forwarded-access-token'] ?? headers['oidc_access_token']
  response.setHeader('content-type', 'text/plain; charset=utf-8')
  response.end(subject && token ? `ok ${subject}` : `failed: the proxy said nobody or passed no token on`)
}).listen(process.env.UPSTREAM, 'localhost')
