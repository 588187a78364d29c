import { readFile } from 'node:fs/promises'
import { beforeEach, describe, expect, onTestFinished, test } from 'vitest'
import { recipes } from '../../src/oidc/clients/recipes.ts'
import type { SeedNode } from '../../src/oidc/clients/seed-schema.ts'
import { openShell, type Shell } from '../support/cli.ts'

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

/** Every field below a node that says nothing about itself. */
function silent(node: SeedNode, path = ''): string[] {
  const own = Object.entries(node.properties ?? {}).flatMap(([name, field]) => [
    ...(field.description ? [] : [`${path}${name}`]),
    ...silent(field, `${path}${name}.`),
  ])
  return [...own, ...(node.items ? silent(node.items, path) : [])]
}

describe('the recipes', () => {
  test.each(Object.keys(recipes))('%s: is applied as it stands, and a second time changes nothing', async (name) => {
    const { seed } = recipes[name as keyof typeof recipes]
    expect(await apply(seed)).toMatchObject({ status: 0 })
    expect((await apply(seed)).stdout).toBe('no changes\n')
  })

  test('stand together in the example, which is applied as it is printed', async () => {
    const { status, stdout } = await shell.run('clients', 'example')
    expect(status).toBe(0)
    const applied = await apply(stdout)
    expect([applied.status, applied.stderr]).toEqual([0, 'applied; running servers follow within seconds\n'])
    expect(applied.stdout.match(/^created: client /gm)).toHaveLength(Object.keys(recipes).length)
  })
})

test('the schema for editors says of every field what it means, and knows no others', async () => {
  const { status, stdout } = await shell.run('clients', 'schema')
  expect(status).toBe(0)
  const schema = JSON.parse(stdout)
  expect(schema.$schema).toContain('draft-07')
  expect(silent(schema).filter((path) => !/\.(jwks\.)?keys$|client_secret|lifetimes\..*\./.test(path))).toEqual([])
  const client = schema.properties.clients.items
  expect([schema.additionalProperties, client.additionalProperties]).toEqual([false, false])
  expect(client.properties.preset.enum).toContain('off_the_shelf')
})

test('the seed of the page for apps is applied as it stands', async () => {
  const page = await readFile(new URL('../../docs/apps.md', import.meta.url), 'utf8')
  const [, seed = ''] = /```yaml\n# seed\.yaml\n([\s\S]*?)```/.exec(page) ?? []
  expect(await apply(seed)).toMatchObject({ status: 0, stdout: expect.stringContaining('created: client proxy') })
})

describe('a seed file', () => {
  test('may say once what many clients share, by anchors and merge keys', async () => {
    const text = `x-ours: &ours
  first_party: true
  token_endpoint_auth_method: none
  lifetimes: { refresh: { idle: 1d, max: 2d } }
clients:
  - { <<: *ours, client_id: one, redirect_uris: [https://one.example.com/cb] }
  - <<: *ours
    client_id: two
    redirect_uris: [https://two.example.com/cb]
    first_party: false
`
    expect((await apply(text)).stdout).toBe('created: client one\ncreated: client two\n')
    expect((await apply(text)).stdout).toBe('no changes\n')
    const { stdout } = await shell.run('clients', 'export', '--json')
    expect(JSON.parse(stdout).clients).toMatchObject([
      { client_id: 'one', first_party: true, lifetimes: { refresh: { idle: '1d' } } },
      { client_id: 'two', first_party: false, lifetimes: { refresh: { idle: '1d' } } },
    ])
  })

  test('is refused for a blank in an address, wherever one stands', async () => {
    const refused = await apply(`resources:
  - resource: 'https://api.example.com/a b'
clients:
  - client_id: one
    token_endpoint_auth_method: none
    redirect_uris: [' https://app.example.com/cb', "https://app.example.com/c\\td"]
    post_logout_redirect_uris: ['https://app.example.com/ ']
    allowed_origins: ['https://app.example.com ']
    default_resource: 'https://api.example.com/a b'
    tos_uri: 'https://app.example.com/a b'
    backchannel_logout_uri: ' https://app.example.com/out'
    jwks_uri: 'https://app.example.com/jwks '
`)
    expect(refused.status).toBe(1)
    for (const field of [
      'resources[0].resource',
      'clients[0].redirect_uris[0]',
      'clients[0].redirect_uris[1]',
      'clients[0].post_logout_redirect_uris[0]',
      'clients[0].allowed_origins[0]',
      'clients[0].default_resource',
      'clients[0].tos_uri',
      'clients[0].jwks_uri',
    ])
      expect(refused.stderr).toContain(`${field}: has a blank in it\n`)
    expect(refused.stderr).toMatch(/clients\[0\]\.backchannel_logout_uri: /)
  })
})

test('what no file names is listed in short, and in full when asked', async () => {
  const many = Array.from({ length: 13 }, (_, index) => {
    const id = String(index).padStart(2, '0')
    return `  - { client_id: c${id}, preset: spa, redirect_uris: [https://app.example.com/${id}] }\n`
  })
  await apply(`clients:\n${many.join('')}`)
  const named = many.with(0, many[0]?.replace('spa,', 'spa, client_name: Tea,') ?? '')
  const changed = await apply(`clients:\n${named.join('')}`, '--dry-run')
  expect(changed.stdout).toBe('changed: client c00\n  client_name: Tea added\n12 are unchanged (--verbose names all)\n')
  expect((await apply(`clients:\n${named.join('')}`, '--dry-run', '--verbose')).stdout.split('\n')).toHaveLength(15)
  const one = `clients:\n${many[0]}`
  const lines = async (...options: string[]) => (await apply(one, ...options)).stdout.trimEnd().split('\n')
  const short = await lines('--dry-run')
  expect(short.slice(0, 2)).toEqual(['no changes', 'would be pruned: client c01 (in no file; --prune removes it)'])
  expect(short.slice(-1)).toEqual(['and 2 more (--verbose names all)'])
  expect(short).toHaveLength(12)
  expect(await lines('--dry-run', '--verbose')).toHaveLength(13)
  expect((await lines('--dry-run', '--prune')).slice(-1)).toEqual(['and 2 more (--verbose names all)'])
  const json = await apply(one, '--dry-run', '--json')
  expect(JSON.parse(json.stdout).items).toHaveLength(13)
  expect((await apply(one, '--dry-run', '--json')).stdout).toBe(json.stdout)
  expect(await lines('--prune', '--verbose')).toHaveLength(13)
})
