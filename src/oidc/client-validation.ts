import type { Provider } from 'oidc-provider'
import { clientSchema, libraryMetadata } from './clients/client-schema.ts'
import type { SeedProblem } from './clients/seed-document.ts'
import type { SeedClient } from './clients/seed-file.ts'
import { clientFault } from './library/faults.ts'
import { validateClient } from './library/models.ts'

/** Stands for a secret that does not exist yet. */
const anySecret = 'x'.repeat(43)

/**
 * What the library would refuse about the clients. It names one fault at a time, so it is asked again without what it
 * has named, until it finds nothing more.
 */
export async function libraryProblems(clients: readonly SeedClient[], provider: Provider): Promise<SeedProblem[]> {
  const found = await Promise.all(clients.map((client) => problemsOf(client, provider)))
  return found.flat()
}

async function problemsOf({ seed, broken, secret, problem }: SeedClient, provider: Provider): Promise<SeedProblem[]> {
  if (broken.size > 0) return []
  const metadata = libraryMetadata(seed, secret.kind === 'given' ? secret.secret.reveal() : anySecret)
  const found = new Map<string, SeedProblem>()
  for (;;) {
    const refusal = await refusalOf(metadata, provider)
    if (!refusal) break
    const { field, message } = refusal
    if (found.has(field)) break
    found.set(field, problem(field === '' ? [] : [field], message))
    if (!(field in metadata) || othersNeed.includes(field)) break
    if (field === 'redirect_uris') metadata[field] = ['https://app.example.com/']
    else delete metadata[field]
  }
  return [...found.values()]
}

/** A client without these fields would make the library report faults that it does not have. */
const othersNeed = ['grant_types', 'jwks', 'token_endpoint_auth_method']

async function refusalOf(
  metadata: Record<string, unknown>,
  provider: Provider,
): Promise<{ readonly field: string; readonly message: string } | undefined> {
  try {
    await validateClient(provider, { ...metadata })
    return undefined
  } catch (error) {
    const fault = clientFault(error)
    if (!fault) throw error
    return fault.field in clientSchema.shape ? fault : { field: '', message: fault.text }
  }
}
