import { flow } from '../../src/config/reference.ts'
import { presetNames } from '../../src/oidc/clients/client-schema.ts'
import { accessTokenNotes, clientNotes, type FieldNote, resourceNotes } from '../../src/oidc/clients/field-notes.ts'
import { presets } from '../../src/oidc/clients/presets.ts'
import { recipes } from '../../src/oidc/clients/recipes.ts'
import { type SeedNode, seedJsonSchema } from '../../src/oidc/clients/seed-schema.ts'
import { markdownTable } from './markdown.ts'

const introduction = `# Clients and APIs

Written by \`npm run docs\` from the schema in \`src/oidc/clients\`; do not edit. A page in the browser, a Spring API and oauth2-proxy are connected step by step in
[apps.md](apps.md); the setting that each of many clients needs is in [compatibility.md](compatibility.md).

\`\`\`sh
npm run menshen -- clients example > seed.yaml            # one client of each kind, to keep what is wanted
npm run menshen -- clients schema > seed.schema.json      # for editors
npm run menshen -- clients apply seed.yaml --dry-run      # what would change; ends with 3 where something would
npm run menshen -- clients apply seed.yaml
\`\`\`

Files hold \`resources\` (APIs) and \`clients\`; several files count as one. All is applied or nothing, and a second \`apply\` changes nothing. What no file names stays, unless
\`--prune\` is given. Every problem is told with file, line and field.

- **Editors.** \`# yaml-language-server: $schema=./seed.schema.json\` as the first line of a file makes them complete and check it.
- **Repeating less.** Anchors (\`&web\`), aliases (\`*web\`) and merge keys (\`<<: *web\`) work. A key at the top that begins with \`x-\` is a place for what is only referred to.
- **Addresses** are compared letter by letter. A blank in one is refused.
- **Secrets** never stand in a file: \`{ env: NAME }\`, \`{ file: PATH }\` (beside the seed file) or \`{ generate: true }\`.
- **\`--json\`** prints \`applied\`, \`has_changes\`, \`items\` (\`kind\`, \`id\`, \`status\`, \`changes\` with \`field\`, \`from\`, \`to\`; \`preset\` with \`name\`, \`sets\`, \`overridden\`) and \`secrets\`, or \`problems\`. Items come in the order of the files, what no file names after them, by id.
- **\`--dry-run\` and \`--prune\`** name ten of many clients that no file has; \`--verbose\` names all.
`

/** The reference of seed files, as Markdown. */
export function clientsMarkdown(): string {
  const root = seedJsonSchema()
  const [resource, client] = [root.properties?.['resources']?.items, root.properties?.['clients']?.items]
  const sections = [
    '## Presets',
    '',
    'A client with `preset` has these fields; what the file says itself takes the place of a field as a whole. The plan shows them. They are stored with',
    'the client, so a later version of a preset changes nothing until the file is applied again, and the plan then says so.',
    '',
    ...markdownTable(
      ['preset', 'for', 'sets'],
      presetNames.map((name) => [`\`${name}\``, presets[name].summary, setsText(presets[name].sets)]),
    ),
    '',
    '## Recipes',
    ...presetNames.flatMap((name) => ['', `### ${name}`, '', recipes[name].words, '', ...yaml(recipes[name].seed)]),
    '',
    '## Fields of a client',
    '',
    ...table(client, clientNotes),
    '',
    '### lifetimes',
    '',
    ...described(client?.properties?.['lifetimes']),
    '',
    '### brand',
    '',
    ...described(client?.properties?.['brand']),
    '',
    '### attestation',
    '',
    ...described(client?.properties?.['attestation']),
    '',
    '## Fields of an API',
    '',
    ...table(resource, resourceNotes),
    '',
    '### scopes',
    '',
    'A scope with words for people: before somebody allows an app of others something, they read them in their language, else in the first that is there.',
    '',
    ...described(resource?.properties?.['scopes']?.items?.anyOf?.find(({ properties }) => properties)),
    '',
    '### access_token',
    '',
    ...table(resource?.properties?.['access_token'], accessTokenNotes),
  ]
  return `${introduction}\n${sections.join('\n')}\n`
}

function setsText(sets: object): string {
  return Object.entries(sets)
    .map(([field, value]) => `\`${field}: ${flow(value)}\``)
    .join(', ')
}

function yaml(text: string): string[] {
  return ['```yaml', text.trimEnd(), '```']
}

function table(node: SeedNode | undefined, notes: Readonly<Record<string, FieldNote>>): string[] {
  const rows = Object.entries(node?.properties ?? {}).map(([name, field]) => {
    const { description = '', example, rfc = '' } = notes[name] ?? {}
    const standard = node?.required?.includes(name) ? 'required' : ''
    const value = field.default === undefined ? standard : code(field.default)
    return [`\`${name}\``, cell(description), typeText(field), value, code(example), rfc]
  })
  return markdownTable(['field', 'meaning', 'type', 'default', 'example', 'after'], rows)
}

/** Members that say in the schema what they mean. */
function described(node: SeedNode | undefined): string[] {
  const rows = Object.entries(node?.properties ?? {}).map(([name, field]) => [
    `\`${name}\``,
    cell(field.description ?? ''),
    typeText(field),
  ])
  return markdownTable(['field', 'meaning', 'type'], rows)
}

function code(value: unknown): string {
  return `\`${flow(value)}\``.replaceAll('|', '\\|')
}

function cell(text: string): string {
  return text.replaceAll('|', '\\|')
}

function typeText(node: SeedNode): string {
  if (node.const !== undefined) return `\`${String(node.const)}\``
  if (node.enum) return node.enum.map((value) => `\`${String(value)}\``).join(', ')
  if (node.anyOf) return [...new Set(node.anyOf.map(typeText))].join(' or ')
  if (node.duration) return 'duration'
  if (node.type === 'array') return `list of ${typeText(node.items ?? {})}`
  if (node.properties) return `\`{ ${Object.keys(node.properties).join(', ')} }\``
  return { string: 'text', boolean: '`true`, `false`', integer: 'number', object: 'mapping' }[node.type ?? ''] ?? ''
}
