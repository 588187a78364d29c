import { z } from 'zod'
import { clientSchema, resourceSchema } from './client-schema.ts'
import { accessTokenNotes, clientNotes, type FieldNote, resourceNotes } from './field-notes.ts'

/** The parts of a JSON schema that seeds use. */
export interface SeedNode {
  readonly type?: string
  readonly description?: string
  readonly default?: unknown
  readonly examples?: readonly unknown[]
  readonly properties?: Readonly<Record<string, SeedNode>>
  readonly required?: readonly string[]
  readonly items?: SeedNode
  readonly anyOf?: readonly SeedNode[]
  readonly enum?: readonly unknown[]
  readonly const?: unknown
  readonly duration?: boolean
}

/** JSON Schema of a seed file, with the words of the reference, for editors. */
export function seedJsonSchema(): SeedNode {
  const file = z.strictObject({
    resources: z.array(resourceSchema).optional().describe('APIs and what their access tokens are like.'),
    clients: z.array(clientSchema).optional().describe('Who may ask for tokens.'),
  })
  const root = z.toJSONSchema(file, { io: 'input', target: 'draft-7' }) as SeedNode
  const [resource, client] = [root.properties?.['resources']?.items, root.properties?.['clients']?.items]
  annotate(client, clientNotes)
  annotate(resource, resourceNotes)
  annotate(resource?.properties?.['access_token'], accessTokenNotes)
  // What a file keeps there for its anchors is not read.
  return Object.assign(root, { patternProperties: { '^x-': {} } })
}

function annotate(node: SeedNode | undefined, notes: Readonly<Record<string, FieldNote>>): void {
  for (const [name, { description, example, rfc }] of Object.entries(notes)) {
    const text = rfc === undefined ? description : `${description} (${rfc})`
    Object.assign(Object(node?.properties?.[name]), { description: text, examples: [example] })
  }
}
