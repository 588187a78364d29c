import { issuerText, mayBeOneAccount, type Namespace } from './namespace.ts'

/** What the database remembers of a provider name; null where it remembers nothing. */
export interface Known {
  readonly issuer: string | null
  /** Every app of the account so far. */
  readonly apps: readonly string[] | null
  readonly since: Date | null
  /** Whether any identity is filed under it. */
  readonly isUsed: boolean
}

/** What keeps a server from taking in the people of a connection, and what to do about it. */
export interface IssuerProblem {
  readonly connection: string
  readonly detail: string
  readonly advice: readonly string[]
}

interface Judgement {
  readonly problems: readonly IssuerProblem[]
  /** What is to be remembered. */
  readonly notes: readonly Pick<Namespace, 'provider' | 'issuer' | 'apps'>[]
  /** Names whose identities can only be of one connection that has a name of its own now. */
  readonly moves: readonly { readonly from: string; readonly to: Namespace }[]
}

/** The issuer under which stand-ins of the sandbox are remembered; no host has this name. */
const standIn = '(sandbox)'

/** One for each name, with the apps of all its connections. */
export function merged(namespaces: readonly Namespace[]): Namespace[] {
  const byName = Map.groupBy(namespaces, ({ provider }) => provider)
  return [...byName.values()].flatMap(([first, ...others]) => {
    if (!first) return []
    const apps = [...new Set([first, ...others].flatMap((each) => each.apps))].sort()
    return [first.isStandIn ? { ...first, issuer: standIn, apps: [] } : { ...first, apps }]
  })
}

/** Every name that has to be looked up. */
export function namesOf(namespaces: readonly Namespace[]): string[] {
  return [...new Set(namespaces.flatMap(({ provider, formerly }) => [provider, formerly ?? provider]))]
}

/** What to do with these name spaces, one for each name, beside what is known of them. */
export function judge(namespaces: readonly Namespace[], known: ReadonlyMap<string, Known>): Judgement {
  const own = namespaces.map((namespace) => judgeOne(namespace, known.get(namespace.provider)))
  const formers = formerNames(namespaces, known)
  return {
    problems: [...own.flatMap(({ problem }) => problem ?? []), ...formers.flatMap(({ problems }) => problems)],
    notes: own.flatMap(({ note }) => note ?? []),
    moves: formers.flatMap(({ move }) => move ?? []),
  }
}

function judgeOne(
  namespace: Namespace,
  known: Known | undefined,
): { readonly problem?: IssuerProblem; readonly note?: Judgement['notes'][number] } {
  const { provider, issuer, connection, isStandIn, remedy } = namespace
  const apps = known?.apps ?? []
  if (known?.issuer == null) return { note: namespace }
  // SECURITY: in the sandbox alone, where whoever comes reads every code anyway. Who is real is not forgotten for it.
  if (isStandIn) return {}
  if (known.issuer === issuer && mayBeOneAccount(apps, namespace.apps)) {
    const all = [...new Set([...apps, ...namespace.apps])].sort()
    return all.length === apps.length ? {} : { note: { provider, issuer, apps: all } }
  }
  // Nobody has logged in through the stand-in.
  if (known.issuer === standIn && !known.isUsed) return { note: namespace }
  const before = known.issuer === standIn ? 'a stand-in of the sandbox' : issuerText({ issuer: known.issuer, apps })
  return {
    problem: {
      connection,
      detail: `${provider} stands for people of ${before}, and the connection leads to ${issuerText(namespace)} now`,
      advice: [
        `the same people at a new address: menshen connections accept ${connection}`,
        `another server, team or account: ${remedy}`,
      ],
    },
  }
}

/**
 * Provider names of an earlier version that did not tell servers apart, and what becomes of the identities filed under
 * them.
 */
function formerNames(
  namespaces: readonly Namespace[],
  known: ReadonlyMap<string, Known>,
): { readonly problems: readonly IssuerProblem[]; readonly move?: Judgement['moves'][number] }[] {
  const heirs = Map.groupBy(namespaces, ({ formerly }) => formerly)
  return [...heirs].flatMap(([from, all]) => {
    const former = from === undefined ? undefined : known.get(from)
    const [to] = all
    if (from === undefined || !to || !former?.isUsed || former.issuer !== null) return []
    const namesake = namespaces.find(({ provider }) => provider === from)
    if (all.length === 1 && !namesake) return [{ problems: [], move: { from, to } }]
    const problems = all.map(({ connection, issuer, provider }) => ({
      connection,
      detail:
        `${from} holds identities of a version that filed those of ${issuer} there too; now they belong ` +
        `under ${provider}`,
      advice: [
        `all of ${issuer}: menshen connections accept ${connection} --from ${from}`,
        ...(namesake ? [`all of ${namesake.issuer}: menshen connections accept ${namesake.connection}`] : []),
      ],
    }))
    return [{ problems }]
  })
}
