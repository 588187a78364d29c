import { generateKeyPairSync } from 'node:crypto'
import { describe, expect, test } from 'vitest'
import { type ConnectionOptions, connectionOptions, namespacesOf } from '../../interactions/upstreams/connections.ts'
import { ConfigError, loadConfig } from '../../src/config/config.ts'

const production = { allowInsecure: false }
const sandbox = { allowInsecure: true }
const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
const private_key = privateKey.export({ type: 'pkcs8', format: 'pem' }).toString()

const github = (more: object = {}) => ({ type: 'github', client_id: 'c', client_secret: 's', ...more })
const server = (web: string, api = web) => github({ web_url: web, api_url: api })
const oidc = (issuer: string, more: object = {}) => ({ type: 'oidc', name: 'corp', client_id: 'c', issuer, ...more })
const apple = (team_id: string, more: object = {}) => ({
  ...{ type: 'apple', client_id: 'c', key_id: 'K', private_key, team_id },
  ...more,
})
const wechat = (appid: string, more: object = {}) => ({ type: 'wechat', website: { appid, secret: 's' }, ...more })
const qq = (client_id: string, more: object = {}) => ({ type: 'qq', client_id, client_secret: 's', ...more })
const weibo = (more: object = {}) => ({ type: 'weibo', client_id: 'c', client_secret: 's', ...more })

const parsed = (settings: object): ConnectionOptions => connectionOptions.parse(settings)
const nameOf = (settings: object, where = production) => namespacesOf([parsed(settings)], where)[0]?.provider
const issuerOf = (settings: object) => namespacesOf([parsed(settings)], production)[0]?.issuer

describe('what a connection’s identities are filed under', () => {
  test.each([
    ['github.com', github(), 'github'],
    ['github.com under its other name', server('https://www.GitHub.com./', 'https://api.github.com'), 'github'],
    [
      'an Enterprise Server',
      server('https://GHE.example.cn', 'https://ghe.example.cn/api/v3'),
      'github:ghe.example.cn',
    ],
    ['one on another port', server('https://ghe.example.cn:8443'), 'github:ghe.example.cn:8443'],
    ['one on the usual port', server('https://ghe.example.cn:443'), 'github:ghe.example.cn'],
    ['one with a dot at the end', server('https://ghe.example.cn.'), 'github:ghe.example.cn'],
    ['one that is called github', server('https://github'), 'github:github'],
    ['one whose name only looks like it', server('https://github.com.example.cn'), 'github:github.com.example.cn'],
    ['one with an international name', server('https://代码.example'), 'github:xn--mnq551h.example'],
    ['a company at ghe.com', server('https://tea.ghe.com', 'https://api.tea.ghe.com'), 'github:tea.ghe.com'],
    ['an OpenID provider', oidc('https://sso.example.cn'), 'oidc:corp'],
    ['WeChat', wechat('wx1'), 'wechat'],
    ['a second Open Platform account', wechat('wx1', { account: 'staff' }), 'wechat:staff'],
    ['the first Open Platform account by its name', wechat('wx1', { account: 'main' }), 'wechat'],
    ['a second QQ account', qq('101', { account: 'staff' }), 'qq:staff'],
    ['a second Apple team', apple('T1', { account: 'staff' }), 'apple:staff'],
    ['Weibo, whose uids are the same for every app', weibo(), 'weibo'],
  ])('%s', (_, settings, provider) => {
    expect(nameOf(settings)).toBe(provider)
  })

  test('in the sandbox a server on this machine is told by its connection, because its port changes', () => {
    expect(nameOf(server('http://127.0.0.1:4001'), sandbox)).toBe('github')
    expect(nameOf({ ...server('http://127.0.0.1:4002'), id: 'ghe' }, sandbox)).toBe('github:ghe')
    expect(nameOf(server('https://127.0.0.1:4001'))).toBe('github:127.0.0.1:4001')
  })

  test('all addresses of WeChat’s API are WeChat, and no other is', () => {
    const of = (api_url: string) => issuerOf(wechat('wx1', { api_url }))
    expect(of('https://api.weixin.qq.com')).toBe('weixin.qq.com')
    expect(of('https://sh.api.weixin.qq.com')).toBe('weixin.qq.com')
    expect(of('https://api.weixin.qq.com.example.cn')).toBe('api.weixin.qq.com.example.cn')
    expect(of('https://evilweixin.qq.com')).toBe('evilweixin.qq.com')
  })

  test('two servers behind one host are two', () => {
    const of = (api_url: string) => issuerOf(qq('101', { graph_url: api_url }))
    expect(of('https://gateway.example.cn/qq/')).toBe('gateway.example.cn/qq')
    expect(of('https://gateway.example.cn/test')).not.toBe(of('https://gateway.example.cn/qq'))
  })
})

