import { readFileSync } from 'node:fs'
import { Secret } from '../../base/secret.ts'
import type { Path } from '../../base/yaml-document.ts'
import { needsSecret } from './client-schema.ts'
import { besideSeed, type SeedItem, type SeedPlace, type SeedProblem } from './seed-document.ts'

/** What a file says about the secret of a client. `generate`: one is made when the client has none. */
export type SecretWish =
  | { readonly kind: 'none' }
  | { readonly kind: 'generate' }
  | { readonly kind: 'given'; readonly secret: Secret }

interface Place extends SeedPlace {
  readonly env: Readonly<Record<string, string | undefined>>
}

const shortest = 32
const longest = 1000

/** Finds the secret a file only names. */
export function resolveSecret(
  { seed, broken, problem }: SeedItem,
  place: Place,
): { readonly wish: SecretWish; readonly problems: readonly SeedProblem[] } {
  const refuse = (path: Path, message: string) => ({
    wish: { kind: 'none' as const },
    problems: [problem(path, message)],
  })
  const source = seed.client_secret
  if (broken.has('client_secret') || broken.has('token_endpoint_auth_method'))
    return { wish: { kind: 'none' }, problems: [] }
  const method = seed.token_endpoint_auth_method
  if (!needsSecret(seed)) {
    if (source) return refuse(['client_secret'], `is of no use: token_endpoint_auth_method ${method} has no secret`)
    return { wish: { kind: 'none' }, problems: [] }
  }
  if (!source) {
    return refuse(
      ['client_secret'],
      `is missing: ${method} needs { env: NAME }, { file: PATH } or { generate: true }; an app without a secret ` +
        'says token_endpoint_auth_method: none',
    )
  }
  if ('generate' in source) return { wish: { kind: 'generate' }, problems: [] }
  const path = ['client_secret', 'env' in source ? 'env' : 'file']
  const text = 'env' in source ? place.env[source.env] || undefined : readSecret(source.file, place)
  if (text === undefined) {
    return refuse(path, 'env' in source ? `the variable ${source.env} is not set` : `${source.file} cannot be read`)
  }
  const message = weakness(text)
  return message === undefined
    ? { wish: { kind: 'given', secret: new Secret(text) }, problems: [] }
    : refuse(path, message)
}

function readSecret(path: string, place: SeedPlace): string | undefined {
  try {
    return readFileSync(besideSeed(place, path), 'utf8').replace(/\r?\n$/, '')
  } catch {
    return undefined
  }
}

function weakness(text: string): string | undefined {
  if (text.length < shortest)
    return `the secret is shorter than ${shortest} characters; make one with: openssl rand -hex 32`
  if (text.length > longest) return `the secret is longer than ${longest} characters`
  if (!/^[\x21-\x7E]+$/.test(text)) return 'the secret may hold only printable ASCII, and no spaces'
  return undefined
}
