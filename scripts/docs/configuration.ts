import { settingsRefusedInProduction } from '../../src/config/fitness.ts'
import { flow } from '../../src/config/reference.ts'
import { type Setting, settings } from '../../src/config/settings.ts'
import { markdownTable } from './markdown.ts'

const introduction = `# Configuration

Written by \`npm run docs\` from the schema in \`src/config/schema.ts\`; do not edit.

Sources, weakest first: defaults, a YAML file (\`--config FILE\`, else \`MENSHEN_CONFIG\`, else \`./menshen.yaml\` if present), environment.

- Any setting can be given as a variable: those below, where lists and sections are written as YAML on one line. An empty variable counts as absent.
- \`NAME_FILE\` reads what \`NAME\` would hold from a file; use it for secrets.
- In the file, anchors (\`&tea\`), aliases (\`*tea\`) and merge keys (\`<<: *tea\`) work; a key at the top that begins with \`x-\` is a place for what is only referred to.
- What is special in the user name or password of an address (\`DATABASE_URL\`, \`REDIS_URL\`, \`mail.url\`) is percent-encoded: \`@\` as \`%40\`, \`/\` as \`%2F\`, \`#\` as \`%23\`.
- Durations are texts: \`30s\`, \`10m\`, \`12h\`, \`30d\`.
- An unknown key, an unknown \`MENSHEN_…\` variable, a contradiction or a missing secret stops the start with one message that lists every problem.
- With \`NODE_ENV=production\` the defaults are those of the last column, and everything that is not fit for production is refused.
- \`menshen config check\`, \`print\`, \`schema\` and \`example\` work on the same schema.
`

/** The reference of every setting, as Markdown. */
export function configurationMarkdown(): string {
  const all = settings()
  const top = all.filter(({ path, isSection }) => !isSection && !path.includes('.') && !path.includes('[]'))
  const general = ['## General', '', ...table(top), ...top.flatMap(({ path }) => itemTables(all, path))]
  const sections = all
    .filter(({ isSection, depth }) => isSection && depth === 0)
    .flatMap(({ path, description }) => {
      const inside = all.filter(
        (row) => !row.isSection && row.path.startsWith(`${path}.`) && !row.path.includes('[]') && !row.variant,
      )
      return [
        '',
        `## ${path}`,
        '',
        description,
        '',
        ...table(inside),
        ...inside.flatMap((row) => itemTables(all, row.path)),
      ]
    })
  return `${[introduction, ...general, ...sections].join('\n')}\n`
}

/** One table for the items of a list of sections; one for each kind where there are several, of a section too. */
function itemTables(all: readonly Setting[], path: string): string[] {
  const isBelow = (row: Setting) =>
    row.path.startsWith(`${path}[].`) || (row.path.startsWith(`${path}.`) && row.variant !== undefined)
  const items = all.filter((row) => !row.isSection && isBelow(row))
  const each = items.some((row) => row.path.startsWith(`${path}[].`)) ? `Each of \`${path}\`` : `\`${path}\``
  return [...new Set(items.map(({ variant }) => variant))].flatMap((variant) => {
    const rows = items.filter((row) => row.variant === variant)
    return ['', `${each}${variant === undefined ? '' : ` with ${variant}`}:`, '', ...itemTable(rows)]
  })
}

function table(rows: readonly Setting[]): string[] {
  const lines = rows.map((row) => [
    code(row.path),
    cell(row.description),
    row.type,
    code(row.variable ?? ''),
    ...defaults(row),
  ])
  return markdownTable(['setting', 'meaning', 'type', 'variable', 'default', 'in production'], lines)
}

function itemTable(rows: readonly Setting[]): string[] {
  const lines = rows.map((row) => [
    code(row.path),
    cell(row.description),
    row.type,
    row.required ? 'required' : (defaults(row)[0] ?? ''),
  ])
  return markdownTable(['key', 'meaning', 'type', 'default'], lines)
}

function defaults(row: Setting): [string, string] {
  const shown = row.default === undefined ? (row.required ? 'required' : '') : code(flow(row.default))
  const production = row.defaultInProduction === undefined ? '' : code(flow(row.defaultInProduction))
  if (production !== shown && production !== '') return [shown, production]
  return [shown, settingsRefusedInProduction.has(row.path) ? 'must be set' : '']
}

function code(text: string): string {
  return text === '' ? '' : `\`${text}\``
}

function cell(text: string): string {
  return text.replaceAll('|', '\\|').replaceAll('<', '&lt;')
}
