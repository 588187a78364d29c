/** A refusal, shown on the page that caused it. `message` is translated; `field` is the name of the input. */
export interface PageError {
  readonly code: string
  readonly message: string
  readonly field?: string | undefined
  /** What else is wrong with the same form. */
  readonly others?: readonly PageError[]
}

/** A country in the list beside the phone number. */
export interface Country {
  /** Without the plus: `86`. */
  readonly callingCode: string
  readonly name: string
}

/** A document that the person must agree to. */
export interface Agreement {
  readonly id: string
  readonly title: string
  readonly url: string
}

/** What the person typed, to be shown again. It never contains a password or a code. */
export interface TypedValues {
  readonly phone?: string | undefined
  readonly country?: string | undefined
  readonly identifier?: string | undefined
  /** Whether the box was ticked in the form that comes back. When the page is shown first, it never is. */
  readonly agreed?: boolean | undefined
}

/** An upstream on the login page. `isHere` is false if it can work only in another browser. */
export interface ConnectionItem {
  readonly id: string
  readonly provider: string
  readonly label?: string | undefined
  /** The name of a file in the folder of icons, or `own`. */
  readonly icon: string
  /** The operator's picture in its place, by the name of its file. */
  readonly ownIcon?: string | undefined
  readonly isHere: boolean
  /** Where it works, if it does not work everywhere. */
  readonly places?: readonly ('own_app' | 'computer')[] | undefined
  readonly isLast: boolean
}
