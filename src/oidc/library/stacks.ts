let usual: number | undefined

/**
 * Until the turn of the event loop ends, or `keepStacks` is called, no error gets a stack. For each request to userinfo
 * the library makes three errors ready, before it looks whether it needs them, and throws them away when all is well;
 * their stacks cost a quarter of such a request. At introspection and revocation it reads every token as a JWT, and
 * throws away the error that an opaque one is none; that stack costs a twelfth.
 */
export function leaveOutStacks(): void {
  if (usual !== undefined) return
  usual = Error.stackTraceLimit
  Error.stackTraceLimit = 0
  setImmediate(keepStacks)
}

/** Errors have stacks again. */
export function keepStacks(): void {
  if (usual === undefined) return
  Error.stackTraceLimit = usual
  usual = undefined
}
