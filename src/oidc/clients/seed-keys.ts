import { z } from 'zod'
import type { Path } from '../../base/yaml-document.ts'
import { clientSchema, resourceSchema } from './client-schema.ts'

/** The parts of a JSON schema that seeds use. */
interface Node {
  readonly properties?: Readonly<Record<string, Node>>
  readonly items?: Node
  readonly anyOf?: readonly Node[]
}

let root: Node | undefined

/** The keys that a place in a seed file may hold. */
export function seedKeysAt(path: Path): string[] {
  root ??= z.toJSONSchema(z.object({ resources: z.array(resourceSchema), clients: z.array(clientSchema) }), {
    io: 'input',
  }) as Node
  let nodes: readonly Node[] = [root]
  for (const step of path) {
    const next = (node: Node) => (typeof step === 'number' ? node.items : node.properties?.[String(step)])
    nodes = nodes.flatMap((node) => next(node) ?? []).flatMap((node) => node.anyOf ?? [node])
  }
  return nodes.flatMap(({ properties = {} }) => Object.keys(properties))
}