/** What `config check` says of these connections. */
function problems(connections: readonly object[], env: Record<string, string> = {}): string[] {
  try {
    loadConfig({ env: { MENSHEN_CONNECTIONS: JSON.stringify(connections), ...env }, cwd: '/' })
    return []
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error
    return error.problems.map(({ path, message }) => `${path}: ${message}`)
  }
}

describe('two connections with one name', () => {
  const second = { id: 'second' }

  test.each([
    ['two apps at github.com', [github(), github(second)]],
    ['github.com and an Enterprise Server', [github(), { ...server('https://ghe.example.cn'), ...second }]],
    ['two clients at one OpenID provider', [oidc('https://a.example'), oidc('https://a.example/', second)]],
    [
      'two OpenID providers with two names',
      [oidc('https://a.example'), oidc('https://b.example', { ...second, name: 'b' })],
    ],
    ['two connections with one app of WeChat', [wechat('wx1'), wechat('wx1', second)]],
    ['apps said to be of one account', [wechat('wx1'), wechat('wx2', { ...second, account: 'main' })]],
    ['apps of two accounts', [wechat('wx1'), wechat('wx2', { ...second, account: 'staff' })]],
    ['two connections of one Apple team', [apple('T1'), apple('T1', second)]],
    ['two Apple teams, one named', [apple('T1'), apple('T2', { ...second, account: 'staff' })]],
    ['two apps at Weibo', [weibo(), weibo(second)]],
  ])('%s: fine', (_, connections) => {
    expect(problems(connections)).toEqual([])
  })

  const mainOrOwn = 'give it an `account` of its own, or `account: main` if both are of one'
  test.each([
    ['two OpenID providers', [oidc('https://a.example'), oidc('https://b.example', second)], 'give it another `name`'],
    [
      'two realms of one host',
      [oidc('https://a.example/x'), oidc('https://a.example/y', second)],
      'give it another `name`',
    ],
    ['apps of WeChat, of whose account nothing is said', [wechat('wx1'), wechat('wx2', second)], mainOrOwn],
    ['apps of QQ, of whose account nothing is said', [qq('101'), qq('102', second)], mainOrOwn],
    [
      'one account at two WeChats',
      [wechat('wx1', { account: 'a' }), wechat('wx2', { ...second, account: 'a', api_url: 'https://other.example' })],
      mainOrOwn,
    ],
    ['two Apple teams', [apple('T1'), apple('T2', second)], 'give it an `account` of its own'],
    [
      'two Apple teams with one name',
      [apple('T1', { account: 'a' }), apple('T2', { ...second, account: 'a' })],
      'give it an `account` of its own',
    ],
    ['two Weibos', [weibo(), weibo({ ...second, api_url: 'https://other.example' })], 'give both the same `api_url`'],
  ])('%s: refused, with what mends it', (_, connections, remedy) => {
    const [problem, ...more] = problems(connections)
    expect(problem).toMatch(/^connections\[1\]: would file people of .+ in connection \w+: /)
    expect(problem).toContain(remedy)
    expect(more).toEqual([])
  })

  test('two stand-ins on this machine with one name are refused in the sandbox too', () => {
    const [one, other] = [oidc('http://127.0.0.1:4001'), oidc('http://127.0.0.1:4002', second)]
    expect(problems([one, other])).toHaveLength(1)
  })

  test('what is refused for its settings is refused once, beside every other problem', () => {
    const broken = problems([oidc('https://a.example'), { ...oidc('https://b.example', second), client_id: 7 }])
    expect(broken).toEqual(['connections[1].client_id: expected text, found a number; put it in quotes'])
  })
})

describe('the two addresses of a GitHub server', () => {
  test.each([
    ['https://github.com', 'https://api.github.com'],
    ['https://tea.ghe.com', 'https://api.tea.ghe.com'],
    ['https://ghe.example.cn:8443', 'https://ghe.example.cn:8443/api/v3'],
  ])('%s with %s: one server', (web, api) => {
    expect(problems([server(web, api)])).toEqual([])
  })

  test.each([
    ['https://ghe.example.cn', 'https://api.github.com'],
    ['https://github.com', 'https://ghe.example.cn/api/v3'],
    ['https://ghe.example.cn', 'https://ghe.example.cn:8443'],
    ['https://ghe.example.cn', 'https://api.ghe.example.cn.evil.example'],
  ])('%s with %s: refused', (web, api) => {
    expect(problems([server(web, api)])).toEqual([
      'connections[0].api_url: is the API of another server than web_url: ids of one would be taken for ids of the other',
    ])
  })

  test('an Enterprise Server without the address of its API is refused: ids would be those of github.com', () => {
    expect(problems([github({ web_url: 'https://ghe.example.cn' })])).toHaveLength(1)
  })

  test('neither may be something else than an address, and only the API has a path', () => {
    expect(problems([server('nothing', 'https://a.example')])).toHaveLength(1)
    expect(problems([server('https://a.example/ghe', 'https://a.example')])).toEqual([
      'connections[0].web_url: expected the address of the server, without a path',
    ])
  })
})
