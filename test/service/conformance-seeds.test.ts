import { execFile } from 'node:child_process'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { beforeAll, describe, expect, onTestFinished, test } from 'vitest'
import { parse } from 'yaml'
import { openShell, type Shell } from '../support/cli.ts'

const root = fileURLToPath(new URL('../..', import.meta.url))
const run = promisify(execFile)

interface Written {
  readonly alias: string
  readonly server: { readonly discoveryUrl: string }
  readonly browser?: readonly unknown[]
  readonly [client: string]: unknown
}
interface SuiteClient {
  readonly client_id: string
  readonly client_secret?: string
  readonly jwks?: { readonly keys: readonly Readonly<Record<string, string>>[] }
}
interface Seed {
  readonly clients: readonly {
    readonly client_id: string
    readonly redirect_uris: readonly string[]
    readonly client_secret?: { readonly file: string }
    readonly jwks?: { readonly keys: readonly Readonly<Record<string, string>>[] }
  }[]
}

const issuer = 'https://id.example.com'
const suite = 'https://suite.example.com:8443'

describe('what a run of the conformance suite needs', () => {
  let shell: Shell

  async function prepare(...more: string[]): Promise<void> {
    const script = join(root, 'examples/conformance/prepare.mjs')
    await run(process.execPath, [script, '--issuer', issuer, '--suite', suite, '--out', shell.cwd, ...more])
  }
  const read = (name: string) => readFile(join(shell.cwd, name), 'utf8')
  const settings = async (name: string) => JSON.parse(await read(`${name}.json`)) as Written

  beforeAll(async () => {
    shell = await openShell()
    return () => shell.close()
  })

  test('is applied at the first try, and a second apply changes nothing', async () => {
    await prepare()
    const files = ['openid-connect.yaml', 'fapi2.yaml']
    expect((await shell.run('clients', 'apply', '--dry-run', ...files)).status).toBe(3)
    expect(await shell.run('clients', 'apply', ...files)).toMatchObject({ status: 0 })
    expect(await shell.run('clients', 'apply', '--dry-run', ...files)).toMatchObject({
      status: 0,
      stdout: 'no changes\n',
    })
  })

  test.each([
    ['openid-connect', 'openid-connect', ['client', 'client2', 'client_secret_post']],
    ['back-channel-logout', 'openid-connect', ['client']],
    ['fapi2', 'fapi2', ['client', 'client2']],
  ])('is the same in the seed and in the settings of the suite: %s', async (name, file, names) => {
    await prepare()
    const { alias, server, ...clients } = await settings(name)
    expect(server.discoveryUrl).toBe(`${issuer}/.well-known/openid-configuration`)
    const seed = parse(await read(`${file}.yaml`), { merge: true }) as Seed
    for (const each of names) {
      const { client_id, client_secret, jwks } = clients[each] as SuiteClient
      const registered = seed.clients.find((one) => one.client_id === client_id)
      expect(registered?.redirect_uris[0]).toContain(`${suite}/test/a/${alias}/callback`)
      if (client_secret !== undefined) expect(await read(registered?.client_secret?.file ?? '')).toBe(client_secret)
      if (jwks) {
        const { d, p, q, dp, dq, qi, ...half } = jwks.keys[0] ?? {}
        expect(d).toMatch(/^[\w-]{43,}$/)
        expect(registered?.jwks?.keys).toEqual([half])
      }
    }
  })

  test('has a secret or key of its own each time, and a browser only where a person is named', async () => {
    await prepare()
    const [first, second] = [await settings('fapi2'), await prepare().then(() => settings('fapi2'))]
    expect(second['client']).not.toEqual(first['client'])
    expect(first.browser).toBeUndefined()
    await prepare('--identifier', 'lin@example.com', '--password', 'a long enough phrase')
    onTestFinished(() => prepare())
    expect(JSON.stringify((await settings('openid-connect')).browser)).toContain('lin@example.com')
  })
})
