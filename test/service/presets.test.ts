import { beforeEach, describe, expect, onTestFinished, test } from 'vitest'
import type { presetNames } from '../../src/oidc/clients/client-schema.ts'
import { openShell, type Shell } from '../support/cli.ts'

const point = 'x: f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU, y: x0bVWPcWbkr1u5HmIhO9z3GSWJEQFXPTJmfCyGbiBbY'
const jwk = `{ kty: EC, crv: P-256, ${point} }`
const callback = 'redirect_uris: [https://app.example.com/callback]'

/** What each preset still needs. */
const rests: Readonly<Record<(typeof presetNames)[number], string>> = {
  spa: callback,
  native_app: 'redirect_uris: [com.example.app:/callback]',
  server_app: `${callback}, client_secret: { generate: true }`,
  machine: 'client_secret: { generate: true }',
  api_gateway: 'client_secret: { generate: true }',
  off_the_shelf: `${callback}, client_secret: { generate: true }`,
  fapi2: `${callback}, jwks: { keys: [${jwk}] }`,
}
const client = (name: string, rest: string) => `  - { client_id: ${name}, preset: ${name}, ${rest} }\n`
const whole = `clients:\n${Object.entries(rests)
  .map(([name, rest]) => client(name, rest))
  .join('')}`

let shell: Shell
beforeEach(async () => {
  shell = await openShell()
  const { close } = shell
  onTestFinished(close)
})

async function apply(text: string, ...options: string[]) {
  await shell.write('seed.yaml', text)
  return shell.run('clients', 'apply', 'seed.yaml', ...options)
}

describe('a seed that names a preset', () => {
  test('says little; each preset is applied, and a second apply changes nothing', async () => {
    const first = await apply(whole)
    expect([first.status, first.stderr]).toEqual([0, 'applied; running servers follow within seconds\n'])
    expect(await apply(whole)).toEqual({ status: 0, stdout: 'no changes\n', stderr: '' })
    const { stdout } = await shell.run('clients', 'export')
    expect(await apply(stdout)).toMatchObject({ status: 0, stdout: 'no changes\n' })
  })

  test('is shown by the plan with what the preset sets, and with what the file says otherwise', async () => {
    const text = `clients:
  - client_id: grafana
    preset: off_the_shelf
    client_secret: { generate: true }
    ${callback}
    id_token_signed_response_alg: ES256
`
    const dry = await apply(text, '--dry-run')
    expect(dry.status).toBe(3)
    expect(dry.stdout).toBe(`created: client grafana
  application_type: web (preset off_the_shelf)
  grant_types: ["authorization_code","refresh_token"] (preset off_the_shelf)
  token_endpoint_auth_method: client_secret_basic (preset off_the_shelf)
  claims_in_id_token: true (preset off_the_shelf)
  require_pkce: false (preset off_the_shelf)
  id_token_signed_response_alg: as the file says, and not as preset off_the_shelf
`)
    const { items } = JSON.parse((await apply(text, '--dry-run', '--json')).stdout)
    expect(items[0].preset).toEqual({
      name: 'off_the_shelf',
      sets: {
        application_type: 'web',
        grant_types: ['authorization_code', 'refresh_token'],
        token_endpoint_auth_method: 'client_secret_basic',
        claims_in_id_token: true,
        require_pkce: false,
      },
      overridden: ['id_token_signed_response_alg'],
    })
    expect((await apply(text)).status).toBe(0)
    const other = await apply(text.replace('off_the_shelf', 'server_app'))
    expect(other.stdout).toContain('changed: client grafana\n  application_type: web (preset server_app)\n')
    expect(other.stdout).toContain('  preset: off_the_shelf -> server_app\n')
    expect(other.stdout).toContain('  require_pkce: false -> true\n')
  })

  test('is told what it misspells, at the line', async () => {
    const refused = await apply(
      'clients:\n  - client_id: one\n    preset: spaa\n    token_endpoint_auth_method: none\n',
    )
    expect(refused.status).toBe(1)
    expect(refused.stderr).toContain('seed.yaml:3: clients[0].preset: expected spa, ')
    expect(refused.stderr).toContain('did you mean spa?')
  })

  test('keeps what an older release gave it until it is applied again, and the plan says what changes', async () => {
    await apply(whole)
    await shell.database.database.knex.raw(
      `update clients set metadata = jsonb_set(metadata, '{require_pkce}', 'true') where client_id = 'off_the_shelf'`,
    )
    const { stdout } = await shell.run('clients', 'show', 'off_the_shelf', '--json')
    expect(JSON.parse(stdout)).toMatchObject({ preset: 'off_the_shelf', require_pkce: true })
    const again = await apply(whole)
    expect(again.stdout).toContain('changed: client off_the_shelf\n  require_pkce: true -> false\n')
    expect((await apply(whole)).stdout).toBe('no changes\n')
  })
})

describe('fields that contradict each other are refused', () => {
  test.each(['require_pkce', 'require_nonce', 'rotate_refresh_tokens'])(
    'a client without a secret cannot say %s: false',
    async (field) => {
      const refused = await apply(
        `clients:\n  - client_id: one\n    preset: spa\n    ${callback}\n    ${field}: false\n`,
      )
      expect(refused.status).toBe(1)
      expect(refused.stderr).toContain(`seed.yaml:5: clients[0].${field}: must be true for a client without a secret`)
    },
  )

  test('a client without a secret cannot take the preset whose clients may go without PKCE', async () => {
    const fields = `client_id: one, preset: off_the_shelf, token_endpoint_auth_method: none, ${callback}`
    const text = `clients:\n  - { ${fields} }\n`
    const refused = await apply(text)
    expect(refused.status).toBe(1)
    expect(refused.stderr).toContain('clients[0].require_pkce: must be true for a client without a secret')
    expect((await apply(text.replace('none', 'none, require_pkce: true'))).status).toBe(0)
  })

  test.each([
    ['token_endpoint_auth_method', 'client_secret_basic'],
    ['require_pushed_authorization_requests', 'false'],
    ['dpop_bound_access_tokens', 'false'],
    ['require_pkce', 'false'],
    ['require_nonce', 'false'],
    ['rotate_refresh_tokens', 'true'],
    ['id_token_signed_response_alg', 'RS256'],
    ['token_endpoint_auth_signing_alg', 'RS256'],
  ])('%s: %s is not FAPI 2.0, and possible for a client that does not say it is', async (field, value) => {
    const text = `clients:
  - client_id: bank
    preset: fapi2
    ${callback}
    jwks: { keys: [${jwk}] }
    ${field}: ${value}
`
    const refused = await apply(text)
    expect(refused.status).toBe(1)
    expect(refused.stderr).toContain(`seed.yaml:6: clients[0].${field}: must be `)
    expect(refused.stderr).toContain('a client that cannot says security_profile: none')
    const secret = value.startsWith('client_secret') ? '    client_secret: { generate: true }\n' : ''
    expect(await apply(`${text}${secret}    security_profile: none\n`)).toMatchObject({ status: 0 })
  })
})
