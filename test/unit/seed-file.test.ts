import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, test } from 'vitest'
import { accountClient } from '../../interactions/browser/account-session.ts'
import { demoClients } from '../../sandbox/demo/clients.ts'
import type { Catalog } from '../../src/oidc/clients/catalog.ts'
import { clientSchema, resourceSchema } from '../../src/oidc/clients/client-schema.ts'
import { isOwnClient } from '../../src/oidc/clients/own-clients.ts'
import { catalogProblems } from '../../src/oidc/clients/seed-checks.ts'
import { problemLine } from '../../src/oidc/clients/seed-document.ts'
import { readSeeds } from '../../src/oidc/clients/seed-file.ts'

const cwd = mkdtempSync(join(tmpdir(), 'menshen-seed-'))
afterAll(() => rmSync(cwd, { recursive: true }))

const day = 86_400
const lifetimes = {
  access: 600,
  session: { idle: 14 * day, max: 30 * day },
  refresh: { idle: 30 * day, max: 180 * day },
}
const secret = 'a-secret-of-more-than-32-characters!'

function read(files: Record<string, string>, env: Record<string, string> = {}) {
  for (const [name, text] of Object.entries(files)) writeFileSync(join(cwd, name), text)
  return readSeeds({ files: Object.keys(files), cwd, env, lifetimes })
}

function problemsOf(text: string, env: Record<string, string> = {}): string[] {
  return read({ 'seed.yaml': text }, env).problems.map(problemLine)
}

function catalogOf({ clients = [], resources = [] }: { clients?: object[]; resources?: object[] }): Catalog {
  const seeds = clients.map((written) => clientSchema.parse(written))
  const apis = resources.map((written) => resourceSchema.parse(written))
  return {
    clients: new Map(seeds.map((seed) => [seed.client_id, { written: {}, seed, sealedSecret: undefined }])),
    resources: new Map(apis.map((seed) => [seed.resource, { written: {}, seed }])),
  }
}

const whole = `resources:
  - resource: https://api.example.com
    scopes: [orders:read, orders:write]
    access_token: { format: jwt, ttl: 10m }
clients:
  - client_id: web
    client_name: Example Web
    first_party: true
    application_type: web
    token_endpoint_auth_method: none
    redirect_uris: [https://app.example.com/callback]
    post_logout_redirect_uris: [https://app.example.com/]
    default_resource: https://api.example.com
    scope: openid profile phone offline_access orders:read
    lifetimes: { refresh: { idle: 30d, max: 180d }, session: { idle: 14d, max: 30d } }
  - client_id: backend
    token_endpoint_auth_method: client_secret_basic
    client_secret: { env: BACKEND_SECRET }
    grant_types: [client_credentials]
`

describe('a good file', () => {
  test('gives clients and resources, and the secret it names', () => {
    const seeds = read({ 'seed.yaml': whole }, { BACKEND_SECRET: secret })
    expect(seeds.problems).toEqual([])
    expect(catalogProblems(seeds, catalogOf({}), { prune: false, hasSms: true, lifetimes })).toEqual([])
    expect(seeds.clients.map(({ seed }) => seed.client_id)).toEqual(['web', 'backend'])
    const [web, backend] = seeds.clients
    expect(web?.seed.lifetimes?.refresh).toEqual({ idle: 30 * day, max: 180 * day })
    expect(backend?.secret).toMatchObject({ kind: 'given' })
    expect(backend?.secret.kind === 'given' && backend.secret.secret.reveal()).toBe(secret)
    expect(backend?.written).not.toHaveProperty('client_secret')
    expect(JSON.stringify(seeds)).not.toContain(secret)
  })

  test('may name a secret in a file beside it', () => {
    mkdirSync(join(cwd, 'deep'))
    writeFileSync(join(cwd, 'deep', 'backend.secret'), `${secret}\n`)
    const file = 'clients:\n  - { client_id: b, client_secret: { file: backend.secret } }\n'
    const [client] = read({ 'deep/seed.yaml': file }).clients
    expect(client?.secret.kind === 'given' && client.secret.secret.reveal()).toBe(secret)
  })

  test('may repeat itself with anchors', () => {
    const text = `clients:
  - &one
    client_id: one
    token_endpoint_auth_method: none
    lifetimes: &limits { refresh: { idle: 1d, max: 2d } }
  - client_id: two
    token_endpoint_auth_method: none
    lifetimes: *limits
`
    const { clients, problems } = read({ 'seed.yaml': text })
    expect(problems).toEqual([])
    expect(clients[1]?.seed.lifetimes).toEqual(clients[0]?.seed.lifetimes)
  })
})

