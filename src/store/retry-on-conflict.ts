import { errorCode, unavailable } from './unavailable.ts'

const tries = 5

/**
 * Runs a change again when somebody else was faster: a row was inserted or removed, a deadlock was broken, or the
 * change answered `undefined`. Throws `server.unavailable` after five tries.
 */
export async function retryOnConflict<T>(attempt: () => Promise<T | undefined>): Promise<T> {
  for (let tried = 0; tried < tries; tried++) {
    try {
      const result = await attempt()
      if (result !== undefined) return result
    } catch (error) {
      if (!['23505', '23503', '40P01'].includes(errorCode(error) ?? '')) throw error
    }
  }
  throw unavailable(new Error(`somebody else was faster ${tries} times`))
}
