import { describe, expect, test } from 'vitest'
import { errors } from '../../src/oidc/library/faults.ts'
import { hasSentence, sentenceFor } from '../../src/oidc/protocol-sentences.ts'

type Made = new (...values: unknown[]) => { readonly error: string }
const page = { isForm: false, isLogout: false }

/** The code of an error of the library; undefined for one whose code its thrower names. */
function codeOf(made: unknown): string | undefined {
  const code = new (made as Made)('redirect_uri', 'x').error
  return code === 'redirect_uri' || code === undefined ? undefined : code
}

describe('an error of the protocol on a page', () => {
  const named = Object.entries(errors)
    .filter(([name]) => name !== 'OIDCProviderError' && name !== 'CustomOIDCProviderError')
    .map(([name, made]) => [name, codeOf(made)] as const)

  test('there are some', () => expect(named.length).toBeGreaterThan(30))

  test.each(named)('%s has a sentence, and none that speaks of a form', (_, code) => {
    expect(code && hasSentence(code)).toBe(true)
    expect(sentenceFor(code ?? '', page)).not.toBe('request.invalid')
  })

  test('a code that nobody knows is a mistake of the app', () => {
    expect(sentenceFor('made_up', page)).toBe('client.request_wrong')
  })

  test('only where a person has sent a form, they are asked to look at it', () => {
    expect(sentenceFor('invalid_request', { ...page, isForm: true })).toBe('request.invalid')
    expect(sentenceFor('invalid_scope', { ...page, isForm: true })).toBe('client.not_allowed')
  })

  test('at a logout a person learns that they are still signed in, whatever the app did wrong', () => {
    for (const code of ['invalid_request', 'invalid_client', 'invalid_request_object']) {
      expect(sentenceFor(code, { ...page, isLogout: true })).toBe('client.logout_wrong')
    }
    expect(sentenceFor('server_error', { ...page, isLogout: true })).toBe('server.unexpected')
  })
})