describe('every problem is told at once, with file, line and field', () => {
  test('unknown keys with the one that was meant, wrong types, wrong values, missing fields', () => {
    const text = `resorces: []
clients:
  - client_id: web
    token_endpoint_auth_methode: none
    redirect_uris:
      - https://app.example.com/callback
      - 7
    first_party: yes please
    application_type: webb
    client_name: 2026
    lifetimes:
      refresh: { idle: 3 weeks, max: 30d }
    client_secret: { generate: true }
  - client_name: nobody
`
    expect(problemsOf(text).toSorted()).toEqual(
      [
        'seed.yaml:1: resorces: is unknown; did you mean resources?',
        'seed.yaml:4: clients[0].token_endpoint_auth_methode: is unknown; did you mean token_endpoint_auth_method?',
        'seed.yaml:7: clients[0].redirect_uris[1]: expected text, found a number; put it in quotes',
        'seed.yaml:8: clients[0].first_party: expected true or false, found text',
        'seed.yaml:9: clients[0].application_type: expected web, native; did you mean web?',
        'seed.yaml:10: clients[0].client_name: expected text, found a number; put it in quotes',
        'seed.yaml:12: clients[0].lifetimes.refresh.idle: expected a duration such as 30s, 10m, 12h or 30d',
        'seed.yaml:14: clients[1].client_id: is missing',
      ].toSorted(),
    )
  })

  test('a broken field hides no other problem of its client', () => {
    const text = `clients:
  - client_id: usr_someone
    first_party: 1
    redirect_uris: ['https://*.example.com/cb', 'http://app.example.com/cb', 'http://localhost:8080/cb']
    lifetimes: { session: { idle: 30d, max: 1d } }
`
    expect(problemsOf(text)).toEqual([
      'seed.yaml:3: clients[0].first_party: expected true or false, found a number',
      expect.stringContaining('seed.yaml:2: clients[0].client_secret: is missing: client_secret_basic needs'),
      'seed.yaml:2: clients[0].client_id: begins with usr_, as the ids of users do',
      'seed.yaml:5: clients[0].lifetimes.session: idle is longer than max',
      'seed.yaml:4: clients[0].redirect_uris[0]: has a wildcard; addresses are compared letter by letter, so name each one',
      'seed.yaml:4: clients[0].redirect_uris[1]: must be https; http is only for this machine (localhost)',
    ])
  })

  const brought = [
    accountClient('https://id.example.com', '门神', 'open'),
    ...demoClients('https://id.example.com', secret),
  ]

  test.each(['menshen-anything', ...brought.map((client) => String(client['client_id']))])(
    'the client id %s is kept for the clients that the server brings along',
    (id) => {
      expect(isOwnClient(id)).toBe(true)
      const text = `clients: [{ client_id: ${id}, token_endpoint_auth_method: none }]`
      expect(problemsOf(text)).toEqual([expect.stringContaining('which Menshen keeps for itself')])
    },
  )

  test.each(['menshen', 'sandbox', 'my-menshen-app', 'sandboxes-demo'])('the client id %s is free', (id) => {
    expect(isOwnClient(id)).toBe(false)
    expect(problemsOf(`clients: [{ client_id: ${id}, token_endpoint_auth_method: none }]`)).toEqual([])
  })

  test('the same client or resource twice, in one file or two', () => {
    const client = '{ client_id: web, token_endpoint_auth_method: none }'
    const api = '{ resource: https://api.example.com }'
    const files = {
      'a.yaml': `clients:\n  - ${client}\n  - ${client}\nresources:\n  - ${api}\n`,
      'b.yaml': `resources:\n  - ${api}\nclients:\n  - ${client}\n`,
    }
    expect(read(files).problems.map(problemLine)).toEqual([
      'b.yaml:2: resources[0].resource: "https://api.example.com" is already at a.yaml:5',
      'a.yaml:3: clients[1].client_id: "web" is already at a.yaml:2',
      'b.yaml:4: clients[0].client_id: "web" is already at a.yaml:2',
    ])
  })

  test('an unreadable, an empty and a broken file beside a good one', () => {
    const files = { 'good.yaml': 'clients: []', 'empty.yaml': '\n', 'twice.yaml': 'clients: []\nclients: []\n' }
    read(files)
    const named = [...Object.keys(files), 'absent.yaml']
    const { problems } = readSeeds({ files: named, cwd, env: {}, lifetimes })
    expect(problems.map(problemLine)).toEqual([
      'empty.yaml:1: is empty; expected resources: or clients:',
      'twice.yaml:2: a key is there twice, column 1',
      'absent.yaml: cannot be read (ENOENT)',
    ])
  })

  test.each([
    ['a list instead of a mapping', '- clients', 'seed.yaml:1: expected a mapping, found a list'],
    ['a list that was not written', 'clients:\n', 'seed.yaml:1: clients: expected a list, found nothing'],
    ['a tab', 'clients:\n\t- a: b\n', 'seed.yaml:2: is not YAML: tab as indent, column 1'],
    ['two documents', 'clients: []\n---\nclients: []\n', 'seed.yaml:2: is not YAML: multiple docs, column 1'],
    ['NUL', 'clients:\n  - client_id: "a\\0b"\n', 'seed.yaml:2: clients[0].client_id: holds a control character'],
    ['a client that is none', 'clients: [web]', 'seed.yaml:1: clients[0]: expected a mapping, found text'],
  ])('%s', (_, text, line) => {
    expect(problemsOf(text)).toEqual([line])
  })
})

