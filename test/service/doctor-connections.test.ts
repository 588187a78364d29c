import { generateKeyPairSync } from 'node:crypto'
import { createServer, type RequestListener } from 'node:http'
import type { AddressInfo } from 'node:net'
import { beforeEach, expect, onTestFinished, test } from 'vitest'
import { startUpstreams } from '../../sandbox/upstreams.ts'
import { skewFinding } from '../../src/cli/doctor-connections.ts'
import { openShell, type Shell } from '../support/cli.ts'
import { freePort } from '../support/services.ts'

interface Check {
  readonly name: string
  readonly status: 'ok' | 'todo' | 'warn' | 'fail'
  readonly detail: string
  readonly advice?: string
}

const hidden = 'canary-secret'
let shell: Shell

beforeEach(async () => {
  shell = await openShell()
  const { close } = shell
  onTestFinished(close)
})

/** What the doctor says about connections, with the issuer away: nothing else of the machine matters here. */
async function examine(
  connections: readonly object[],
  env: Record<string, string> = {},
  section = 'connection',
): Promise<Check[]> {
  const settings = { MENSHEN_CONNECTIONS: JSON.stringify(connections), ISSUER: `http://localhost:${await freePort()}` }
  const { stdout } = await shell.runWith({ ...settings, ...env }, 'doctor', '--json')
  expect(stdout).not.toContain(hidden)
  const { checks } = JSON.parse(stdout) as { checks: Check[] }
  const found = checks.filter(({ name }) => name.startsWith(section))
  expect(found.filter((check) => (check.status === 'ok') !== (check.advice === undefined))).toEqual([])
  return found
}

const told = (checks: readonly Check[]) => checks.map(({ name, status, detail }) => `${status} ${name}: ${detail}`)
const outside = { ISSUER: 'https://login.example.cn', MENSHEN_SANDBOX_EXPOSED: 'true' }

async function serve(listener: RequestListener): Promise<string> {
  const server = createServer(listener)
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  onTestFinished(() => void server.close())
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`
}

function applePrivateKey(): string {
  const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
  return privateKey.export({ type: 'pkcs8', format: 'pem' }).toString()
}

const apple = (issuer: string) => ({
  type: 'apple',
  client_id: 'cn.example.web',
  team_id: 'DEF123GHIJ',
  key_id: 'ABC123DEFG',
  private_key: applePrivateKey(),
  issuer,
})
const aliyunAt = (endpoint: string) => ({
  vendor: 'aliyun',
  access_key_id: 'id',
  access_key_secret: hidden,
  endpoint,
})
const corp = (issuer: string) => ({
  type: 'oidc',
  id: 'corp',
  name: 'corp',
  client_id: 'c',
  client_secret: hidden,
  issuer,
})

test('says of each connection, in the words of the vendor’s console, what must be entered there', async () => {
  const { env, close } = await startUpstreams({ issuer: 'http://localhost:3000', clock: () => 0 })
  const settings = JSON.parse(String(env['MENSHEN_CONNECTIONS']))
  onTestFinished(close)
  const checks = await examine(settings, outside)
  const lines = told(checks)
  for (const line of [
    'todo connection wechat: WeChat website app: 授权回调域 = login.example.cn',
    'todo connection wechat: WeChat website app: reviewed (审核通过), with 微信登录 granted',
    'todo connection wechat: WeChat official account: 网页授权域名 = login.example.cn',
    'todo connection wechat: WeChat official account: a verified service account (已认证的服务号)',
    'todo connection qq: QQ: 网站回调域 = https://login.example.cn/callback/qq',
    'todo connection weibo: Weibo: 授权回调页 = https://login.example.cn/callback/weibo',
    'todo connection github: GitHub: Authorization callback URL = https://login.example.cn/callback/github',
    'todo connection apple: Apple, Services ID: Domains and Subdomains = login.example.cn',
    'todo connection apple: Apple, Services ID: Return URLs = https://login.example.cn/callback/apple',
    'todo connection apple: Apple, App ID: Server-to-Server Notification Endpoint = https://login.example.cn/notifications/apple',
    'todo connection apple: Apple, App ID with Sign in with Apple = sandbox.menshen.app',
    'ok connection apple: the key SANDBOXKEY can sign client secrets (ES256)',
    'ok connection apple: reached, publishes 3 keys',
    'todo connection oidc: redirect URI = https://login.example.cn/callback/oidc',
    'ok connection oidc: its clock and this machine’s agree',
  ]) {
    expect(lines).toContain(line)
  }
  expect(lines).toContainEqual(
    expect.stringMatching(/^todo connection wechat: WeChat: wx\w+(, wx\w+){3} are bound to one Open Platform account/),
  )
  expect(checks.filter(({ status }) => status === 'todo').every(({ advice }) => advice?.startsWith('look at '))).toBe(
    true,
  )
})

test('an issuer that is not https is a warning, and for Apple the end', async () => {
  const away = `http://127.0.0.1:${await freePort()}`
  const checks = await examine([{ type: 'qq', client_id: '101', client_secret: hidden, graph_url: away }, apple(away)])
  const about = checks.filter(({ advice }) => advice?.startsWith('set ISSUER'))
  expect(about).toMatchObject([
    { name: 'connection qq', status: 'warn' },
    { name: 'connection apple', status: 'fail', detail: expect.stringContaining('Apple sends nobody back to http:') },
  ])
})

