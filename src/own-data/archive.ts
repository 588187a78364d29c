import type { Locale } from '../base/languages.ts'
import { paths } from '../base/paths.ts'
import { type Collected, collectOwnData } from './collect.ts'
import { csv } from './csv.ts'
import { listColumns, listNames, type OwnData, ownDataSchema } from './own-data.ts'
import { readablePage } from './readable-page.ts'
import { zip } from './zip.ts'

/** What an archive is written with. */
export interface ArchiveWriting {
  readonly issuer: string
  readonly words: Parameters<typeof readablePage>[2]
}

/** Where the JSON schema of the archives of a server is published. */
export function schemaAddress(issuer: string): string {
  return `${issuer}${paths.ownDataSchema}`
}

/**
 * Everything that is kept about a person, as a ZIP: JSON with its schema for programs, tables for spreadsheets, and a
 * page for reading in their language. Undefined when there is no such user or nothing is left of it.
 */
export async function ownArchive(
  of: Parameters<typeof collectOwnData>,
  locale: Locale,
  writing: ArchiveWriting,
): Promise<Buffer | undefined> {
  const collected = await collectOwnData(...of)
  return collected && packed(collected, locale, writing)
}

/** The same as data alone. */
export async function ownDataOf(
  of: Parameters<typeof collectOwnData>,
  writing: Pick<ArchiveWriting, 'issuer'>,
): Promise<OwnData | undefined> {
  const collected = await collectOwnData(...of)
  return collected && dataOf(collected, writing)
}

function dataOf({ data }: Collected, { issuer }: Pick<ArchiveWriting, 'issuer'>): OwnData {
  return { $schema: schemaAddress(issuer), issuer, ...data }
}

function packed(collected: Collected, locale: Locale, { issuer, words }: ArchiveWriting): Buffer {
  const address = schemaAddress(issuer)
  const data = dataOf(collected, { issuer })
  const { profile } = data
  const { picture } = collected
  const tables = listNames.map((name) => ({ name: `${name}.csv`, content: csv(listColumns[name], data[name]) }))
  const files = [
    { name: 'index.html', content: readablePage(data, locale, words) },
    { name: 'data.json', content: json(data) },
    { name: 'data.schema.json', content: json(ownDataSchema(address)) },
    { name: 'profile.csv', content: csv(Object.keys(profile), [profile]) },
    ...tables,
    ...(picture ? [{ name: `picture.${picture.type.replace(/^image\/|\+.*$/g, '')}`, content: picture.bytes }] : []),
  ]
  return zip(files, new Date(data.made_at))
}

function json(value: unknown): string {
  return `${JSON.stringify(value, null, 2)}\n`
}
