// What stands behind a proxy: it says who the proxy let through.
import { createServer } from 'node:http'

createServer(({ url, headers }, response) => {
  const subject = headers['x-forwarded-user'] ?? headers['oidc_claim_sub']
  const token = headers['x-forwarded-access-token'] ?? headers['oidc_access_token']
  response.setHeader('content-type', 'text/plain; charset=utf-8')
  if (url.startsWith('/bye')) return response.end('ok bye')
  response.end(subject && token ? `ok ${subject}` : `failed: the proxy said nobody or passed no token on`)
}).listen(process.env.UPSTREAM, 'localhost')
