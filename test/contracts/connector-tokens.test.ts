import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { resetClock, walkTo } from '../support/time.ts'
import { build, clock, comeBack, refusedBy, wordOf } from './connector-bench.ts'
import { apple, type ConnectorWorld, oidc } from './connector-worlds.ts'

let world: ConnectorWorld
const unknownKey = 'ERR_JWKS_NO_MATCHING_KEY'
/** Afterwards no key is published that was before. */
function rotateAll(): void {
  for (let turn = 0; turn < 3; turn += 1) world.rotateKeys?.()
}
const requests = (path: string) => world.simulator.requests.filter((request) => request.path === path)
const open = (start: typeof apple) => async () => {
  world = await start(clock)
}
async function close(): Promise<void> {
  resetClock()
  await world.simulator.close()
}

/** A login while the upstream does something wrong. */
async function refusedWhile(misbehaviour: string) {
  const { identify, response } = await comeBack(world)
  world.misbehaviours?.add(misbehaviour)
  return refusedBy(world, identify(), response)
}

describe('the token of Apple', () => {
  beforeEach(open(apple))
  afterEach(close)

  it.each([
    ['wrong_aud', 'id_token:aud'],
    ['wrong_iss', 'id_token:iss'],
    ['expired', 'id_token:exp'],
    ['wrong_nonce', 'id_token:nonce'],
    ['nonce_unsupported', 'id_token:nonce'],
    ['unpublished_key', unknownKey],
    ['false_signature', 'ERR_JWS_SIGNATURE_VERIFICATION_FAILED'],
  ])('is refused for %s', async (misbehaviour, word) => {
    const refused = await refusedWhile(misbehaviour)
    expect([refused.code, wordOf(refused)]).toEqual(['upstream.refused', word])
    expect(requests('/auth/token')).toHaveLength(1)
  })

  it('is not asked for inside WeChat, whose browser keeps people from Apple', () => {
    const userAgent = 'Mozilla/5.0 (iPhone; CPU iPhone OS 18_5 like Mac OS X) MicroMessenger/8.0.60'
    expect(build(world.settings()).availability({ ...world.visit, userAgent })).toBe('hidden')
  })

  it('comes with a refresh token to keep, and a name at the first consent only', async () => {
    const connector = build(world.settings())
    const first = await (await comeBack(world, connector)).identify()
    const second = await (await comeBack(world, connector)).identify()
    expect([first.identity.profile, second.identity.profile]).toEqual([{ nickname: '张三' }, {}])
    // By then every access token is over.
    walkTo(7_200_000)
    expect(first.credential?.client).toBe('com.ours')
    expect(world.isLive?.(first.credential?.secret ?? '')).toBe(true)
  })

  it.each([
    ['{"name":{"firstName":"Ada","lastName":"Lovelace"}}', { nickname: 'Ada Lovelace' }],
    ['{"name":{"firstName":"  ","lastName":["7"]}}', {}],
    ['{"name":{"firstName":null,"lastName":"Ada\t"}}', { nickname: 'Ada' }],
    ['{"name":{"firstName":"Ada","lastName":7,},}', { nickname: 'Ada 7' }],
    ['{"name":null,"email":"someone@example.com"}', {}],
    ['{"name":', {}],
    [`{"name":{"firstName":"${'x'.repeat(300)}"}}`, { nickname: 'x'.repeat(64) }],
  ])('is good whatever the unsigned form says: %s', async (user, profile) => {
    const connector = build(world.settings())
    const { response, authorization } = await comeBack(world, connector)
    const { identity } = await connector.identify({ ...response, user }, authorization)
    expect(identity).toEqual({ ...world.expected, profile })
  })

  it('is checked with keys that are kept, and fetched again for a key not known yet', async () => {
    const connector = build(world.settings())
    const login = async () => (await comeBack(world, connector)).identify()
    await login()
    await login()
    expect(requests('/auth/keys')).toHaveLength(1)
    for (const fetches of [2, 3]) {
      rotateAll()
      await login()
      expect(requests('/auth/keys')).toHaveLength(fetches)
    }
    walkTo(3_601_000)
    await login()
    expect(requests('/auth/keys')).toHaveLength(4)
  })

  it('makes us ask for keys five times a minute at most, whatever is invented', async () => {
    const connector = build(world.settings())
    const login = async () => (await comeBack(world, connector)).identify()
    await login()
    world.misbehaviours?.add('unpublished_key')
    for (let times = 0; times < 8; times += 1) expect(wordOf(await refusedBy(world, login()))).toBe(unknownKey)
    expect(requests('/auth/keys')).toHaveLength(6)
    walkTo(61_000)
    rotateAll()
    world.misbehaviours?.clear()
    await login()
  })

  it('makes us ask for a new key once for logins that come together', async () => {
    const connector = build(world.settings())
    await (await comeBack(world, connector)).identify()
    rotateAll()
    const waiting = await Promise.all(Array.from({ length: 8 }, () => comeBack(world, connector)))
    await Promise.all(waiting.map(({ identify }) => identify()))
    expect(requests('/auth/keys')).toHaveLength(2)
  })
})