describe('secrets', () => {
  const basic = (source: string) => `clients:\n  - client_id: b\n    client_secret: ${source}\n`

  test.each([
    ['a variable that is not set', '{ env: NOT_SET }', 'client_secret.env: the variable NOT_SET is not set'],
    ['a file that is not there', '{ file: absent }', 'client_secret.file: absent cannot be read'],
    [
      'one that is short',
      '{ env: SHORT }',
      'client_secret.env: the secret is shorter than 32 characters; make one with:',
    ],
    [
      'one with a space',
      '{ env: SPACED }',
      'client_secret.env: the secret may hold only printable ASCII, and no spaces',
    ],
    ['one that stands in the file', 'canary-canary-canary-canary-canary', 'client_secret: expected { env: NAME }'],
  ])('%s is refused and never shown', (_, source, message) => {
    const problems = problemsOf(basic(source), { SHORT: 'canary', SPACED: `canary ${secret}` })
    expect(problems).toEqual([expect.stringContaining(`seed.yaml:3: clients[0].${message}`)])
    expect(problems.join()).not.toContain('canary')
  })

  test('one that is needed must be given, one that is not must not', () => {
    const text = `clients:
  - { client_id: a, token_endpoint_auth_method: client_secret_post }
  - { client_id: b, token_endpoint_auth_method: none, client_secret: { generate: true } }
  - { client_id: c, token_endpoint_auth_method: private_key_jwt, client_secret: { env: X } }
`
    expect(problemsOf(text)).toEqual([
      expect.stringContaining('seed.yaml:2: clients[0].client_secret: is missing: client_secret_post needs'),
      'seed.yaml:3: clients[1].client_secret: is of no use: token_endpoint_auth_method none has no secret',
      'seed.yaml:4: clients[2].client_secret: is of no use: token_endpoint_auth_method private_key_jwt has no secret',
    ])
  })
})

