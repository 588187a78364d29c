import { decodeJwt } from 'jose'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { backendAuth, clients, resources } from '../support/clients.ts'
import { allows, boxes, granted } from '../support/consent.ts'
import { exchange, introspect, loginBySms, startLogin } from '../support/login.ts'
import type { Answer, Visitor } from '../support/visitor.ts'
import { openWorld, type World } from '../support/world.ts'

let world: World
let phones = 13_611_000_000
const uri = 'https://third.example.com/callback'
const ledgers = { opaque: 'https://ledger.example.com/opaque', jwt: 'https://ledger.example.com/jwt' }
const registry = 'https://registry.example.com/api/v1'
const areas = Array.from({ length: 100 }, (_, index) => `area-${index}:read`)
const reports = 'https://reports.example.com'

beforeAll(async () => {
  world = await openWorld()
  const third = { token_endpoint_auth_method: 'none', redirect_uris: [uri] }
  await world.register({
    clients: [
      ...clients,
      { ...third, client_id: 'reporter', client_name: '报表', scope: 'openid reports:read reports:write' },
      { ...third, client_id: 'registry', scope: `openid ${areas.join(' ')}` },
      { ...third, client_id: 'keeper', client_name: '记账' },
      { ...third, client_id: 'teller', client_name: '问候' },
      { ...third, client_id: 'narrow', client_name: '便签', scope: 'openid profile' },
    ],
    resources: [
      ...resources,
      { resource: registry, scopes: areas },
      ...(['opaque', 'jwt'] as const).map((format) => ({
        resource: ledgers[format],
        scopes: ['look', 'change'],
        access_token: { format, claims: ['phone_number'], introspected_by: ['backend'] },
      })),
      {
        resource: reports,
        title: { 'zh-CN': '报表接口' },
        scopes: [
          {
            name: 'reports:read',
            title: { 'zh-CN': '查看报表', en: 'See reports' },
            description: { 'zh-CN': '读取您的报表。' },
            required: true,
          },
          'reports:write',
        ],
      },
    ],
  })
})
afterAll(() => world?.close())

const newPhone = () => String(++phones)
const start = (more: Record<string, string> = {}, client = 'third') => startLogin(world, client, uri, more)
const tokensOf = ({ location }: Answer, client = 'third') => exchange(world, client, uri, location)
const opens = async (visitor: Visitor, url: URL) => visitor.follow(await visitor.get(url))

describe('the parameter claims', () => {
  const claims = JSON.stringify({ userinfo: { phone_number: null, picture: null }, id_token: { acr: null } })
  const me = async (tokens: Readonly<Record<string, string>>) => {
    const headers = { authorization: `Bearer ${tokens['access_token']}` }
    return (await (await fetch(`${world.issuer}/me`, { headers })).json()) as Record<string, unknown>
  }

  test('is asked about in the words of the scope that releases a claim, and a box decides', async () => {
    const phone = newPhone()
    const visitor = world.visitor()
    const url = start({ scope: 'openid', claims }, 'teller')
    const page = await loginBySms(world, visitor, url, phone)
    expect(boxes(page).toSorted()).toEqual(['phone', 'profile'])
    const tokens = await tokensOf(await allows(visitor, page, 'phone'), 'teller')
    expect(granted(tokens)).toEqual(['openid'])
    const told = await me(tokens)
    expect(told).toMatchObject({ phone_number: `+86${phone}` })
    expect(told).not.toHaveProperty('picture')
    expect((await opens(visitor, url)).location).toContain('code=')
  })

  test('beside a scope that was allowed takes nothing away from it', async () => {
    const phone = newPhone()
    const visitor = world.visitor()
    const url = start({ scope: 'openid phone', claims: JSON.stringify({ userinfo: { phone_number: null } }) }, 'teller')
    const page = await loginBySms(world, visitor, url, phone)
    expect(boxes(page)).toEqual(['phone'])
    const tokens = await tokensOf(await allows(visitor, page, 'phone'), 'teller')
    expect(await me(tokens)).toMatchObject({ phone_number: `+86${phone}`, phone_number_verified: true })
  })

  test('cannot ask for what its app is not registered for', async () => {
    const visitor = world.visitor()
    const page = await loginBySms(world, visitor, start({ scope: 'openid profile', claims }, 'narrow'), newPhone())
    expect(boxes(page)).toEqual(['profile'])
    const tokens = await tokensOf(await allows(visitor, page, 'profile', 'phone'), 'narrow')
    expect(await me(tokens)).not.toHaveProperty('phone_number')
  })
})

