/**
 * Where the subjects of a connection are unique. SECURITY: a subject is one person only within its issuer, so two
 * issuers never share what their identities are filed under.
 */
export interface Namespace {
  /** Name of the connection. */
  readonly connection: string
  /** What its identities are filed under: `wechat`, `github:ghe.example.com`, `oidc:corp`. */
  readonly provider: string
  /** Who says who somebody is: a server, and a team there where subjects differ by team. */
  readonly issuer: string
  /** The apps of one account at the vendor, where nothing else tells two accounts apart. */
  readonly apps: readonly string[]
  /** Whether the operator has said which account it is: then other apps are its apps too. */
  readonly isAccountNamed: boolean
  /** Plays the vendor on this machine, in the sandbox: its port is another one at every start. */
  readonly isStandIn: boolean
  /** What it was filed under by versions that did not tell servers apart. */
  readonly formerly: string | undefined
  /** What an operator has to do so that another issuer gets a name of its own. */
  readonly remedy: string
}

/** Whether two lists of apps can belong to one account at the vendor; an empty list fits every other. */
export function mayBeOneAccount(some: readonly string[], others: readonly string[]): boolean {
  return some.length === 0 || others.length === 0 || some.some((app) => others.includes(app))
}

/** The issuer for people to read. */
export function issuerText({ issuer, apps }: Pick<Namespace, 'issuer' | 'apps'>): string {
  return apps.length === 0 ? issuer : `${issuer} (${apps.join(', ')})`
}