test('an upstream that is away, is none, or shows a false certificate is a failure', async () => {
  const away = `http://127.0.0.1:${await freePort()}`
  const page = await serve((_, response) => response.end('<html>'))
  const github = { type: 'github', client_id: 'c', client_secret: hidden }
  const checks = await examine([
    { ...github, web_url: away, api_url: away },
    { ...github, id: 'ghe', web_url: page.replace('http:', 'https:'), api_url: page.replace('http:', 'https:') },
    apple(page),
    corp(away),
  ])
  expect(told(checks).filter((line) => line.startsWith('fail'))).toEqual([
    expect.stringMatching(/^fail connection github: client_id c: POST http:\S+: unreachable, ECONNREFUSED$/),
    expect.stringMatching(/^fail connection github: api_url: GET http:\S+\/user: unreachable, ECONNREFUSED$/),
    expect.stringMatching(/^fail connection ghe: client_id c: POST https:/),
    expect.stringMatching(/^fail connection ghe: api_url: GET https:/),
    expect.stringContaining('Apple sends nobody back'),
    expect.stringMatching(/^fail connection apple: http:\S+\/auth\/keys is not JSON$/),
    expect.stringMatching(/^fail connection corp: GET http:\S+openid-configuration: unreachable, ECONNREFUSED$/),
  ])
})

test('an upstream that takes the connection and says nothing is given up on', async () => {
  const silent = await serve(() => {})
  const startedAt = performance.now()
  const checks = await examine([corp(silent)])
  expect(told(checks).at(-1)).toMatch(/^fail connection corp: .*TimeoutError$/)
  expect(performance.now() - startedAt).toBeLessThan(30_000)
})

test('a provider that calls itself otherwise is a failure, a slash at the end is not', async () => {
  const other = await serve((_, response) => response.end('{"issuer":"https://other.example"}'))
  const [, , finding] = await examine([corp(other)])
  expect(finding).toMatchObject({
    status: 'fail',
    detail: expect.stringContaining('discovery says issuer https://other'),
  })
  const same: string = await serve((_, response) => response.end(JSON.stringify({ issuer: `${same}/` })))
  expect((await examine([corp(same)]))[2]).toMatchObject({ status: 'ok' })
})

test('a clock out of step is told where signatures depend on it', async () => {
  const late = await serve((_, response) => {
    response.sendDate = false
    response.setHeader('date', new Date(Date.now() - 120_000).toUTCString()).end('{"keys":[{}]}')
  })
  const checks = await examine([apple(late)])
  expect(checks.at(-1)).toMatchObject({
    status: 'fail',
    detail: expect.stringMatching(/^its clock is 1[12]\d s behind this machine’s$/),
    advice: expect.stringContaining('time service'),
  })
})

