import { issuerText, mayBeOneAccount, type Namespace } from '../../src/accounts/namespace.ts'
import { isLoopback } from '../../src/base/network.ts'
import type { ConnectorDependencies } from './connector.ts'

/** What decides about name spaces besides the settings: only the sandbox has stand-ins. */
export type Where = Pick<ConnectorDependencies, 'allowInsecure'>

/**
 * The host of an address, with its port where that is not the usual one, whatever its letters and the dot at its end.
 */
export function hostOf(address: string): string {
  return new URL(address).host.replace(/\.(?=$|:)/, '')
}

/** A server as its address names it: several may be behind one host. */
export function serverOf(address: string): string {
  return `${hostOf(address)}${new URL(address).pathname.replace(/\/+$/, '')}`
}

interface Facts {
  readonly id: string
  readonly provider: string
  /** Address of the server that says who somebody is. */
  readonly address: string
  /** Who that is, where the address alone does not say it. */
  readonly issuer?: string
  readonly account?: string | undefined
  readonly apps?: readonly string[]
  readonly formerly?: string | undefined
  readonly remedy: string
}

/**
 * The name space of a connection. An account that is named has one of its own; `main` names the one that nobody had to
 * name.
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

/** Says that an account is the one that a connection without `account` has. */
export const mainAccount = 'main'

/** SECURITY: in production an address of this machine is an address like any other. */
export function isStandIn(address: string, { allowInsecure }: Where): boolean {
  return allowInsecure && isLoopback(new URL(address).hostname)
}

/**
 * Connections that would file people of two issuers under one name, each with what mends it; `index` is the later
 * one's.
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
