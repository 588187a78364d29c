import { randomBytes } from 'node:crypto'
import { inject } from 'vitest'

/** The Redis of this run. */
export function redisUrl(): string {
  return inject('services').redisUrl
}

/** A key prefix nobody else uses, so that files can run in parallel on one Redis. */
export function redisPrefix(): string {
  return `test:${randomBytes(6).toString('hex')}:`
}