describe('a scope that is taken back later', () => {
  const told = async (tokens: Readonly<Record<string, string>>) => {
    const { active, scope, phone_number } = await introspect(world, tokens['access_token'], backendAuth)
    return { active, scope: scope === undefined ? undefined : String(scope).split(' ').toSorted(), phone_number }
  }

  test.each(Object.entries(ledgers))(
    'is not told of a token that is out (%s), nor is what it released',
    async (_, resource) => {
      const visitor = world.visitor()
      const phone = newPhone()
      const key = (scope: string) => `${resource} ${scope}`
      const wanted = { scope: 'openid phone look change', resource }
      const page = await loginBySms(world, visitor, start(wanted, 'keeper'), phone)
      const tokens = await tokensOf(await allows(visitor, page, 'phone', key('look'), key('change')), 'keeper')
      expect(await told(tokens)).toEqual({ active: true, scope: ['change', 'look'], phone_number: `+86${phone}` })
      const again = await opens(visitor, start({ ...wanted, prompt: 'consent' }, 'keeper'))
      await allows(visitor, again, key('look'))
      expect(await told(tokens)).toEqual({ active: true, scope: ['look'], phone_number: undefined })
      await allows(visitor, await opens(visitor, start({ ...wanted, prompt: 'consent' }, 'keeper')))
      expect(await told(tokens)).toEqual({ active: true, scope: undefined, phone_number: undefined })
    },
  )
})

describe('the scopes of an API', () => {
  const asked = { scope: 'openid reports:read reports:write', resource: reports }

  test('are told in the words of its seed, in the language of the page, else by their names', async () => {
    const page = await loginBySms(world, world.visitor(), start(asked, 'reporter'), newPhone())
    expect(page.text).toContain('报表接口')
    expect(page.text).toMatch(/查看报表<\/strong> <span class="tag">必需<\/span>/)
    expect(page.text).toContain('读取您的报表。')
    expect(page.text).toContain('reports:write')
    expect(page.text).not.toContain('aria-describedby=""')
    const visitor = world.visitor()
    const english = await loginBySms(world, visitor, start({ ...asked, ui_locales: 'en' }, 'reporter'), newPhone())
    expect(english.text).toContain('See reports')
    expect(english.text).toContain('读取您的报表。')
  })

  test('that are required cannot be left out by who allows', async () => {
    const visitor = world.visitor()
    const page = await loginBySms(world, visitor, start(asked, 'reporter'), newPhone())
    expect(boxes(page)).toEqual([`${reports} reports:write`])
    const tokens = await tokensOf(await allows(visitor, page), 'reporter')
    expect(decodeJwt(tokens['access_token'] ?? '')).toMatchObject({ aud: reports, scope: 'reports:read' })
  })

  test('may be a hundred: each has its box, and each that is ticked is granted', async () => {
    const visitor = world.visitor()
    const url = start({ scope: `openid ${areas.join(' ')}`, resource: registry }, 'registry')
    const page = await loginBySms(world, visitor, url, newPhone())
    const all = boxes(page)
    expect(all).toHaveLength(100)
    const tokens = await tokensOf(await allows(visitor, page, ...all.slice(1)), 'registry')
    expect(String(decodeJwt(tokens['access_token'] ?? '')['scope']).split(' ')).toHaveLength(99)
    expect((await opens(visitor, url)).location).toContain('code=')
  })

  test('come in no form that is larger than any client’s, nor beside many other fields', async () => {
    const visitor = world.visitor()
    const page = await loginBySms(world, visitor, start(asked, 'reporter'), newPhone())
    const many = Array.from({ length: 260 }, (_, index) => `x${index}`)
    const answers = [
      await visitor.post(page.url, { choice: 'allow', scope: many }),
      await visitor.post(page.url, {
        choice: 'allow',
        ...Object.fromEntries(many.slice(0, 60).map((each) => [each, ''])),
      }),
    ]
    expect(answers.map(({ status }) => status)).toEqual([400, 400])
  })
})
