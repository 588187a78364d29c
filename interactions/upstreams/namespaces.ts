import { issuerText, mayBeOneAccount, type Namespace } from '../../src/accounts/namespace.ts'
import { isLoopback } from '../../src/base/network.ts'
import type { ConnectorDependencies } from './connector.ts'

/** What name spaces depend on besides the settings: stand-ins exist only in the sandbox. */
export type Where = Pick<ConnectorDependencies, 'allowInsecure'>

/**
 * The host of an address, with the port if it is not the usual one. Upper and lower case, and a dot at the end of the
 * name, make no difference.
 */
export function hostOf(address: string): string {
  return new URL(address).host.replace(/\.(?=$|:)/, '')
}

/** The server that an address names, with its path, because several servers may be behind one host. */
export function serverOf(address: string): string {
  return `${hostOf(address)}${new URL(address).pathname.replace(/\/+$/, '')}`
}

interface Facts {
  readonly id: string
  readonly provider: string
  /** Address of the server that says who somebody is. */
  readonly address: string
  /** Who says it, if the address alone does not tell. */
  readonly issuer?: string
  readonly account?: string | undefined
  readonly apps?: readonly string[]
  readonly formerly?: string | undefined
  readonly remedy: string
}

/**
 * The name space of a connection. An account with a name has a name space of its own; the name `main` stands for the
 * account that needed no name.
 */
export function namespace(facts: Facts, where: Where): Namespace {
  const { id, provider, address, issuer = serverOf(address), account, apps = [], formerly, remedy } = facts
  return {
    connection: id,
    provider: account === undefined || account === mainAccount ? provider : `${provider}:${account}`,
    issuer,
    apps,
    isAccountNamed: account !== undefined,
    isStandIn: isStandIn(address, where),
    formerly,
    remedy,
  }
}

/** This name says that an account is the same one that a connection without `account` has. */
export const mainAccount = 'main'

/** SECURITY: in production an address on this machine is treated like any other address. */
export function isStandIn(address: string, { allowInsecure }: Where): boolean {
  return allowInsecure && isLoopback(new URL(address).hostname)
}

/**
 * Connections that would store people of two issuers under one name, each with advice how to repair it; `index` is the
 * position of the later connection.
 */
export function clashes(namespaces: readonly Namespace[]): { readonly index: number; readonly message: string }[] {
  return namespaces.flatMap((own, index) => {
    const other = namespaces.slice(0, index).find((each) => each.provider === own.provider && !isOneIssuer(each, own))
    if (!other) return []
    const message =
      `would file people of ${issuerText(own)} under ${own.provider}, which are people of ${issuerText(other)} ` +
      `in connection ${other.connection}: ${own.remedy}`
    return [{ index, message }]
  })
}

function isOneIssuer(one: Namespace, other: Namespace): boolean {
  if (one.issuer !== other.issuer) return false
  return one.isAccountNamed || other.isAccountNamed || mayBeOneAccount(one.apps, other.apps)
}
