import { createServer } from 'node:http'
import { createRemoteJWKSet, jwtVerify } from 'jose'

const keys = createRemoteJWKSet(new URL('http://localhost:3000/jwks'))

createServer(async (request, response) => {
  try {
    const token = request.headers.authorization?.replace(/^Bearer /i, '') ?? ''
    const { payload } = await jwtVerify(token, keys, {
      issuer: 'http://localhost:3000',
      audience: 'https://api.example.com',
      typ: 'at+jwt',
    })
    const isAllowed = payload.scope.split(' ').includes('orders:read')
    response.writeHead(isAllowed ? 200 : 403).end(JSON.stringify({ of: payload.sub, orders: [] }))
  } catch (error) {
    response.writeHead(401).end(JSON.stringify({ error: error.message }))
  }
}).listen(8081)
