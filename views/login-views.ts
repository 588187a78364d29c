import type { Agreement, ConnectionItem, Country, PageError, TypedValues } from './form-values.ts'

/**
 * Posts `method`, `agreement` and `phone` + `country`, or `identifier` + `password`; or else `choice=cancel`. The same
 * fields with `show` lead to another form, which begins with what was typed.
 */
export interface LoginView {
  /** `sms` or `password`; empty where only connections can be used. */
  readonly method: string
  readonly values: TypedValues
  readonly countries: readonly Country[]
  readonly agreements: readonly Agreement[]
  readonly error?: PageError | undefined
  /** `prompt=login` or `max_age`: we know the person, who must prove it again. */
  readonly reauthenticate: boolean
  /** The person has chosen to use another account than the one that is signed in. */
  readonly isSwitching?: boolean
  /** Who it is, masked: the form asks for no number or name then and posts `known`. */
  readonly known?: string | undefined
  readonly canRegister: boolean
  readonly cancelAllowed: boolean
  /** Ids of the methods on offer; `sms` and `password` become tabs. None: only connections can be used. */
  readonly offeredMethods: readonly string[]
  /** Other ways to log in. Each is a button that posts its id as `method`. */
  readonly connections: readonly ConnectionItem[]
  /** Whose own browser the page is in: its button is large and comes first, and everything else is folded below. */
  readonly home?: ConnectionItem | undefined
  /** Whose page with a code to be scanned this page may hold: `frame` is its origin. It is a button, too. */
  readonly scan?: (ConnectionItem & { readonly frame?: string | undefined }) | undefined
  /** Whether what is folded is open: something was typed there, or went wrong. */
  readonly isUnfolded?: boolean
  /** Whether the page is in the browser of an app, where upstreams that are not at home work badly: they are folded. */
  readonly isInApp?: boolean
  /** Provider of the identity that is to be bound: after the login the person is asked whether to bind it. */
  readonly binding?: string | undefined
  /** Nobody can log in without a phone number, so the page asks for nothing else. */
  readonly needsPhone?: boolean
  /**
   * The person has said that the account of a number is theirs, and shows it by something else. With `mayDisown` the
   * page also posts `choice=not_mine`.
   */
  readonly claim?: { readonly mayDisown: boolean } | undefined
  /** Why the person is no longer signed in, in one translated sentence, and since when. */
  readonly ended?: { readonly message: string; readonly at: Date } | undefined
  /** With JavaScript the submit button waits this many seconds; the server refuses in any case. */
  readonly retryAfterSeconds?: number | undefined
}

/** What the person had typed or chosen in a form that is sent again; `text` is only absent beside a `provider`. */
export interface TypedBefore {
  readonly kind: 'phone' | 'identifier' | 'connection'
  readonly text?: string | undefined
  readonly provider?: string
}

/** What a form is sent again with. */
export interface RepeatedField {
  readonly name: string
  readonly value: string
}

/**
 * The question for a form that came without the tick. Posts its `fields` again with `agreement`, or with `show`, which
 * leads back to the form.
 */
export interface AgreeView {
  readonly agreements: readonly Agreement[]
  readonly fields: readonly RepeatedField[]
  readonly typed?: TypedBefore | undefined
  /** What `show` is to name. */
  readonly back: string
}

/**
 * Shows the captcha of a vendor. Posts its `fields` again with what the vendor's script has brought, by the names in
 * `answer`; or with `instead`, which leads to our own challenge, or with `show`, which leads back to the form.
 */
export interface CaptchaView {
  readonly vendor: string
  /** Address of the vendor's script, which the page may load and no other page. */
  readonly script: string
  /** What that script has to know, as JSON. */
  readonly widget: string
  readonly answer: readonly string[]
  readonly fields: readonly RepeatedField[]
  readonly back: string
  readonly error?: PageError | undefined
}

/**
 * Asks whether a person is there. Posts its `fields` again with `altcha`, which the script fills in and sends by
 * itself, or with `question` and `question_answer`; or with `show`, which leads back to the form.
 */
export interface HumanCheckView {
  readonly fields: readonly RepeatedField[]
  readonly typed?: TypedBefore | undefined
  readonly back: string
  /** The challenge of the proof of work, as JSON; absent where the script has had its tries. */
  readonly work?: string | undefined
  /** The question, and what is posted with its answer. */
  readonly text: string
  readonly question: string
  readonly error?: PageError | undefined
}
