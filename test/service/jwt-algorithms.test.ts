import { createRemoteJWKSet, decodeProtectedHeader, jwtVerify } from 'jose'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { resourceSchema } from '../../src/oidc/clients/client-schema.ts'
import { token } from '../support/login.ts'
import { openWorld, type World } from '../support/world.ts'

const secret = 'a-secret-of-more-than-32-characters!'
const auth = { authorization: `Basic ${Buffer.from(`machine:${secret}`).toString('base64')}` }
const cases = [
  [{}, 'ES256', 'at+jwt'],
  [{ alg: 'ES256', typ: 'JWT' }, 'ES256', 'JWT'],
  [{ alg: 'RS256', typ: 'JWT' }, 'RS256', 'JWT'],
  [{ alg: 'PS256' }, 'PS256', 'at+jwt'],
  [{ alg: 'EdDSA', typ: 'at+jwt' }, 'EdDSA', 'at+jwt'],
] as const

describe('the access token of an API', () => {
  let world: World
  const api = (index: number) => `https://api-${index}.example.com`

  beforeAll(async () => {
    world = await openWorld()
    await world.register({
      resources: cases.map(([access_token], index) => ({ resource: api(index), scopes: ['read'], access_token })),
      clients: [{ client_id: 'machine', secret, grant_types: ['client_credentials'], scope: 'read' }],
    })
  })
  afterAll(() => world.close())

  test.each(cases.map((each, index) => [index, ...each] as const))(
    '%i: with %j has a signature of %s that the published keys verify, and typ %s',
    async (index, _, alg, typ) => {
      const form = { grant_type: 'client_credentials', resource: api(index) }
      const { body } = await token(world, form, auth)
      const access = body['access_token'] ?? ''
      expect(decodeProtectedHeader(access)).toMatchObject({ alg, typ })
      const keys = createRemoteJWKSet(new URL('/jwks', world.issuer))
      const rules = { issuer: world.issuer, audience: api(index), algorithms: [alg], typ }
      expect((await jwtVerify(access, keys, rules)).payload['scope']).toBe('read')
      const asked = await fetch(`${world.issuer}/token/introspection`, {
        method: 'POST',
        headers: auth,
        body: new URLSearchParams({ token: access }),
      })
      expect(await asked.json()).toMatchObject({ active: true, scope: 'read' })
    },
  )

  test.each([{ alg: 'RS256' }, { typ: 'JWT' }])('that is opaque has neither algorithm nor typ: %j', (field) => {
    const access_token = { format: 'opaque', ...field }
    expect(resourceSchema.safeParse({ resource: api(0), access_token }).error?.issues).toMatchObject([
      { path: ['access_token', ...Object.keys(field)], message: 'is only for format: jwt' },
    ])
  })
})
