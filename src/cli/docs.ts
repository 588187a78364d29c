import { readFileSync, writeFileSync } from 'node:fs'
import { openapi } from '../../interactions/native/openapi.ts'
import { catalogue } from '../base/errors.ts'
import { configurationMarkdown } from '../config-text.ts'
import type { CommandContext } from './command.ts'
import { commands } from './command-table.ts'
import { cliMarkdown } from './help.ts'
import { englishText, printJson } from './output.ts'

const folder = new URL('../../docs/', import.meta.url)
const demo = new URL('../../sandbox/demo/', import.meta.url)

/** Stands in the description of the API where a server names itself. */
const exampleIssuer = 'https://id.example.com'

/** Every generated page, by its file name in `docs/`. */
export function pages(): Readonly<Record<string, string>> {
  return {
    'configuration.md': configurationMarkdown(),
    'errors.md': errorsMarkdown(),
    'cli.md': cliMarkdown(commands),
    'openapi.json': `${JSON.stringify(openapi(exampleIssuer), null, 2)}\n`,
    'native-client.ts': nativeClient(),
  }
}

/** `docs`: writes the pages that changed; `docs --check`: writes nothing and answers 1 when one is stale. */
export async function docs({ flags, stdout, stderr }: CommandContext): Promise<number> {
  const stale = Object.entries(pages()).filter(([name, text]) => readPage(name) !== text)
  const isCheck = flags['check'] === true
  if (!isCheck) for (const [name, text] of stale) writeFileSync(new URL(name, folder), text)
  const names = stale.map(([name]) => `docs/${name}`)
  if (flags['json'] === true) printJson(stdout, isCheck ? { stale: names } : { written: names })
  else for (const name of names) stdout.write(`${isCheck ? 'stale' : 'written'} ${name}\n`)
  if (isCheck && names.length > 0) stderr.write('npm run docs writes them\n')
  return isCheck && names.length > 0 ? 1 : 0
}

function readPage(name: string): string | undefined {
  try {
    return readFileSync(new URL(name, folder), 'utf8')
  } catch {
    return undefined
  }
}

/** The client of the sandbox in one file that imports nothing: other toolchains know no import that ends in `.ts`. */
function nativeClient(): string {
  const parts = ['types', 'encoding', 'transports', 'storage', 'client'].map((part) => {
    const text = readFileSync(new URL(`native-${part}.ts`, demo), 'utf8')
    return text.replace(/^import [^']* from '\.\/native-\w+\.ts'\n/gm, '').trim()
  })
  const head = '// Written by `npm run docs` from sandbox/demo/native-*.ts. To be copied: docs/native-api.md.'
  return `${[head, ...parts].join('\n\n')}\n`
}

function errorsMarkdown(): string {
  const rows = Object.entries(catalogue).map(([code, { status, oauth }]) => {
    const text = (englishText(`errors.${code}`) ?? '').replaceAll('|', '\\|')
    return `| \`${code}\` | ${status} | \`${oauth}\` | ${text} |`
  })
  return `${[
    '# Errors',
    '',
    'Written by `menshen docs` from the catalogue in `src/base/errors.ts`; do not edit.',
    '',
    'JSON endpoints answer `{ "error", "error_description", "message_key" }` with the status of the table; `message_key` is `errors.` and the code. Pages show the text in the language of',
    'the visitor, the code and a request id. Where trying again makes sense there is a `Retry-After` header.',
    '',
    '| code | status | `error` | what people are told in English |',
    '| --- | --- | --- | --- |',
    ...rows,
  ].join('\n')}\n`
}
