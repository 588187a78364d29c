import { afterAll, beforeAll, expect, test } from 'vitest'
import { formToken } from '../support/account.ts'
import { clients, redirectUri, resources } from '../support/clients.ts'
import { loginBySms, startLogin } from '../support/login.ts'
import type { Visitor } from '../support/visitor.ts'
import { openWorld, type World } from '../support/world.ts'

// An account that has thousands of logins, from before they took each other's place.

let world: World
let visitor: Visitor
const apps = 3000

beforeAll(async () => {
  world = await openWorld()
  await world.register({ clients, resources })
  visitor = world.visitor()
  await loginBySms(world, visitor, startLogin(world, 'web', redirectUri), '13800138000')
  await world.database.database.knex.raw(
    `insert into oidc_records (model, id, payload, grant_id, user_id, expires_at, about)
     select model, prefix || i, jsonb_build_object('clientId', 'native', 'iat', 1770000000 + i)::text,
       case model when 4 then 'g' || i end, users.id, now() + interval '9 days',
       case model when 2 then jsonb_build_object('method', 'sms', 'ip', '203.0.113.7',
         'device', case when i % 2 = 0 then 'phone ' || i / 10 end)::text end
     from users, generate_series(1, ${apps}) i, (values (2, 'g'), (4, 't')) as kinds(model, prefix)`,
  )
})
afterAll(() => world.close())

const devices = '/account/devices'
const valuesOf = (text: string) => [...text.matchAll(/name="device" value="([^"]+)"/g)].map(([, value = '']) => value)
const olderOf = (text: string) => /href="([^"]*after=[^"]*)"/.exec(text)?.[1]?.replaceAll('&amp;', '&')

test('a page holds fifty, this browser first, and is small', async () => {
  const { text } = await visitor.get(devices)
  expect(valuesOf(text)).toHaveLength(49)
  expect(text.indexOf('本机')).toBeLessThan(text.indexOf('name="device"'))
  expect(Buffer.byteLength(text)).toBeLessThan(100_000)
  // Nobody scrolls past dozens of logins to find the button that ends them.
  expect(text.indexOf('value="others"')).toBeLessThan(text.indexOf('name="device"'))
  expect(text.split('value="others"')).toHaveLength(2)
})

test('pages follow each other without a login twice, those of one device beside each other', async () => {
  const seen: string[] = []
  let path: string | undefined = devices
  for (let pages = 0; pages < 4; pages++) {
    const { text } = await visitor.get(path ?? '')
    seen.push(...valuesOf(text))
    expect(text).toContain('同一设备')
    path = olderOf(text)
  }
  expect(seen).toHaveLength(199)
  expect(new Set(seen).size).toBe(199)
})

test('a login of a later page can be ended there, and a page whose place has gone begins again', async () => {
  const first = await visitor.get(devices)
  const second = await visitor.get(olderOf(first.text) ?? '')
  const [value = ''] = valuesOf(second.text)
  const done = await visitor.follow(await visitor.post(devices, { form_token: formToken(second), device: value }))
  expect(done.text).toContain('已退出所选登录')
  const again = await visitor.get(`${devices}?after=${value.replace('grant:', '')}`)
  expect(again.status).toBe(200)
  expect(again.text).toContain('本机')
})

test('the start page counts them without reading them', async () => {
  expect((await visitor.get('/account')).text).toContain(String(apps))
})
