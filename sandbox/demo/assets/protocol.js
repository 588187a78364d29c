// The protocol by hand, so that every byte is in sight. An app would use a library such as oauth4webapi.

const text = new TextEncoder()

function base64url(bytes) {
  return btoa(String.fromCharCode(...new Uint8Array(bytes)))
    .replace(/\+/g, '-')
    .replace(/\//g, '_')
    .replace(/=+$/, '')
}

function bytesOf(encoded) {
  return Uint8Array.from(atob(encoded.replace(/-/g, '+').replace(/_/g, '/')), (each) => each.charCodeAt(0))
}

/** 32 random bytes as text: verifier (RFC 7636 §4.1), state and nonce are made alike. */
export function random() {
  return base64url(crypto.getRandomValues(new Uint8Array(32)))
}

/** The S256 challenge of a verifier. */
export async function challengeOf(verifier) {
  return base64url(await crypto.subtle.digest('SHA-256', text.encode(verifier)))
}

export async function getJson(url, accessToken) {
  const response = await fetch(
    url,
    accessToken === undefined ? {} : { headers: { authorization: `Bearer ${accessToken}` } },
  )
  return answerOf(response)
}

/** Posts a form as every OAuth endpoint takes it. */
export async function postForm(url, form) {
  return answerOf(await fetch(url, { method: 'POST', body: new URLSearchParams(form) }))
}

async function answerOf(response) {
  const body = await response.text()
  const challenge = response.headers.get('www-authenticate')
  return {
    status: response.status,
    body: response.headers.get('content-type')?.includes('json') ? JSON.parse(body) : body,
    ...(challenge === null ? {} : { headers: `WWW-Authenticate: ${challenge}`, challenge }),
  }
}

/** The same form as a command. */
export function curlForm(url, form) {
  const quoted = (value) => `'${value.replace(/'/g, `'\\''`)}'`
  const fields = Object.entries(form).map(([name, value]) => ` \\\n  --data-urlencode ${quoted(`${name}=${value}`)}`)
  return `curl -s ${url}${fields.join('')}`
}

export function curlGet(url, accessToken) {
  return accessToken === undefined ? `curl -s ${url}` : `curl -s ${url} \\\n  -H 'Authorization: Bearer ${accessToken}'`
}

/** Header and payload of a JWT, before anything is believed. */
export function decode(jwt) {
  const [header, payload] = jwt.split('.')
  const read = (part) => JSON.parse(new TextDecoder().decode(bytesOf(part)))
  return { header: read(header), payload: read(payload) }
}

const algorithms = {
  ES256: { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' },
  RS256: { name: 'RSASSA-PKCS1-v1_5', hash: 'SHA-256' },
}

/**
 * Whether one of the published keys made the signature. The algorithm is ours to choose from a short list, not the
 * token's.
 */
export async function hasGoodSignature(jwt, jwks) {
  const { header } = decode(jwt)
  const algorithm = algorithms[header.alg]
  const jwk = jwks.keys.find(({ kid }) => kid === header.kid)
  if (algorithm === undefined || jwk === undefined || (jwk.alg ?? header.alg) !== header.alg) return false
  const key = await crypto.subtle.importKey('jwk', jwk, algorithm, false, ['verify'])
  const end = jwt.lastIndexOf('.')
  return crypto.subtle.verify(algorithm, key, bytesOf(jwt.slice(end + 1)), text.encode(jwt.slice(0, end)))
}

/** The parameters of a `WWW-Authenticate` header. */
export function challengeParameters(header) {
  return Object.fromEntries([...header.matchAll(/(\w+)="([^"]*)"/g)].map(([, name, value]) => [name, value]))
}
