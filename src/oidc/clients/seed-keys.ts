import type { Path } from '../../base/yaml-document.ts'
import { type SeedNode, seedJsonSchema } from './seed-schema.ts'

let root: SeedNode | undefined

/** The keys that a place in a seed file may hold. */
export function seedKeysAt(path: Path): string[] {
  root ??= seedJsonSchema()
  let nodes: readonly SeedNode[] = [root]
  for (const step of path) {
    const next = (node: SeedNode) => (typeof step === 'number' ? node.items : node.properties?.[String(step)])
    nodes = nodes.flatMap((node) => next(node) ?? []).flatMap((node) => node.anyOf ?? [node])
  }
  return nodes.flatMap(({ properties = {} }) => Object.keys(properties))
}
