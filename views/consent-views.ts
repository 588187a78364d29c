/** One line of what a client asks for. */
export interface ScopeItem {
  readonly name: string
  readonly title: string
  readonly description: string
  /** Required scopes are only shown. The others have a checkbox. */
  readonly required: boolean
  /** Whether the box is ticked when the page opens: only where the person has ticked it before. */
  readonly isTicked: boolean
}

/**
 * Posts `choice` = `allow`, `deny` or `switch`, and one `scope` with the name of each optional scope that is ticked.
 * The name of a scope of a resource is `<resource> <scope>` (one space), because two resources may use one name.
 */
export interface ConsentView {
  readonly client: {
    readonly name: string
    readonly policyUri?: string | undefined
    readonly tosUri?: string | undefined
    readonly uri?: string | undefined
    readonly filingNumber?: string | undefined
  }
  readonly scopes: readonly ScopeItem[]
  readonly resources: readonly {
    /** Its name for people, or its address where nobody has given it one. */
    readonly resource: string
    readonly scopes: readonly ScopeItem[]
  }[]
  /** What the person has granted before and is not asked for again. */
  readonly granted: readonly string[]
  /** Masked label of the signed-in account. */
  readonly account: string
  /** Whether the person can choose another account. Not for a device, because its request cannot be made again here. */
  readonly canSwitch: boolean
}
