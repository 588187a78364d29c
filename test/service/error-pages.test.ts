import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { clients, redirectUri, resources } from '../support/clients.ts'
import { reachLogin, startLogin } from '../support/login.ts'
import { type Answer, errorIn } from '../support/visitor.ts'
import { openWorld, type World } from '../support/world.ts'

const home = 'https://shop.example/home'

describe('pages of errors', () => {
  let world: World

  beforeAll(async () => {
    world = await openWorld({ stores: 'tables', env: { MENSHEN_BRAND__HOME_URL: home } })
    await world.register({ clients, resources })
  })
  afterAll(() => world.close())

  const headers = { accept: 'text/html', 'accept-language': 'zh-CN' }
  const seen = ({ text }: Answer) =>
    text.replace(/<head>.*?<\/head>|<details[^>]*>.*?<\/details>|<nav.*?<\/nav>/gs, '').replace(/<[^>]*>/g, ' ')

  /** Somebody astray in each way there is. */
  const astray: readonly (readonly [string, () => Promise<Answer>])[] = [
    ['no page', () => world.visitor().get('/no-such-page', headers)],
    ['no client', () => world.visitor().get('/auth?client_id=nobody&response_type=code&scope=openid', headers)],
    [
      'a wrong redirect',
      () => world.visitor().get(startLogin(world, 'plain', 'https://evil.example/cb').href, headers),
    ],
    ['a login that is over', () => world.visitor().get('/interaction/over', headers)],
    ['a form that is over', () => world.visitor().post('/interaction/over', { method: 'sms' }, headers)],
    ['an answer for nobody', () => world.visitor().get('/callback/github?state=x&code=y', headers)],
    ['a method that is none', () => world.visitor().post('/no-such-page', {}, headers)],
  ]

  test.each(astray)(
    '%s: there is a way on, another language, and a reference only for who opens it',
    async (_, ask) => {
      const page = await ask()
      expect(page.status).toBeGreaterThanOrEqual(400)
      expect(page.text).toContain('<a class="button')
      expect(page.text).toContain(`href="${home}"`)
      expect(page.text).toMatch(/<a href="[^"]*lang=en" lang="en"/)
      expect(page.text).toMatch(/<details class="help">.*<code>[a-z_.]+<\/code>.*<\/details>/s)
      expect(seen(page)).not.toContain(errorIn(page) ?? 'no code')
    },
  )

  test('the page that does not exist is called so, and is read in the other language at its own address', async () => {
    const visitor = world.visitor()
    const page = await visitor.get('/no-such-page?a=1', headers)
    expect(page.text).toMatch(/<title>[^<]*页面不存在/)
    const switched = await visitor.get('/no-such-page?a=1&lang=en', headers)
    expect([switched.status, switched.location]).toEqual([303, '/no-such-page?a=1'])
    expect((await visitor.get('/no-such-page?a=1', headers)).text).toMatch(/<title>[^<]*Page not found/)
  })

  test('a refused form keeps the languages, shows no code, and asks for what is missing by its name', async () => {
    const visitor = world.visitor()
    const page = await reachLogin(visitor, startLogin(world, 'plain', redirectUri))
    const refused = await visitor.post(page.url, { method: 'sms', phone: ' ', agreement: 'on' }, headers)
    expect([refused.status, errorIn(refused)]).toEqual([400, 'phone.missing'])
    expect(seen(refused)).toContain('请输入手机号')
    expect(seen(refused)).not.toMatch(/phone\.missing|请求编号/)
    expect(refused.text).toMatch(/<a href="[^"]*lang=en" lang="en"/)
  })
})
