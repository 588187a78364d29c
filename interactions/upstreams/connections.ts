import { z } from 'zod'
import type { Namespace } from '../../src/accounts/namespace.ts'
import { apple } from './apple.ts'
import type { Connector, ConnectorDependencies, ConnectorKind } from './connector.ts'
import { github } from './github.ts'
import { clashes, type Where } from './namespaces.ts'
import { oidc } from './openid-connect.ts'
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

/** The settings of one connection, after they were checked. */
export type ConnectionOptions = z.output<typeof connectionOptions>

type AnyKind = ConnectorKind<z.ZodObject>

function kindOf({ type }: ConnectionOptions): AnyKind {
  const kind = kinds.find((each) => each.options.shape.type.value === type)
  if (!kind) throw new Error(`there is no connector of type ${type}`)
  return kind as unknown as AnyKind
}

/**
 * Which people each connection brings, and under which name they are stored. The configuration, the start, the doctor
 * and commands ask this function.
 */
export function namespacesOf(connections: readonly ConnectionOptions[], where: Where): Namespace[] {
  return connections.map((options) => kindOf(options).namespace(options, where))
}

/** Connections that would share a name space although they bring different people, by their position in the list. */
export function namespaceClashes(connections: readonly ConnectionOptions[], where: Where): ReturnType<typeof clashes> {
  return clashes(namespacesOf(connections, where))
}

/** The connectors of the configuration, in its order. Throws if the address of an upstream must be https and is not. */
export function buildConnectors(
  connections: readonly ConnectionOptions[],
  dependencies: ConnectorDependencies,
): Connector[] {
  return connections.map((options) => {
    if (!dependencies.allowInsecure) requireHttps(`connection ${options.id}`, options)
    return kindOf(options).build(options, dependencies)
  })
}
