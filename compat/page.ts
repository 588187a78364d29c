import { readFileSync } from 'node:fs'
import { markdownTable } from '../scripts/docs/markdown.ts'
import { type CompatClient, clients, seedNames } from './clients.ts'
import { isNotRun, type Result, readResults } from './results.ts'
import { tokenAlgs, tokenTyp, verifiers } from './verifiers.ts'

const read = (name: string) => readFileSync(new URL(name, import.meta.url), 'utf8')

const intro = `# Clients that were run against this server

Written by \`npm run docs\` from what \`npm run compat\` found (\`compat/results.json\`); do not edit.

\`compat/\` has one small program for each client, with the packages that others publish, pinned. \`npm run compat\` starts this
server with its sandbox, registers the clients, and logs somebody in at each of them in Chromium, with a phone number and a code.
Beyond the login it does what the client can; after a logout the session at the server must be over too. A client that fails as it comes is run again with
the setting that this page names.

\`\`\`sh manual
npm ci
sh compat/install.sh
npm run compat
npm run compat -- auth-js authlib
\`\`\`

| word | meaning |
| --- | --- |
| without an API | a seed with \`preset: server_app\`, \`spa\` or \`native_app\` |
| beside an API | the same with \`default_resource\`, as in the README |
| \`off_the_shelf\` | \`preset: off_the_shelf\`: RS256, claims in the ID token, a nonce in the place of PKCE; for clients with a secret |
| works | as the client comes, with nothing but address, id and secret |
| with the setting | with what the last column says |
`

const logoutWords = `
Where no logout stands in the third column, the client has none that reaches the server (RP-Initiated Logout): it forgets its own session,
and an app sends people to the \`end_session_endpoint\` of the discovery document itself.
`

const verifierIntro = `
## Libraries that verify access tokens

Each takes the access token of a person, and refuses an ID token, a forged token and one for another API. The columns are what the seed
says of the API in \`access_token\`. Their code is in [backends.md](backends.md).
`

const neither = `
## A client that sends neither PKCE nor a nonce

It cannot connect, with any preset: nothing would tie the code to the browser that began the login, so somebody who got hold of a code could log in
with it (RFC 9700 §2.1.1). It gets \`invalid_request\`, *Authorization Server policy requires PKCE to be used for this request*. What helps, the
best first:

1. A switch in the client (*PKCE*, \`code_challenge\`, *nonce*); the table names those that we know. A nonce is enough with \`preset: off_the_shelf\`.
2. oauth2-proxy before it, which passes on who logged in; so Gitea was run.
3. \`require_nonce: false\` and \`require_pkce: false\` in the seed, for a client with a secret. An injected code goes through unnoticed then.

A client without a secret needs PKCE in any case.

## No e-mail address

People who log in by phone have no \`email\`. mozilla-django-oidc and social-core ask for the scope \`email\` unasked, so a \`scope\` in the seed of
such a client must have it, or be left out: a scope that the client has not is refused as \`invalid_scope\`. Map \`sub\` where a program insists on an address.
`

const elsewhere = `
## Not run

| client | why | what its documents want |
| --- | --- | --- |
| Grafana | none of Debian 12, npm and PyPI has its server, and the Go module proxy has no version of \`github.com/grafana/grafana\` | \`preset: off_the_shelf\`, \`use_pkce = true\`, \`login_attribute_path = sub\`, \`email_attribute_path = sub\` |
| Nextcloud, Kong, APISIX, Kubernetes | not in the registries that the runs use, or more than one machine | \`preset: off_the_shelf\`; for the gateways see [backends.md](backends.md) |
`

/** `docs/compatibility.md`. */
export function compatibilityMarkdown(): string {
  const results = readResults()
  const resultOf = (id: string): Result => results[id] ?? { notRun: 'nobody has run it yet' }
  const clientRows = clients.map((client) => {
    const { id, name, pinned, setting = '–' } = client
    const cells = seedNames.map((seed) => cell(resultOf(id), seed))
    return [name, version(pinned), beyondLogin(client), ...cells, setting]
  })
  const verifierRows = verifiers.map(({ id, name, pinned, setting, note }) => {
    const cells = tokenAlgs.map((alg) => cell(resultOf(id), alg))
    return [name, version(pinned), ...cells, [setting, note].filter(Boolean).join('; ') || '–']
  })
  const seeds = ['without an API', 'beside an API', '`off_the_shelf`']
  const apis = tokenAlgs.map((alg) => `\`${alg}\`, \`${tokenTyp(alg)}\``)
  return [
    intro,
    ...markdownTable(['client', 'version', 'beside the login', ...seeds, 'setting in the client'], clientRows),
    logoutWords.trimEnd(),
    verifierIntro,
    ...markdownTable(['library', 'version', ...apis, 'setting'], verifierRows),
    neither.trimEnd(),
    elsewhere,
  ].join('\n')
}

/** What was tried after the login. */
function beyondLogin({ steps, logout }: CompatClient): string {
  const tried = steps.slice(1).flatMap((step) => (typeof step === 'string' ? (stepWords[step] ?? []) : []))
  return [...tried, ...(logout ? ['logout'] : [])].join(', ') || '–'
}

const stepWords: Readonly<Record<string, string>> = {
  '/': 'refresh',
  '/userinfo': 'userinfo',
  '/refresh': 'refresh',
  '/frame': 'iframe',
  '/revoke': 'revocation',
}

const words = { works: 'works', setting: 'with the setting' } as const

function cell(result: Result, tried: string): string {
  if (isNotRun(result)) return `not run: ${result.notRun}`
  const outcome = result[tried]
  if (outcome === undefined) return '–'
  if (outcome === 'works' || outcome === 'setting') return words[outcome]
  return `no: ${outcome.replace(/^fails: (\/: )?(failed: )?/, '').replaceAll('|', '\\|')}`
}

/** The version behind `npm NAME`, `pypi NAME`, `go NAME` or `maven FILE NAME`; or what is written. */
function version(pinned: string): string {
  const [registry, name = '', artifact = ''] = pinned.split(' ')
  switch (registry) {
    case 'npm':
      return (JSON.parse(read('package.json')) as Npm).dependencies[name]?.replace(/^npm:.*@/, '') ?? ''
    case 'pypi':
      return pinnedIn('requirements.txt', `${name}==`)
    case 'go':
      return pinnedIn('go.mod', `\t${name} v`)
    case 'maven':
      return new RegExp(`>${artifact}</artifactId>\\s*<version>(.*)</version>`).exec(read(name))?.[1] ?? ''
    default:
      return pinned
  }
}

interface Npm {
  readonly dependencies: Readonly<Record<string, string>>
}

function pinnedIn(file: string, before: string): string {
  const line = read(file)
    .split('\n')
    .find((each) => each.startsWith(before))
  return line?.slice(before.length) ?? ''
}