describe('the token of an OpenID provider', () => {
  beforeEach(open(oidc))
  afterEach(close)

  it.each([
    ['wrong_aud', 'OAUTH_JWT_CLAIM_COMPARISON_FAILED'],
    ['extra_aud', 'OAUTH_JWT_CLAIM_COMPARISON_FAILED'],
    ['wrong_iss', 'OAUTH_JWT_CLAIM_COMPARISON_FAILED'],
    ['wrong_nonce', 'OAUTH_JWT_CLAIM_COMPARISON_FAILED'],
    ['missing_nonce', 'OAUTH_INVALID_RESPONSE'],
    ['expired', 'OAUTH_JWT_TIMESTAMP_CHECK_FAILED'],
    ['unknown_key', 'OAUTH_KEY_SELECTION_FAILED'],
    ['false_signature', 'OAUTH_INVALID_RESPONSE'],
    ['alg_none', 'OAUTH_INVALID_RESPONSE'],
    ['no_id_token', 'OAUTH_INVALID_RESPONSE'],
    ['userinfo_sub_mismatch', 'userinfo:sub'],
  ])('is refused for %s', async (misbehaviour, word) => {
    const refused = await refusedWhile(misbehaviour)
    expect([refused.code, wordOf(refused)]).toEqual(['upstream.refused', word])
    expect(requests('/token')).toHaveLength(1)
  })

  it.each(['callback_iss_missing', 'callback_iss_wrong'])('is not asked for after %s', async (misbehaviour) => {
    world.misbehaviours?.add(misbehaviour)
    const { identify, response } = await comeBack(world)
    const refused = await refusedBy(world, identify(), response)
    expect([refused.code, wordOf(refused)]).toEqual(['upstream.refused', 'OAUTH_INVALID_RESPONSE'])
    expect(requests('/token')).toHaveLength(0)
  })

  it('is not asked for with a state of another login', async () => {
    const connector = build(world.settings())
    const { response, authorization } = await comeBack(world, connector)
    const forged = { ...response, state: 'AnotherStateOfLettersAndDigits12' }
    const refused = await refusedBy(world, connector.identify(forged, authorization), response)
    expect(refused.code).toBe('upstream.refused')
    expect(requests('/token')).toHaveLength(0)
  })

  it('is not given for the verifier of another login', async () => {
    const connector = build(world.settings())
    const { response, authorization } = await comeBack(world, connector)
    const other = { ...authorization, codeVerifier: 'another-verifier-another-verifier-another-ve' }
    const refused = await refusedBy(world, connector.identify(response, other), response)
    expect([refused.code, wordOf(refused)]).toEqual(['upstream.code_invalid', 'invalid_grant'])
  })

  it('is never asked for at a provider that calls itself otherwise', async () => {
    world.misbehaviours?.add('wrong_discovery_issuer')
    const refused = await refusedBy(world, comeBack(world))
    expect(refused.code).toBe('upstream.misconfigured')
  })

  it('makes one discovery an hour do, and keeps no failure', async () => {
    const connector = build(world.settings())
    const path = '/.well-known/openid-configuration'
    world.simulator.faults.push({ kind: 'server_error', path })
    expect((await refusedBy(world, comeBack(world, connector))).code).toBe('upstream.busy')
    await (await comeBack(world, connector)).identify()
    await (await comeBack(world, connector)).identify()
    expect(requests(path)).toHaveLength(2)
    walkTo(3_601_000)
    await (await comeBack(world, connector)).identify()
    expect(requests(path)).toHaveLength(3)
  })

  it.each([{ kind: 'server_error' }, { kind: 'html_instead' }, { kind: 'refuse', code: 'invalid_token' }] as const)(
    'does without a name when userinfo cannot be read: $kind',
    async (fault) => {
      world.simulator.faults.push({ ...fault, path: '/userinfo' })
      const { identity } = await (await comeBack(world)).identify()
      expect(identity).toEqual({ ...world.expected, profile: {} })
    },
  )

  it('is taken with the secret in the form, where the provider wants it there', async () => {
    await world.simulator.close()
    world = await oidc(clock, { authMethod: 'client_secret_post' })
    const connector = build(world.settings({ token_endpoint_auth_method: 'client_secret_post' }))
    const { identity } = await (await comeBack(world, connector)).identify()
    expect(identity).toEqual(world.expected)
  })

  it('is believed about the name, and userinfo is then not asked', async () => {
    await world.simulator.close()
    world = await oidc(clock, { claimsInIdToken: true, alg: 'ES256' })
    const { identity } = await (await comeBack(world)).identify()
    expect(identity).toEqual(world.expected)
    expect(requests('/userinfo')).toHaveLength(0)
  })
})
