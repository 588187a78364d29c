import type { Fields } from './door.ts'

/** What somebody answers to a challenge, and how long it takes them. */
export interface Solved {
  readonly fields: Fields
  readonly walkedMs: number
}

/** Solves what the page or the app was given; undefined for what only a person could. */
export async function solve(_challenge: unknown): Promise<Solved | undefined> {
  return undefined
}
