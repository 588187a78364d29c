/** What of an event a message names beside its time. */
interface Rules {
  /** `what`: a way in, a device or an app. `until`: a date. */
  readonly names: readonly ('what' | 'until')[]
  /**
   * Whether the owner may do without it. SECURITY: never what shows that somebody else takes the account over, because
   * they would mute it first, nor what the law has us tell.
   */
  readonly mayBeMuted: boolean
}

const always = { names: [], mayBeMuted: false } as const
const naming = { names: ['what'], mayBeMuted: false } as const

/** Everything that the owner of an account is told of, wherever they have a number or an address. */
export const ownerEvents = {
  way_added: naming,
  way_removed: naming,
  /** An upstream vouches for its person no more, until they come by it again. */
  way_withdrawn: naming,
  password_set: always,
  password_changed: always,
  /** Somebody has logged in with a password that collections of leaked ones hold. */
  password_leaked: { names: [], mayBeMuted: true },
  /** A login from a browser or an app that is not known to the account. */
  new_device: { names: ['what'], mayBeMuted: true },
  /** Somebody has said that a login was not theirs, and all logins were ended. */
  login_disowned: always,
  /** A code or refresh token came a second time, and the login it came of was ended. */
  token_reused: always,
  /** `until`: when nothing can be undone any more. */
  deletion_asked: { names: ['until'], mayBeMuted: false },
  deletion_undone: always,
  deletion_done: always,
  merged: always,
  unmerged: always,
  /** `what`: the number or address to come. `until`: when it takes the place of the old one. */
  number_changing: { names: ['what', 'until'], mayBeMuted: false },
  number_kept: naming,
  /** `what`: the new one. */
  number_changed: naming,
  /** The number belongs to somebody else now and leads to this account no more. */
  number_freed: naming,
  /** `until`: how long it can be fetched. */
  export_ready: { names: ['until'], mayBeMuted: true },
} as const satisfies Readonly<Record<string, Rules>>

/** The name of something the owner of an account is told of. */
export type OwnerEvent = keyof typeof ownerEvents

/** All of these names. */
export const ownerEventNames = Object.keys(ownerEvents) as readonly OwnerEvent[]

/** Those that the owner may do without. */
export const mutableEvents = ownerEventNames.filter((name) => ownerEvents[name].mayBeMuted)

/** The names that a message of this event fills in. */
export type NamedBy<Event extends OwnerEvent> = (typeof ownerEvents)[Event]['names'][number]