test.each([
  [3, 'ok'],
  [-30, 'warn'],
  [61, 'fail'],
])('a clock %i s apart is %s', (seconds, status) => {
  expect(skewFinding('apple', seconds)).toMatchObject({ status })
})

test('ids that look mistyped, and a scope that makes second accounts, are warnings', async () => {
  const url = await serve((_, response) => response.end())
  const app = { appid: 'gh_1', secret: hidden }
  const checks = await examine([
    {
      type: 'wechat',
      website: app,
      official_account: { ...app, appid: 'wx0123456789abcdef', scope: 'snsapi_base' },
      api_url: url,
    },
    { type: 'weibo', client_id: 'key', client_secret: hidden, api_url: url },
    { type: 'qq', client_id: '101', client_secret: hidden, mobile_app: { appid: 'app' }, graph_url: url },
    { type: 'wechat', id: 'empty', account: 'main', mini_program: { ...app, appid: 'gh_2' }, api_url: url },
    { type: 'wechat', id: 'none', api_url: url },
  ])
  const lines = told(checks)
  expect(lines).toContain('warn connection wechat: appid gh_1 is not wx and 16 characters')
  expect(lines).toContainEqual(expect.stringMatching(/^warn connection wechat: snsapi_base gives no unionid/))
  expect(lines).toContain('warn connection weibo: id key is not all digits')
  expect(lines).toContain('warn connection qq: id app is not all digits')
  expect(lines).toContain('warn connection empty: appid gh_2 is not wx and 16 characters')
  expect(lines).toContain('fail connection none: has no app')
})

test('an address in the clear outside the sandbox is a failure, and nothing is sent there', async () => {
  let requests = 0
  const plain = await serve((_, response) => {
    requests += 1
    response.end('{}')
  })
  const checks = await examine([corp(plain)], { ...outside, MENSHEN_SANDBOX: 'false' })
  expect(told(checks)).toContain(`fail connection corp: ${plain} is not https`)
  expect(requests).toBe(0)
})

test('a bundle id where the Services ID belongs is a failure', async () => {
  const settings = {
    ...apple(await serve((_, response) => response.end('{"keys":[{}]}'))),
    bundle_ids: ['cn.example.web'],
  }
  expect(told(await examine([settings]))).toContain('fail connection apple: client_id is a bundle id')
})

test('says of each one-tap vendor what only its console can tell', async () => {
  const function_url = `${await serve((_, response) => response.end())}/get-phone-number`
  const univerify = { vendor: 'univerify', function_url, secret: `${hidden}-of-the-function`, protocol: 'sample' }
  const checks = await examine([], { MENSHEN_ONE_TAP: JSON.stringify([univerify, aliyunAt(function_url)]) }, 'one_tap')
  expect(told(checks)).toEqual([
    'todo one_tap univerify: DCloud: the function asks for the appid of the app',
    expect.stringMatching(/^warn one_tap univerify: a call that somebody records can be repeated/),
    'fail one_tap univerify: function_url: unparsable: an odd answer, as of somebody else',
    'todo one_tap aliyun: Aliyun RAM: the access key may call dypns:VerifyMobile too',
    'todo one_tap aliyun: Aliyun: a scheme (认证方案) has package name and signature, or bundle id, of each app',
    'fail one_tap aliyun: access key id: unparsable: an odd answer, as of somebody else',
  ])
})

test('a key of Apple that does not parse is told by the configuration', async () => {
  const connections = [{ ...apple('https://appleid.apple.com'), private_key: hidden }]
  const { status, stdout } = await shell.runWith({ MENSHEN_CONNECTIONS: JSON.stringify(connections) }, 'doctor')
  expect(status).toBe(1)
  expect(stdout).toContain('connections[0].private_key: expected the content of the .p8 file of the key')
  expect(stdout).not.toContain(hidden)
})
