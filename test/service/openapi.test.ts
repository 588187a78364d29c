import { readdirSync, readFileSync } from 'node:fs'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { z } from 'zod'
import { captchaFields } from '../../interactions/challenges/captcha-vendor.ts'
import { altcha } from '../../interactions/challenges/proof-of-work.ts'
import { accountPaths, paths } from '../../src/base/paths.ts'
import { authorizationParams } from '../../src/oidc/code-issuer.ts'
import { NativeApp, nativeClients } from '../support/native-app.ts'
import { openWorld, type World } from '../support/world.ts'

/** Where apps ask, by the names that the routes use. */
const endpoints: Readonly<Record<string, string>> = { ...paths, ...accountPaths, identities: paths.identities }

const root = new URL('../..', import.meta.url)
const written: unknown = JSON.parse(readFileSync(new URL('docs/openapi.json', root), 'utf8'))

let world: World
beforeAll(async () => {
  world = await openWorld({ stores: 'tables' })
  await world.register({ clients: [{ ...nativeClients[1], client_id: 'mp' }] })
})
afterAll(() => world.close())

const text = z.string().min(1)
/** JSON Schema 2020-12 as far as the library reads it; a misspelt keyword is an error there. */
const schema = z.record(z.string(), z.unknown()).refine((value) => {
  z.fromJSONSchema(value as Parameters<typeof z.fromJSONSchema>[0])
  return true
})
const reference = z.strictObject({ $ref: z.string().regex(/^#\/components\/schemas\/\w+$/) })
const media = z.strictObject({ schema: z.union([reference, schema]) })
const parameter = z
  .strictObject({
    name: text,
    in: z.enum(['query', 'header', 'path', 'cookie']),
    required: z.boolean().optional(),
    description: text.optional(),
    schema,
  })
  .refine((each) => each.in !== 'path' || each.required, 'a path parameter is required')
const operation = z.strictObject({
  summary: text,
  parameters: z.array(parameter).optional(),
  requestBody: z
    .strictObject({
      required: z.boolean(),
      content: z.strictObject({ 'application/x-www-form-urlencoded': media }),
    })
    .optional(),
  responses: z.record(
    z.string().regex(/^[1-5]\d\d$/),
    z.strictObject({ description: text, content: z.strictObject({ 'application/json': media }).optional() }),
  ),
  security: z.array(z.record(z.string(), z.array(z.string()))).optional(),
})
/** The objects of OpenAPI 3.1 that the description uses, and no member the specification does not have. */
const description = z.strictObject({
  openapi: z.string().regex(/^3\.1\.\d+$/),
  info: z.strictObject({ title: text, version: text, description: text }),
  servers: z.array(z.strictObject({ url: z.url() })).min(1),
  paths: z.record(
    z.string().startsWith('/'),
    z.partialRecord(z.enum(['get', 'put', 'post', 'delete', 'patch']), operation),
  ),
  components: z.strictObject({
    schemas: z.record(z.string().regex(/^[\w.-]+$/), schema),
    securitySchemes: z.record(
      z.string(),
      z.strictObject({ type: z.literal('http'), scheme: z.literal('bearer'), description: text }),
    ),
  }),
})

test('the server describes itself as the document does, but for its address', async () => {
  const answer = await fetch(`${world.issuer}/openapi.json`)
  expect(answer.headers.get('content-type')).toContain('application/json')
  const { servers, ...served } = (await answer.json()) as Record<string, unknown>
  expect(servers).toEqual([{ url: world.issuer }])
  const { servers: elsewhere, ...rest } = written as Record<string, unknown>
  expect(elsewhere).toEqual([{ url: 'https://id.example.com' }])
  expect(served).toEqual(rest)
})

test('the description is valid OpenAPI 3.1 whose references lead somewhere', () => {
  const { paths, components } = description.parse(written)
  const references = [...JSON.stringify(written).matchAll(/"\$ref":"#\/components\/schemas\/(\w+)"/g)]
  expect(references.length).toBeGreaterThan(5)
  for (const [, name = ''] of references) expect(Object.keys(components.schemas)).toContain(name)
  for (const [path, operations] of Object.entries(paths)) {
    const inPath = [...path.matchAll(/\{(\w+)\}/g)].map(([, name]) => name)
    for (const each of Object.values(operations)) {
      const parameters = each.parameters ?? []
      const names = parameters.map(({ name, in: where }) => `${where} ${name}`)
      expect(new Set(names).size).toBe(names.length)
      expect(parameters.filter(({ in: where }) => where === 'path').map(({ name }) => name)).toEqual(inPath)
      for (const one of each.security ?? []) {
        for (const name of Object.keys(one)) expect(Object.keys(components.securitySchemes)).toContain(name)
      }
    }
  }
})

test('every endpoint that is described is served, and every one that is served described', async () => {
  const { paths: own } = description.parse(written)
  const described = Object.entries(own).flatMap(([path, operations]) =>
    Object.keys(operations).map((method) => `${method} ${path}`),
  )
  const routes = readFileSync(new URL('interactions/native/native-routes.ts', root), 'utf8')
  const named = /router\.(get|post|delete)\(\s*'\w+',\s*(?:`\$\{)?(?:paths|accountPaths)\.(\w+)\}?([^`,]*)/g
  const served = [...routes.matchAll(named)].map(
    ([, method, name, rest = '']) => `${method} ${endpoints[name ?? '']}${rest.replace(/:(\w+)/, '{$1}')}`,
  )
  expect(described.sort()).toEqual([...served, 'post /authorize-challenge'].sort())
  for (const each of described) {
    const [method = '', path = ''] = each.split(' ')
    const answer = await fetch(`${world.issuer}${path.replace('{identity}', 'idn_1').replace('{client}', 'courier')}`, {
      method: method.toUpperCase(),
      // Without a token one of them is a page.
      headers: { authorization: 'Bearer nonsense' },
      ...(method === 'post' ? { body: new URLSearchParams() } : {}),
    })
    expect(`${each} ${answer.status}`).toMatch(/ 40[01]$/)
    expect(Object.keys(own[path]?.[method as 'get' | 'post' | 'delete']?.responses ?? {})).toContain(
      String(answer.status),
    )
  }
})

/** What the code asks a form for, by name. */
function readNames(): string[] {
  const ofApps = ['interactions/methods/', 'interactions/upstreams/'].flatMap((folder) =>
    readdirSync(new URL(folder, root))
      .filter((name) => /^(sms|otp|code-step|password|one-tap|app-login|apple|qq|weibo|wechat)/.test(name))
      .map((name) => new URL(`${folder}${name}`, root)),
  )
  const files = [
    ...ofApps,
    ...['account-merges.ts', 'attempt.ts', 'before-step.ts', 'single-answers.ts'].map(
      (name) => new URL(`interactions/${name}`, root),
    ),
    ...['challenge.ts', 'gate.ts', 'native-routes.ts', 'steps.ts'].map(
      (name) => new URL(`interactions/native/${name}`, root),
    ),
  ]
  const asked = /\b(?:fields|input|credential|given|response|request)\??\.?\['(\w+)'\]|\brequired\(\w+, '(\w+)'\)/g
  return files.flatMap((file) => {
    const source = readFileSync(file, 'utf8')
    const taken = [...source.matchAll(/const \{ ([^}]+) \} = (?:input|fields)\b/g)].flatMap(([, names = '']) =>
      names.split(', ').map((name) => name.split(/:| = /)[0] ?? ''),
    )
    return [...taken, ...[...source.matchAll(asked)].map(([, member, argument]) => member ?? argument ?? '')]
  })
}

test('every parameter the endpoint reads is described, and no other', () => {
  const { paths } = description.parse(written)
  const body = paths['/authorize-challenge']?.post?.requestBody?.content['application/x-www-form-urlencoded'].schema
  const { properties } = body as { properties: Record<string, { description: string }> }
  for (const each of Object.values(properties)) expect(each.description).toMatch(/\S/)
  const described = Object.keys(properties)
  // Refused by name, the pages' words for what an app sends as `agreements` and for somebody they name, and what an
  // upstream sends a browser back with.
  const elsewhere = ['request', 'request_uri', 'agreement', 'known', 'code', 'state']
  const proofs = [...captchaFields, altcha]
  const read = new Set([...readNames(), ...proofs, ...authorizationParams, 'client_id', 'resource'])
  expect([...read].filter((name) => !elsewhere.includes(name)).sort()).toEqual([...described].sort())
})

test('answers are what the schemas of the description say', async () => {
  const { components } = description.parse(written)
  const schemaOf = (name: string) =>
    z.fromJSONSchema(components.schemas[name] as Parameters<typeof z.fromJSONSchema>[0])
  const { body } = await new NativeApp(world, 'mp').challenge({ method: 'sms', phone: '13700020001' })
  expect(schemaOf('Refusal').parse(body)).toMatchObject({ step: 'otp' })
  expect(schemaOf('Step').parse(body)).toMatchObject({ code_length: 6 })
  expect(() => schemaOf('Step').parse({ ...body, step: 'dance' })).toThrow()
  expect(() => schemaOf('Success').parse(body)).toThrow()
})