describe('against what is registered', () => {
  const api = { resource: 'https://api.example.com', scopes: ['orders:read', 'orders:write'] }
  const client = (rest: string) => `clients:\n  - client_id: web\n    token_endpoint_auth_method: none\n${rest}`
  const lines = (text: string, catalog: Catalog, prune = false, hasSms = true) =>
    catalogProblems(read({ 'seed.yaml': text }), catalog, { prune, hasSms, lifetimes }).map(problemLine)

  test('a resource and a scope must be known, from a file or from before', () => {
    const text = client('    default_resource: https://api.example.com\n    scope: openid orders:read\n')
    expect(lines(text, catalogOf({ resources: [api] }))).toEqual([])
    expect(lines(text, catalogOf({}))).toEqual([
      'seed.yaml:4: clients[0].default_resource: no such resource is in the files or registered',
      'seed.yaml:5: clients[0].scope: no resource has the scope orders:read',
    ])
  })

  test('with --prune what is only registered does not count', () => {
    const text = client('    default_resource: https://api.example.com\n')
    expect(lines(text, catalogOf({ resources: [api] }), true)).toEqual([
      'seed.yaml:4: clients[0].default_resource: no such resource is in the files',
    ])
  })

  test('a misspelt scope is told the one that was meant', () => {
    expect(lines(client('    scope: openid profil order:read\n'), catalogOf({ resources: [api] }))).toEqual([
      'seed.yaml:4: clients[0].scope: no resource has the scope profil; did you mean profile?',
      'seed.yaml:4: clients[0].scope: no resource has the scope order:read; did you mean orders:read?',
    ])
  })

  test('what a client may ask for has room in one form of a consent page, whichever file makes it too much', () => {
    const names = (count: number) => Array.from({ length: count }, (_, index) => `area-${index}:read`)
    const wide = (count: number) => ({ resource: 'https://wide.example.com', scopes: names(count) })
    const text = (count: number, more = '') =>
      client(`    scope: openid ${names(count).join(' ')}\n    redirect_uris: [https://o.example/cb]\n${more}`)
    expect(lines(text(199), catalogOf({ resources: [wide(199)] }))).toEqual([])
    const [problem, ...others] = lines(text(200), catalogOf({ resources: [wide(200)] }))
    expect(others).toEqual([])
    expect(problem).toMatch(/^seed\.yaml:4: clients\[0\]\.scope: its scopes are 201 boxes of \d+ bytes .* room for 200/)
    expect(lines(text(200, '    first_party: true\n'), catalogOf({ resources: [wide(200)] }))).toEqual([])
    const long = { resource: `https://example.com/${'a'.repeat(400)}`, scopes: names(150) }
    expect(lines(text(150), catalogOf({ resources: [long] }))[0]).toContain('which has room for 200 of 49152')
    const api = `resources:\n  - { resource: 'https://wide.example.com', scopes: [${names(250).join(', ')}] }\n`
    const everything = {
      client_id: 'other',
      token_endpoint_auth_method: 'none',
      redirect_uris: ['https://o.example/cb'],
    }
    expect(lines(api, catalogOf({ clients: [everything] }))[0]).toMatch(
      /^seed\.yaml:2: resources\[0\]\.scopes: the registered client other: all scopes there are, because it names none/,
    )
  })

  test('a phone number is required only where one can be proved', () => {
    const text = client('    require_phone: true\n')
    expect(lines(text, catalogOf({}))).toEqual([])
    expect(lines(text, catalogOf({}), false, false)).toEqual([
      'seed.yaml:4: clients[0].require_phone: nobody could prove a number: login.methods has no sms',
    ])
  })

  test('identities are for first-party clients', () => {
    expect(lines(client('    scope: openid identities\n'), catalogOf({}))).toEqual([
      'seed.yaml:4: clients[0].scope: identities is only for first_party clients',
    ])
    expect(lines(client('    first_party: true\n    scope: openid identities\n'), catalogOf({}))).toEqual([])
  })

  test('a policy under which something would end first is told at the field that would mend it', () => {
    const text = client(`    redirect_uris: [https://a.example.com/cb]
    lifetimes:
      access: 2h
      session: { idle: 1h, max: 1d }
  - client_id: app
    application_type: native
    token_endpoint_auth_method: none
    redirect_uris: [com.example:/cb]
    lifetimes: { refresh: { idle: 5m, max: 1d } }
`)
    expect(problemsOf(text)).toEqual([
      'seed.yaml:6: clients[0].lifetimes.access: access (2h) must be shorter than session.idle (1h), which would end first',
      'seed.yaml:12: clients[1].lifetimes.refresh.idle: access (10m) must be shorter than refresh.idle (5m), which would end first',
    ])
  })

  test('the tokens of a resource fit the clients that ask for it, from whichever side they meet', () => {
    const legacy = 'https://legacy.example.com'
    const slides = { format: 'opaque', sliding: { idle: '30m', max: '60d' } }
    const web = client(`    redirect_uris: [https://a.example.com/cb]\n    default_resource: ${legacy}\n`)
    const longer =
      'sliding of https://legacy.example.com (at most 60d) must not be longer than session.max (30d), which would end first for web'
    const resource = `resources:
  - resource: ${legacy}
    access_token:
      format: opaque
      sliding: { idle: 30m, max: 60d }
`
    expect(lines(resource + web, catalogOf({}))).toEqual([`seed.yaml:5: resources[0].access_token.sliding: ${longer}`])
    const registered = { client_id: 'web', redirect_uris: ['https://a.example.com/cb'], default_resource: legacy }
    expect(lines(resource, catalogOf({ clients: [registered] }))).toEqual([
      `seed.yaml:5: resources[0].access_token.sliding: ${longer}`,
    ])
    const api = { resource: legacy, access_token: slides }
    expect(lines(web, catalogOf({ resources: [api] }))).toEqual([`seed.yaml:2: clients[0]: ${longer}`])
    const own = `${web}    lifetimes: { session: { idle: 1h, max: 30d } }\n`
    expect(lines(own, catalogOf({ resources: [api] }))).toEqual([
      `seed.yaml:6: clients[0].lifetimes.session.max: ${longer}`,
    ])
    expect(lines(own, catalogOf({ resources: [api] }), true)).not.toContain(longer)
  })

  test.each([
    [
      'sliding for a JWT',
      '{ sliding: { idle: 30m, max: 12h } }',
      'sliding: is only for format: opaque; a JWT cannot slide',
    ],
    [
      'sliding beside ttl',
      '{ format: opaque, ttl: 1h, sliding: { idle: 30m, max: 12h } }',
      'sliding: stands beside ttl; name one of them',
    ],
    ['idle past max', '{ format: opaque, sliding: { idle: 2h, max: 1h } }', 'sliding: idle is longer than max'],
    [
      'no end',
      '{ format: opaque, sliding: { idle: 2h, max: none } }',
      'sliding.max: expected a duration such as 30s, 10m, 12h or 30d',
    ],
    [
      'a claim nobody knows',
      '{ claims: [phone_number, nick_name] }',
      'claims[1]: expected name, nickname, preferred_username, picture, updated_at, phone_number',
    ],
    ['no askers', '{ introspected_by: [] }', 'introspected_by: names nobody; leave it out instead'],
  ])('access tokens with %s are refused', (_, settings, message) => {
    const text = `resources:\n  - resource: https://api.example.com\n    access_token: ${settings}\n`
    expect(problemsOf(text)).toEqual([expect.stringContaining(`seed.yaml:3: resources[0].access_token.${message}`)])
  })

  test('only clients that are there and authenticate are named for introspection', () => {
    const text = `resources:
  - resource: https://legacy.example.com
    access_token: { format: opaque, introspected_by: [backend, wep, web] }
`
    const backend = { client_id: 'backend', client_secret: { generate: true }, grant_types: ['client_credentials'] }
    const catalog = catalogOf({ clients: [backend] })
    const asker = 'seed.yaml:3: resources[0].access_token.introspected_by: '
    const web = client('    redirect_uris: [https://a.example.com/cb]\n')
    expect(lines(text + web, catalog)).toEqual([
      `${asker}no such client is registered; did you mean web?`,
      `${asker}web has token_endpoint_auth_method none, so that anybody could ask in its name`,
    ])
    expect(lines(text + web, catalog, true)[0]).toBe(`${asker}no such client is registered`)
    const legacy = {
      resource: 'https://legacy.example.com',
      access_token: { format: 'opaque', introspected_by: ['web'] },
    }
    expect(lines(web, catalogOf({ resources: [legacy] }))).toEqual([
      'seed.yaml:3: clients[0].token_endpoint_auth_method: https://legacy.example.com names it in introspected_by, so that it must authenticate',
    ])
  })

  test('identities go into the tokens of an API that only our own clients ask for', () => {
    const text = `resources:
  - resource: https://api.example.com
    scopes: [orders:read]
    access_token: { claims: [nickname, identities] }
`
    const asks = '    redirect_uris: [https://a.example.com/cb]\n    scope: openid orders:read\n'
    expect(lines(text + client(asks), catalogOf({}))).toEqual([
      'seed.yaml:4: resources[0].access_token.claims: identities is only for first_party clients, and web asks for this resource',
    ])
    expect(lines(text + client(`    first_party: true\n${asks}`), catalogOf({}))).toEqual([])
  })

  test('a scope does not disappear under a client that no file mentions', () => {
    const text = 'resources:\n  - resource: https://api.example.com\n    scopes: [orders:read]\n'
    const other = { client_id: 'other', scope: 'openid orders:write' }
    expect(lines(text, catalogOf({ resources: [api], clients: [other] }))).toEqual([
      'seed.yaml:3: resources[0].scopes: orders:write is gone, but the registered client other asks for it',
    ])
    expect(lines(text, catalogOf({ resources: [api], clients: [other] }), true)).toEqual([])
  })
})
