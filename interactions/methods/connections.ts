import { z } from 'zod'
import { apple } from './apple.ts'
import type { Connector, ConnectorDependencies } from './connector.ts'
import { github } from './github.ts'
import { oidc } from './oidc.ts'
import { qq } from './qq.ts'
import { requireHttps } from './upstream-call.ts'
import { wechat } from './wechat.ts'
import { weibo } from './weibo.ts'

/** Every kind of upstream, one line each: its settings and how it is built. */
const kinds = [wechat, qq, weibo, github, apple, oidc] as const

/** Settings of one connection, told apart by `type`. */
export const connectionOptions = z.discriminatedUnion('type', [
  wechat.options,
  qq.options,
  weibo.options,
  github.options,
  apple.options,
  oidc.options,
])
export type ConnectionOptions = z.output<typeof connectionOptions>

/** The connectors of the configuration, in its order. Throws when the address of an upstream is not https and must be. */
export function buildConnectors(
  connections: readonly ConnectionOptions[],
  dependencies: ConnectorDependencies,
): Connector[] {
  return connections.map((options) => {
    const kind = kinds.find((each) => each.options.shape.type.value === options.type)
    if (!kind) throw new Error(`there is no connector of type ${options.type}`)
    if (!dependencies.allowInsecure) requireHttps(`connection ${options.id}`, options)
    return (kind.build as (options: ConnectionOptions, dependencies: ConnectorDependencies) => Connector)(
      options,
      dependencies,
    )
  })
}
