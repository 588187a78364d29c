// Writes what a run of the OpenID Foundation's conformance suite needs: seeds for this server, settings for the suite.
//   node examples/conformance/prepare.mjs --issuer https://id.example.com --suite https://localhost:8443 --out FOLDER
//     [--identifier lin@example.com --password SECRET]   a person, for a suite that logs in by itself
import { generateKeyPairSync, randomBytes } from 'node:crypto'
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { parseArgs } from 'node:util'

const text = { type: 'string' }
const options = { issuer: text, suite: text, out: text, identifier: text, password: text }
const { issuer, suite, out, identifier, password } = parseArgs({ options }).values
if (!issuer || !suite || !out) throw new Error('say --issuer, --suite and --out')

mkdirSync(out, { recursive: true })
const write = (name, content) => writeFileSync(join(out, name), content, { mode: 0o600 })
const seed = (name) =>
  readFileSync(join(import.meta.dirname, name), 'utf8').replaceAll('https://localhost:8443/', `${suite}/`)

/** One step of the suite's browser; it is left out where the browser stands at another page. */
const step = (task, match, ...commands) => ({ task, match, optional: true, commands })
const type = (field, value) => ['text', 'name', field, value, 'optional']
const press = (button) => ['click', 'css', button, 'optional']
/** Keeps the page as the picture that a module asks for, if it does. */
const shown = ['wait', 'css', 'h1', 10, '.*', 'update-image-placeholder-optional']

/** What the suite's browser does with our pages; `*` stands for anything in an address. */
function browser(alias, { answers = logsIn, isTwice = false, showsEnd = false } = {}) {
  const interaction = `${issuer}/interaction/*`
  const back = `${suite}/test/*/${alias}/callback*`
  const tasks = [
    step('Log in', interaction, ...answers),
    step('Agree', interaction, press('button[value="allow"]')),
    step('Read a refusal', `${issuer}/auth*`, shown),
    step('Return', back, ['wait', 'id', 'submission_complete', 10]),
  ]
  const logout = [
    step('Sign out', `${issuer}/session/end*`, ...(showsEnd ? [] : [shown]), press('button[name="logout"]')),
    step('Signed out', `${issuer}/session/end/*`, shown),
  ]
  const onlyLooks = { match: `${issuer}/auth*`, 'match-limit': 1, tasks: [step('Look', interaction)] }
  return [
    ...(isTwice ? [onlyLooks] : []),
    { match: `${issuer}/auth*`, tasks },
    { match: `${issuer}/session/end*`, tasks: logout },
  ]
}

const logsIn = [
  press('a[href^="?method=password"]'),
  type('identifier', identifier),
  type('password', password),
  press('input[name="agreement"]'),
  press('#submit'),
]
const fapi2Module = 'fapi2-security-profile-final-'
const logoutModule = 'oidcc-rp-initiated-logout-'
/** Modules that want another picture, another answer, or a login at the second visit only. */
const otherwise = {
  'oidcc-prompt-login': { answers: [shown, ...logsIn] },
  'oidcc-max-age-1': { answers: [shown, ...logsIn] },
  [`${logoutModule}no-params`]: { showsEnd: true },
  [`${logoutModule}only-state`]: { showsEnd: true },
  [`${logoutModule}no-post-logout-redirect-uri`]: { showsEnd: true },
  [`${fapi2Module}user-rejects-authentication`]: { answers: [press('button[value="cancel"]')] },
  [`${fapi2Module}par-ensure-reused-request-uri-prior-to-auth-completion-succeeds`]: { isTwice: true },
}

function settings(file, alias, clients) {
  const server = { discoveryUrl: `${issuer}/.well-known/openid-configuration` }
  const entries = Object.entries(otherwise).map(([module, how]) => [module, { browser: browser(alias, how) }])
  const override = Object.fromEntries(entries)
  const quick = { browsercontrol_css_enable: false }
  const automatic = identifier && password ? { browser: browser(alias), override, options: quick } : {}
  write(file, `${JSON.stringify({ alias, description: 'Menshen', server, ...clients, ...automatic }, null, 2)}\n`)
}

function withSecret(clientId) {
  const secret = randomBytes(32).toString('base64url')
  write(`${clientId}.secret`, secret)
  return { client_id: clientId, client_secret: secret }
}

write('openid-connect.yaml', seed('openid-connect.yaml'))
const [client, client2] = [withSecret('conformance-1'), withSecret('conformance-2')]
settings('openid-connect.json', 'menshen', { client, client2, client_secret_post: withSecret('conformance-post') })
settings('back-channel-logout.json', 'menshen-backchannel', { client: withSecret('conformance-backchannel') })

let fapi2 = seed('fapi2.yaml')
/** Makes a key of a client: the seed gets its public half. One is RSA, so that the suite can try RS256 with it. */
function withKey(clientId, alg) {
  const pair = alg === 'PS256' ? ['rsa', { modulusLength: 2048 }] : ['ec', { namedCurve: 'P-256' }]
  const made = generateKeyPairSync(...pair).privateKey.export({ format: 'jwk' })
  const key = { ...made, kid: clientId, use: 'sig', alg }
  const { d, p, q, dp, dq, qi, ...half } = key
  fapi2 = fapi2.replace('[{ kty: EC, crv: P-256, x: X, y: Y }]', JSON.stringify([half]))
  return { client_id: clientId, scope: 'openid offline_access', jwks: { keys: [key] }, dpop_signing_alg: 'ES256' }
}
settings('fapi2.json', 'menshen-fapi2', {
  client: withKey('conformance-fapi2-1', 'PS256'),
  client2: withKey('conformance-fapi2-2', 'ES256'),
  resource: { resourceUrl: `${issuer}/me` },
})
write('fapi2.yaml', fapi2)
