import { readFileSync } from 'node:fs'
import { markdownTable } from '../scripts/docs/markdown.ts'
import { clients, type SeedName, seedNames, verifiers } from './clients.ts'
import { type ClientResult, type Outcome, readResults } from './results.ts'

const read = (name: string) => readFileSync(new URL(name, import.meta.url), 'utf8')

const intro = `# Clients that were run against this server

Written by \`npm run docs\` from what \`npm run compat\` found (\`compat/results.json\`); do not edit.

\`compat/\` has one small program for each client, with the packages that others publish, pinned. \`npm run compat\` starts this
server with its sandbox, registers the clients, and logs somebody in at each of them in Chromium, with a phone number and a code.
Beyond the login it does what the client can: userinfo, refresh, revocation, logout. A client that fails as it comes is run again with
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

const elsewhere = `## Not run

| client | why | what its documents want |
| --- | --- | --- |
| Spring Boot, client and whole resource server | left out so far; only the decoder of the resource server is run, below | \`preset: off_the_shelf\`, or PKCE and the algorithm in the app |
| Grafana | no package in the registries that the runs use | \`preset: off_the_shelf\`, \`use_pkce = true\`, \`login_attribute_path = sub\`, \`email_attribute_path = sub\` |
| Gitea | no package in the registries that the runs use | \`preset: off_the_shelf\`; whether it sends a nonce was not tried, and it can send no PKCE |
`

/** `docs/compatibility.md`. */
export function compatibilityMarkdown(): string {
  const results = readResults()
  const resultOf = (id: string): ClientResult => results[id] ?? { notRun: 'nobody has run it yet' }
  const clientRows = clients.map(({ id, name, pinned, setting }) => {
    const result = resultOf(id)
    return [name, version(pinned), ...seedNames.map((seed) => cell(result, seed)), setting ?? remedy(result)]
  })
  const verifierRows = verifiers.map(({ id, name, pinned }) => [name, version(pinned), cell(resultOf(id), 'api')])
  const head = ['client', 'version', 'without an API', 'beside an API', '`off_the_shelf`', 'setting in the client']
  return `${[
    intro,
    ...markdownTable(head, clientRows),
    '\n## Libraries that verify access tokens\n',
    'Each takes the access token of a person and refuses an ID token and a forged one. Their code is in [backends.md](backends.md).\n',
    ...markdownTable(['library', 'version', 'result'], verifierRows),
    `\n${elsewhere}`,
  ].join('\n')}`
}

/** What helps a client that has no setting of its own. */
function remedy(result: ClientResult): string {
  return 'plain' in result && result.plain?.startsWith('fails') ? 'none; `preset: off_the_shelf` in the seed' : '–'
}

const words = { works: 'works', setting: 'with the setting' } as const

function cell(result: ClientResult, seed: SeedName): string {
  if ('notRun' in result) return `not run: ${result.notRun}`
  const outcome: Outcome | undefined = result[seed]
  if (outcome === undefined) return '–'
  if (outcome === 'works' || outcome === 'setting') return words[outcome]
  return `no: ${outcome.replace(/^fails: (\/: )?(failed: )?/, '').replaceAll('|', '\\|')}`
}

/** The version behind `npm NAME`, `pypi NAME`, `go NAME` or `maven NAME`; or what is written. */
function version(pinned: string): string {
  const [registry, name = ''] = pinned.split(' ')
  switch (registry) {
    case 'npm':
      return (JSON.parse(read('package.json')) as Npm).dependencies[name]?.replace(/^npm:.*@/, '') ?? ''
    case 'pypi':
      return pinnedIn('requirements.txt', `${name}==`)
    case 'go':
      return pinnedIn('go.mod', `\t${name} v`)
    case 'maven':
      return new RegExp(`>${name}</artifactId>\\s*<version>(.*)</version>`).exec(read('pom.xml'))?.[1] ?? ''
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
