import type { interactionPolicy, KoaContextWithOIDC } from 'oidc-provider'
import { afterEach, expect, test } from 'vitest'
import { hintedLogin } from '../../src/oidc/library/context.ts'
import { isOwnIdToken } from '../../src/oidc/library/models.ts'
import { basePolicy, Check, isPromptPending, requestableIn, requestablePrompt } from '../../src/oidc/library/prompts.ts'
import { authorization, type BareLibrary, bareLibrary, redemption } from '../support/bare-library.ts'

/** What `src/oidc/library` takes for granted about prompts and hints. A failure after an upgrade says what changed. */
let library: BareLibrary
afterEach(() => library.close())

const asked = () =>
  library.log
    .filter(({ what }) => what === 'event interaction.started')
    .map(({ values }) => (values?.[1] as { readonly name: string } | undefined)?.name)

/** The library's own policy with a prompt of ours in front. */
function withPrompt(check: (ctx: KoaContextWithOIDC) => boolean): interactionPolicy.DefaultPolicy {
  const policy = basePolicy()
  policy.add(requestablePrompt('select_account', new Check('ours', 'we ask', 'account_selection_required', check)), 0)
  return policy
}

test('a prompt that is added may be asked for, and only its own checks ask', async () => {
  const policy = withPrompt(() => false)
  expect(requestableIn(basePolicy())).toEqual(['login', 'consent'])
  expect(requestableIn(policy)).toEqual(['select_account', 'login', 'consent'])
  expect(policy.get('select_account')?.checks.map(({ reason }) => reason)).toEqual(['ours'])
  library = await bareLibrary(policy)
  const answer = await library.authorize({ prompt: 'select_account consent' })
  expect([...answer.keys()]).toContain('code')
  expect((await library.authorize({ prompt: 'create' })).get('error')).toBe('invalid_request')
  expect(asked()).toEqual(['login', 'consent'])
})

test('a prompt is pending until a page has answered it, and the answers of pages add up', async () => {
  library = await bareLibrary(withPrompt((ctx) => isPromptPending(ctx, 'select_account')))
  expect((await library.authorize({ prompt: 'consent' })).get('code')).toBeTruthy()
  library.log.length = 0
  expect((await library.authorize({ prompt: 'select_account login consent' })).get('code')).toBeTruthy()
  expect(asked()).toEqual(['select_account', 'login', 'consent'])
})

test('an ID token is told from anything else as the library tells it at a logout, however old it is', async () => {
  library = await bareLibrary()
  const code = (await library.authorize()).get('code')
  const idToken = String((await library.token(redemption(code)))['id_token'])
  const changed = `${idToken.slice(0, -8)}AAAAAAAA`
  const tried = [
    [idToken, undefined],
    [idToken, 'web'],
    [idToken, 'native'],
    [changed, undefined],
    ['x', undefined],
  ] as const
  for (const [hint, clientId] of tried) {
    const query = new URLSearchParams({
      id_token_hint: hint,
      ...(clientId === undefined ? {} : { client_id: clientId }),
    })
    const { body } = await library.send(`/session/end?${query}`)
    expect(await isOwnIdToken(library.provider, hint, clientId)).toBe(!body.includes('invalid_request'))
  }
  expect(await isOwnIdToken(library.provider, idToken, 'web')).toBe(true)
  expect(await isOwnIdToken(library.provider, changed, 'web')).toBe(false)
})

test('an ID token is known as a hint while a request with it begins, and no longer when that goes on', async () => {
  const hinted: unknown[] = []
  library = await bareLibrary(
    withPrompt((ctx) => {
      hinted.push(hintedLogin(ctx)?.sub)
      return isPromptPending(ctx, 'select_account')
    }),
  )
  const code = (await library.authorize()).get('code')
  const { id_token: idToken } = await library.token(redemption(code))
  hinted.length = 0
  await library.authorize({ prompt: 'select_account', id_token_hint: String(idToken) })
  expect(hinted).toEqual(['someone', undefined])
  hinted.length = 0
  const request = new URLSearchParams(authorization({ id_token_hint: `${idToken}x` }))
  const { location } = await library.send(`/auth?${request}`)
  expect([location.searchParams.get('error'), hinted]).toEqual(['invalid_request', []])
})
