import { expect, test } from 'vitest'
import { nativeBindingMethods, nativeMethods } from '../../interactions/methods/method-registry.ts'
import { buildOneTapVendors, oneTapOptions } from '../../interactions/methods/one-tap.ts'
import { buildConnectors, connectionOptions } from '../../interactions/upstreams/connections.ts'
import { httpClient } from '../../src/base/http.ts'
import { unshared } from '../support/unshared.ts'

const http = httpClient({ timeoutMs: 1 })
const outside = {
  metadata: http,
  http,
  clock: () => 0,
  shared: unshared,
  allowInsecure: false,
}
const app = { appid: 'wx0000000000000001', secret: 'secret' }
const connections = [
  { type: 'wechat', website: app, mobile_app: app },
  { type: 'wechat', id: 'second', mobile_app: app, mini_program: app },
  { type: 'qq', client_id: '1', client_secret: 'secret' },
  { type: 'github', client_id: '1', client_secret: 'secret' },
]
const aliyun = { vendor: 'aliyun', access_key_id: 'id', access_key_secret: 'secret' }
const unused = undefined as never
const registration = { phone: 'auto', username: 'open', email: 'open', upstream: 'ask' } as const

function tables(settings: readonly object[], vendors: readonly object[], methods: readonly string[]) {
  const connectors = buildConnectors(
    settings.map((each) => connectionOptions.parse(each)),
    outside,
  )
  const oneTap = buildOneTapVendors(
    vendors.map((each) => oneTapOptions.parse(each)),
    outside,
  )
  const given = { codes: unused, passwords: unused, spent: unused }
  const logins = nativeMethods({ ...given, options: { methods, connectors, oneTap, registration } })
  const bindings = nativeBindingMethods({ ...given, options: { channels: ['sms', 'email'], connectors, oneTap } })
  return { logins: [...logins.keys()], bindings: [...bindings.keys()] }
}

test('an app is offered what is set up for apps, each once, and neither registration nor reset', () => {
  expect(tables(connections, [aliyun], ['password', 'sms'])).toEqual({
    logins: ['password', 'sms', 'one_tap', 'wechat_app', 'wechat_mini_program'],
    bindings: ['sms', 'email', 'one_tap', 'wechat_app', 'wechat_mini_program'],
  })
})

test('what is not set up is not offered', () => {
  const website = [{ type: 'wechat', website: app }]
  expect(tables(website, [], ['sms'])).toEqual({ logins: ['sms'], bindings: ['sms', 'email'] })
})
