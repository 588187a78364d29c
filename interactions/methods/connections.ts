import { z } from 'zod'
import type { Connector, ConnectorDependencies } from './connector.ts'
import { github } from './github.ts'

/** Every kind of upstream, one line each: its settings and how it is built. */
const kinds = [github] as const

/** Settings of one connection, told apart by `type`. */
export const connectionOptions = z.discriminatedUnion('type', [github.options])
export type ConnectionOptions = z.output<typeof connectionOptions>

/** The connectors of the configuration, in its order. */
export function buildConnectors(
  connections: readonly ConnectionOptions[],
  dependencies: ConnectorDependencies,
): Connector[] {
  return connections.map((options) => {
    const kind = kinds.find((each) => each.options.shape.type.value === options.type)
    if (!kind) throw new Error(`there is no connector of type ${options.type}`)
    return (kind.build as (options: ConnectionOptions, dependencies: ConnectorDependencies) => Connector)(
      options,
      dependencies,
    )
  })
}
