import { Document, isMap, isSeq } from 'yaml'
import type { Catalog } from './catalog.ts'
import { clientSchema, needsSecret, resourceSchema } from './client-schema.ts'

type Written = Readonly<Record<string, unknown>>

/** The fields of a client or resource in the order of the reference; the database keeps none. */
export function inOrder(written: Written): Written {
  const names = [...Object.keys(resourceSchema.shape), ...Object.keys(clientSchema.shape)]
  const place = (name: string) => names.indexOf(name)
  return Object.fromEntries(Object.entries(written).toSorted(([a], [b]) => place(a) - place(b)))
}

/**
 * Everything registered as a file for `clients apply`. In place of a secret it says `{ generate: true }`, which keeps a
 * secret that is there. So the file changes nothing where it came from, and makes new secrets elsewhere.
 */
export function exportDocument({ resources, clients }: Catalog): {
  readonly resources: readonly Written[]
  readonly clients: readonly Written[]
} {
  return {
    resources: [...resources.values()].map(({ written }) => inOrder(written)),
    // Versions before this one took `logo_uri`, which no page showed.
    clients: [...clients.values()].map(({ written: { logo_uri: _, ...written }, seed }) =>
      inOrder({ ...written, ...(needsSecret(seed) ? { client_secret: { generate: true } } : {}) }),
    ),
  }
}

/** The same as YAML, with a comment about the secrets. */
export function exportText(catalog: Catalog): string {
  const document = new Document(exportDocument(catalog))
  document.commentBefore = ' Written by menshen clients export, for menshen clients apply.'
  const clients = document.get('clients')
  for (const client of isSeq(clients) ? clients.items : []) {
    const secret = isMap(client) ? client.get('client_secret', true) : undefined
    if (!isMap(secret)) continue
    secret.flow = true
    secret.comment = ' the secret is not exported; where the client has one it is kept'
  }
  return document.toString({ lineWidth: 0 })
}
