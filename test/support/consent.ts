import { expect } from 'vitest'
import type { Answer, Visitor } from './visitor.ts'

/** The boxes of a consent page, with a plus where one is ticked. */
export function boxes({ text }: Answer): string[] {
  const found = text.matchAll(/name="scope" type="checkbox" value="([^"]+)"( checked)?/g)
  return [...found].map(([, name = '', ticked]) => (ticked ? `+${name}` : name))
}

/** Allows what is ticked on a consent page, and goes on to the app. */
export async function allows(visitor: Visitor, page: Answer, ...scope: string[]): Promise<Answer> {
  expect(page.text).toContain('value="allow"')
  return visitor.follow(await visitor.post(page.url, { choice: 'allow', scope }))
}

/** The scopes that a token answer tells, in order. */
export function granted(tokens: Readonly<Record<string, string>>): string[] {
  return (tokens['scope'] ?? '').split(' ').toSorted()
}
