/** Milliseconds as the whole seconds a person or client is told to wait. */
export function waitSeconds(waitMs: number): number {
  return Math.ceil(waitMs / 1000)
}
