import { createRemoteJWKSet, jwtVerify } from 'jose'

const [issuer, audience] = [process.env.ISSUER, 'https://api.example.com']
// Keeps the keys, and asks again when a token names one it has not seen (at most every 30 seconds).
const keys = createRemoteJWKSet(new URL(`${issuer}/jwks`))

/** Who the token stands for and what it allows; throws when it is not one for this API. */
async function verify(token) {
  const { payload } = await jwtVerify(token, keys, {
    issuer,
    audience,
    typ: 'at+jwt',
    algorithms: ['ES256'],
    clockTolerance: '10s',
  })
  return payload
}

const { sub, scope } = await verify(process.env.TOKEN)
console.log(sub, scope)
