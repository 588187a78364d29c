import { page, say } from './dom.js'
import { decode, hasGoodSignature } from './protocol.js'

/** What a client must find in its ID token, OIDC Core §3.1.3.7. */
export async function checkIdToken(jwt, { jwks, clientId, nonce }) {
  const { header, payload } = decode(jwt)
  return {
    header,
    payload,
    checks: [
      { ok: await hasGoodSignature(jwt, jwks), text: say('check.signature', header) },
      { ok: payload.iss === page.issuer, text: say('check.iss') },
      { ok: [payload.aud].flat().includes(clientId), text: say('check.aud', { aud: clientId }) },
      { ok: payload.nonce === nonce, text: say('check.nonce') },
      lifetime(payload),
    ],
  }
}

/** What the API will look at, RFC 9068 §4; the client itself has no business with it. */
export async function checkAccessToken(jwt, { jwks, clientId }) {
  const { header, payload } = decode(jwt)
  return {
    header,
    payload,
    checks: [
      { ok: await hasGoodSignature(jwt, jwks), text: say('check.signature', header) },
      { ok: header.typ === 'at+jwt', text: say('check.typ') },
      { ok: payload.iss === page.issuer, text: say('check.iss') },
      { ok: [payload.aud].flat().includes(page.resource), text: say('check.aud', { aud: page.resource }) },
      { ok: payload.client_id === clientId, text: say('check.client', { client: clientId }) },
      lifetime(payload),
    ],
  }
}

/** A minute of tolerance, because two machines never agree on the time. */
function lifetime({ iat, exp }) {
  const now = Date.now() / 1000
  return { ok: iat - 60 <= now && now < exp + 60, text: say('check.exp', { minutes: Math.round((exp - iat) / 60) }) }
}
