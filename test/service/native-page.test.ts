import { afterAll, beforeAll, expect, onTestFinished, test } from 'vitest'
import { Installations } from '../../sandbox/demo/native-installations.ts'
import { sdkKinds } from '../../sandbox/demo/native-sdk.ts'
import type { Visitor } from '../support/visitor.ts'
import { openWorld, type World } from '../support/world.ts'

let world: World
beforeAll(async () => {
  world = await openWorld({ stores: 'tables' })
})
afterAll(() => world.close())

const path = '/sandbox/native'

function credential(form: Readonly<Record<string, string>>, headers = {}): Promise<Response> {
  return fetch(`${world.issuer}${path}/credential`, { method: 'POST', headers, body: new URLSearchParams(form) })
}

test.each(Object.keys(sdkKinds))('what the SDK of %s gives is handed out anew each time', async (kind) => {
  const [first, second] = await Promise.all(
    [1, 2].map(async () => (await credential({ kind, person: 'lintao' })).json() as Promise<Record<string, string>>),
  )
  expect(first?.['method']).toBe(second?.['method'])
  expect(first).not.toEqual(second)
})

test.each([
  { kind: 'fax', person: 'lilei' },
  { kind: 'constructor', person: 'lilei' },
  { kind: 'qq_app', person: 'nobody' },
])('there is nothing for %o', async (form) => {
  expect((await credential(form)).status).toBe(400)
})

test('pages of other sites get nothing and move nothing', async () => {
  const headers = { 'sec-fetch-site': 'cross-site' }
  expect((await credential({ kind: 'qq_app' }, headers)).status).toBe(403)
  expect((await world.visitor().post(path, { action: 'refresh' }, headers)).status).toBe(403)
})

const begin = (visitor: Visitor, form: Readonly<Record<string, string>>) =>
  visitor.post(path, { action: 'begin', purpose: 'login', ...form })

test('a password and the header Authorization are not on the page', async () => {
  const visitor = world.visitor()
  await begin(visitor, { way: 'password', identifier: 'lilei', password: 'not-for-the-screen', agree: 'on' })
  const { text } = await visitor.get(path)
  expect(text).toContain('identifier=lilei')
  expect(text).not.toContain('not-for-the-screen')
  await begin(visitor, { way: 'univerify', person: 'weifang', agree: 'on' })
  await begin(visitor, { way: 'wechat_mini_program', person: 'weifang', agree: 'on' })
  await visitor.post(path, { action: 'go_on', choice: 'new' })
  await visitor.post(path, { action: 'orders' })
  const after = (await visitor.get(path)).text
  expect(after).toContain('GET /sandbox/api/orders')
  expect(after).toContain('authorization: Bearer ••••••')
})

test('a token is taken from the carrier’s page that this app opened, and from it once', async () => {
  const { carrier_token = '', openid = '' } = (await (await credential({ kind: 'univerify' })).json()) as Record<
    string,
    string
  >
  const visitor = world.visitor()
  const left = await begin(visitor, { way: 'univerify', person: 'lilei', agree: 'on' })
  const returnTo = new URL(new URL(left.location ?? '').searchParams.get('return_to') ?? '')
  const back = (state: string) =>
    `${returnTo.pathname}?${new URLSearchParams({ state, access_token: carrier_token, openid })}`
  const state = returnTo.searchParams.get('state') ?? ''
  expect((await visitor.get(back('of-another-app'))).status).toBe(400)
  expect((await world.visitor().get(back(state))).status).toBe(400)
  expect((await visitor.get(path)).text).not.toMatch(/HTTP \d/)
  expect((await visitor.get(back(state))).status).toBe(303)
  expect((await visitor.get(path)).text).toContain('&#34;phone_number&#34;: &#34;+8613800138000&#34;')
  expect((await visitor.get(back(state))).status).toBe(400)
})

test('one visitor’s app is not another’s', async () => {
  const visitor = world.visitor()
  await begin(visitor, { way: 'qq_app', person: 'lilei', agree: 'on' })
  expect((await visitor.get(path)).text).toContain('HTTP 400')
  expect((await world.visitor().get(path)).text).not.toContain('HTTP 400')
})

test('with real connections the page says what it lacks, and offers what is left', async () => {
  const connections = '[{ type: qq, client_id: "101", client_secret: given }]'
  const real = await openWorld({ stores: 'tables', env: { MENSHEN_CONNECTIONS: connections } })
  onTestFinished(() => real.close())
  const { text } = await real.visitor().get(path)
  expect(text).toContain('所以这里只有短信和密码')
  expect(text).not.toContain('way=univerify')
  expect(text).toContain('way=password')
  const refused = await real.visitor().post(path, { action: 'begin', way: 'qq_app', person: 'lilei' })
  expect(refused.status).toBe(400)
})

test('apps are kept for so many visitors; the one used longest ago makes room', () => {
  const kept = new Installations('http://localhost')
  const keys = Array.from({ length: 200 }, () => kept.add().key)
  expect(new Set(keys).size).toBe(200)
  expect(kept.find(keys[0])).toBeDefined()
  kept.add()
  expect(kept.find(keys[0])).toBeDefined()
  expect(kept.find(keys[1])).toBeUndefined()
})

test.each([
  {
    ...{ language: 'zh-CN', person: 'lilei', merged: '两个账号已合并。', parted: '现在又是两个账号了。' },
    ...{ asked: '已提交注销', leaving: '撤销注销并登录' },
  },
  {
    ...{
      language: 'en',
      person: 'hanmeimei',
      merged: 'Both are one account now.',
      parted: 'These are two accounts again.',
    },
    ...{ asked: 'Deletion was asked for', leaving: 'Cancel deletion and sign in' },
  },
])('two accounts become one and two again, and one is deleted and kept: $language', async (words) => {
  const { language, person } = words
  const visitor = world.visitor()
  const acts = async (form: Readonly<Record<string, string>>) => {
    const headers = { 'accept-language': language }
    await visitor.post(path, form, headers)
    return (await visitor.get(path, headers)).text
  }
  const logsIn = (way: string, purpose = 'login') => acts({ action: 'begin', way, person, purpose, agree: 'on' })
  for (const way of ['qq_app', 'wechat_app']) {
    await acts({ action: 'logout' })
    await logsIn(way)
    await acts({ action: 'go_on', choice: 'new' })
  }
  expect(await acts({ action: 'merges' })).toContain('?purpose=merge')
  const question = await logsIn('qq_app', 'merge')
  const [, into = ''] = /name="into"[\s\S]*?value="(usr_\w+)">/.exec(question) ?? []
  const [, own = ''] = /&#34;sub&#34;: &#34;(usr_\w+)/.exec(question) ?? []
  expect(question).toContain('name="choice" value="merge"')
  expect(into).not.toBe('')
  const one = await acts({ action: 'go_on', choice: 'merge', into: own })
  expect(one).toContain(words.merged)
  const [, merge = ''] = /name="merge" value="(mrg_\w+)"/.exec(one) ?? []
  expect(await acts({ action: 'undo_merge', merge })).toContain(words.parted)
  await logsIn('wechat_app')
  expect(await acts({ action: 'deletion' })).toContain('value="ask_deletion"')
  expect(await acts({ action: 'ask_deletion' })).toContain(words.asked)
  expect(await logsIn('wechat_app')).toContain(words.leaving)
  expect(await acts({ action: 'go_on', choice: 'undo_deletion' })).toContain('value="logout"')
})
