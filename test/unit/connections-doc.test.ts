import { generateKeyPairSync } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { parse } from 'yaml'
import { oneTapOptions } from '../../interactions/methods/one-tap.ts'
import { connectionOptions } from '../../interactions/upstreams/connections.ts'
import { configSchema } from '../../src/config/schema.ts'

const text = readFileSync(new URL('../../docs/connections.md', import.meta.url), 'utf8')
const snippets = [...text.matchAll(/```yaml\n([\s\S]*?)```/g)].map(([, yaml = '']) => yaml)

/** A private key that anybody could copy is no example; the reader's own goes where the line says. */
function withKey(yaml: string): string {
  const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
  const lines = privateKey.export({ type: 'pkcs8', format: 'pem' }).toString().trim().split('\n').slice(1, -1)
  return yaml.replace(/^( *)the lines of AuthKey_\w+\.p8$/m, (_, indent: string) =>
    lines.map((line) => `${indent}${line}`).join('\n'),
  )
}

const schema = configSchema({ production: true, sandbox: false, port: 3000, isTerminal: false })
const settings = snippets.map((yaml) =>
  schema.pick({ connections: true, one_tap: true, phone: true }).parse(parse(withKey(yaml)) as unknown),
)
const connections = settings.flatMap((each) => each.connections)

test('docs/connections.md has a snippet for every one-tap vendor', () => {
  const vendors = oneTapOptions.options.map(({ shape }) => shape.vendor.value)
  expect(settings.flatMap((each) => each.one_tap).map(({ vendor }) => vendor)).toEqual(vendors)
})

test('docs/connections.md has a snippet for the vendor that asks the carriers, and the server takes it', () => {
  expect(settings.flatMap(({ phone }) => phone.carrier_check).map(({ vendor }) => vendor)).toEqual(['aliyun'])
})

test('docs/connections.md has a snippet for every kind, and the server takes each', () => {
  const kinds = connectionOptions.options.map(({ shape }) => shape.type.value)
  expect([...new Set(connections.map(({ type }) => type))]).toEqual(kinds)
})

test.each(connections.filter(({ type }) => type !== 'wechat'))('the callback address of $id is told', ({ id }) => {
  expect(text).toContain(`\`https://login.example.cn/callback/${id}\``)
})
