import { createRemoteJWKSet, jwtVerify } from 'jose'

const { ISSUER: issuer = 'http://localhost:3000', AUDIENCE: audience = 'https://api.example.com' } = process.env
const { ALG: alg = 'ES256', TYP: typ = 'at+jwt' } = process.env
// Keeps the keys, and asks again when a token names one it has not seen (at most every 30 seconds).
const keys = createRemoteJWKSet(new URL(`${issuer}/jwks`))

/** Who the token stands for and what it allows; throws when it is not one for this API. */
async function verify(token) {
  const { payload } = await jwtVerify(token, keys, {
    issuer,
    audience,
    typ,
    algorithms: [alg],
    clockTolerance: '10s',
  })
  return payload
}

const { sub, scope } = await verify(process.env.TOKEN)
console.log(sub, scope)
