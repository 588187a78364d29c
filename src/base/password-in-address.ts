/** What ends a password too soon in an address, and what is written instead, for messages. */
export const specialCharacters = 'what is special in user name and password (@ %40, / %2F, # %23, ? %3F, % %25)'

/**
 * Whether a character that is not encoded has ended the password of an address too soon, so that the rest of it passes
 * for a host, a path or parameters, and is asked for in the open. Of these none has an @ or # of its own; before the
 * host an @ may stand, because the last one counts.
 */
export function isPasswordCut(address: string): boolean {
  const [, , ...behindHost] = address.split(/[/?]+/)
  return address.includes('#') || behindHost.some((part) => part.includes('@'))
}
