import { errorCode, unavailable } from './unavailable.ts'

const tries = 5

/**
 * Runs an attempt again while somebody else is faster: a row recorded, a row removed, a deadlock broken, or `undefined`
 * answered. Throws `server.unavailable` after five.
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
