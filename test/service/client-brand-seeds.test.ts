import { truncate, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { beforeEach, describe, expect, onTestFinished, test } from 'vitest'
import { png, svg } from '../support/brand-files.ts'
import { openShell, type Shell } from '../support/cli.ts'

let shell: Shell
beforeEach(async () => {
  shell = await openShell()
  const { close } = shell
  onTestFinished(close)
  await writeFile(join(shell.cwd, 'logo.png'), png(40))
  await writeFile(join(shell.cwd, 'other.png'), png(41))
  await shell.write('bad.svg', svg('<script/>'))
})

const seedWith = (fields: string) =>
  `clients:\n  - client_id: web\n    preset: spa\n    redirect_uris: [https://app.example.com/cb]\n    ${fields}\n`

async function apply(fields: string, ...options: string[]) {
  await shell.write('seed.yaml', seedWith(fields))
  return shell.run('clients', 'apply', 'seed.yaml', ...options)
}

describe('the brand of a client', () => {
  test('is stored with its picture, is unchanged the second time, and says when the picture is another', async () => {
    const brand = 'brand: { name: { zh-CN: 茶园, en: Tea }, logo: logo.png, color: "#1a4fa3" }'
    expect(await apply(brand)).toMatchObject({ status: 0 })
    expect((await apply(brand)).stdout).toBe('no changes\n')
    const changed = await apply(brand.replace('logo.png', 'other.png'))
    expect(changed.stdout).toMatch(/^ {2}brand\.logo: image\/png, [\da-f]{12} -> image\/png, [\da-f]{12}$/m)
    const { stdout } = await shell.run('clients', 'export', '--json')
    const [client] = JSON.parse(stdout).clients
    expect(client.brand.logo).toBe(`data:image/png;base64,${png(41).toString('base64')}`)
  })

  test('is exported as a file that changes nothing where it came from', async () => {
    await apply('brand: { name: Tea, logo: logo.png }')
    const { stdout } = await shell.run('clients', 'export')
    await shell.write('export.yaml', stdout)
    expect((await shell.run('clients', 'apply', 'export.yaml')).stdout).toBe('no changes\n')
  })

  test.each([
    ['brand: { logo: none.png }', 'brand.logo: there is no such file'],
    ['brand: { logo: bad.svg }', 'brand.logo: has an element <script>'],
    ['brand: { logo: seed.yaml }', 'brand.logo: is no picture known here; expected SVG, PNG, JPEG, WEBP'],
    ['brand: { logo: "https://cdn.example.com/logo.png" }', 'brand.logo: there is no such file'],
    ['brand: { logo: "data:text/html;base64,PGI+" }', 'brand.logo: is no picture known here'],
    ['brand: { logo: "data:image/png,x" }', 'brand.logo: is no data: address of a picture'],
    ['brand: { logo_dark: logo.png }', 'brand.logo_dark: stands without logo'],
    ['brand: { color_dark: "#8ab4f8" }', 'brand.color_dark: stands without color'],
    ['brand: { color: blue }', 'brand.color: is no colour; expected #rrggbb'],
    ['brand: { color: "#ffd400" }', 'brand.color: #ffd400 cannot be read on the light card'],
    ['brand: { colour: "#123456" }', 'brand.colour: is unknown; did you mean color?'],
    ['logo_uri: https://cdn.example.com/logo.png', 'logo_uri: is not shown'],
  ])('%s is refused', async (fields, reason) => {
    const refused = await apply(fields)
    expect(refused.status).toBe(1)
    expect(refused.stderr).toContain(`clients[0].${reason}`)
    expect(await shell.database.database.knex('clients')).toEqual([])
  })

  test('may have no picture of more than 32 KB', async () => {
    await truncate(join(shell.cwd, 'logo.png'), 50_000_000)
    expect((await apply('brand: { logo: logo.png }')).stderr).toContain(
      'clients[0].brand.logo: has 50.0 MB; at most 32 KB are allowed',
    )
  })
})

test('a client that an older version registered with logo_uri goes on, and leaves it behind', async () => {
  expect(await apply('client_name: Web')).toMatchObject({ status: 0 })
  const { knex } = shell.database.database
  await knex('clients').update({ metadata: knex.raw(`metadata || '{"logo_uri": "https://cdn.example.com/a.png"}'`) })
  const { stdout, status } = await shell.run('clients', 'export')
  expect([status, stdout.includes('logo_uri')]).toEqual([0, false])
  await shell.write('export.yaml', stdout)
  expect((await shell.run('clients', 'apply', 'export.yaml')).stdout).toContain('logo_uri')
  expect((await shell.run('clients', 'apply', 'export.yaml')).stdout).toBe('no changes\n')
})
