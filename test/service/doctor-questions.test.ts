import { afterAll, beforeAll, beforeEach, expect, onTestFinished, test } from 'vitest'
import type { Fault, Simulator } from '../../sandbox/simulators/simulator.ts'
import { askAll } from '../../src/cli/doctor-questions.ts'
import { openShell, type Shell } from '../support/cli.ts'
import { freePort } from '../support/services.ts'
import { openUpstreams, secret, type Upstreams } from '../support/upstreams.ts'

interface Check {
  readonly name: string
  readonly status: 'ok' | 'todo' | 'warn' | 'fail'
  readonly detail: string
  readonly advice?: string
}
type Settings = Readonly<Record<string, unknown>>

let upstreams: Upstreams
let shell: Shell
let issuer: string
const wrong = 'canary-secret-that-is-wrong'
const names = ['wechat', 'qq', 'weibo', 'github', 'apple', 'corp'] as const

beforeAll(async () => {
  issuer = `http://localhost:${await freePort()}`
  upstreams = await openUpstreams(issuer)
})
afterAll(() => upstreams?.close())
beforeEach(async () => {
  shell = await openShell()
  const { close } = shell
  onTestFinished(close)
  for (const simulator of Object.values(simulators())) simulator.faults.length = 0
})

const simulators = (): Readonly<Record<string, Simulator>> => {
  const { wechat, qq, weibo, github, apple, oidc, oneTap } = upstreams
  const { univerify, aliyun } = oneTap
  return { wechat, qq, weibo, github, apple, oidc, univerify: univerify.simulator, aliyun: aliyun.simulator }
}
const settingsOf = (env: Readonly<Record<string, string>>, name: string): Settings[] =>
  JSON.parse(env[name] ?? '[]') as Settings[]

/** What the doctor says of the vendors; `bend` changes their settings. */
async function examine({
  bend = (settings: Settings) => settings,
  env = {},
}: {
  bend?: (settings: Settings) => Settings
  env?: Record<string, string>
} = {}): Promise<{ of: (name: string) => Check[]; status: number; stdout: string }> {
  const all = upstreams.env(names)
  const { status, stdout } = await shell.runWith(
    {
      ISSUER: issuer,
      MENSHEN_CONNECTIONS: JSON.stringify(settingsOf(all, 'MENSHEN_CONNECTIONS').map(bend)),
      MENSHEN_ONE_TAP: JSON.stringify(settingsOf(all, 'MENSHEN_ONE_TAP').map(bend)),
      ...env,
    },
    'doctor',
    '--json',
  )
  expect(stdout).not.toContain(wrong)
  expect(stdout).not.toContain(secret)
  expect(stdout).not.toContain('BEGIN PRIVATE KEY')
  const { checks } = JSON.parse(stdout) as { checks: Check[] }
  return { status, stdout, of: (name) => checks.filter((check) => check.name === name && check.status !== 'todo') }
}

const told = (checks: readonly Check[]) => checks.map(({ status, detail }) => `${status} ${detail}`)

test('every vendor that knows this server says so to a code that nobody has made', async () => {
  const sent = Object.values(simulators()).map(({ requests }) => requests.length)
  const { of } = await examine()
  const answers = (name: string, id: string) =>
    told(of(name)).filter((line) => line.startsWith('ok') && line.includes(id))
  expect(answers('connection wechat', 'wx-')).toEqual([
    'ok website wx-website: 40029 to what was made up, so id and secret are right',
    'ok official_account wx-official-account: 40029 to what was made up, so id and secret are right',
    'ok API of official_account wx-official-account: answered, so id, secret and the address of this server are right',
    'ok mobile_app wx-mobile-app: 40029 to what was made up, so id and secret are right',
    'ok mini_program wx-mini-program: 40029 to what was made up, so id and secret are right',
    'ok API of mini_program wx-mini-program: answered, so id, secret and the address of this server are right',
  ])
  expect(answers('connection qq', '101')).toEqual([
    'ok client_id 101: 100019 to what was made up, so id and secret are right',
  ])
  expect(answers('connection weibo', '202')).toEqual([expect.stringMatching(/^ok client_id 202: 21325 /)])
  expect(answers('connection github', 'client_id')).toEqual([expect.stringMatching(/^ok client_id shop: bad_veri/)])
  expect(answers('connection github', 'api_url')).toEqual([
    'ok api_url: 401 to what was made up, so id and secret are right',
  ])
  expect(answers('connection apple', 'invalid_grant')).toEqual([
    expect.stringMatching(/^ok client_id com.example.shop: /),
    expect.stringMatching(/^ok bundle id com.example.shop.app: /),
  ])
  expect(answers('connection corp', 'client_id')).toEqual([expect.stringMatching(/^ok client_id shop: invalid_grant /)])
  expect(told(of('one_tap univerify'))).toEqual([
    'ok function_url: 5000 to what was made up, so id and secret are right',
  ])
  expect(told(of('one_tap aliyun'))).toEqual([
    expect.stringMatching(/^ok access key sandbox-dypns: isv.TOKEN_INVALID /),
  ])
  // A handful for each, once: nobody is locked out for having asked.
  const asked = Object.values(simulators()).map(({ requests }, index) => requests.length - (sent[index] ?? 0))
  expect(Math.max(...asked)).toBeLessThanOrEqual(6)
})

/** The same settings with every secret replaced. */
function withWrongSecrets(settings: Settings): Settings {
  return Object.fromEntries(
    Object.entries(settings).map(([name, value]) => {
      if (['secret', 'client_secret', 'access_key_secret'].includes(name)) return [name, wrong]
      if (name === 'key_id') return [name, 'OTHERKEY01']
      return [
        name,
        typeof value === 'object' && value !== null && !Array.isArray(value)
          ? withWrongSecrets(value as Settings)
          : value,
      ]
    }),
  )
}

test('a wrong secret is told of every vendor, and where to copy it from', async () => {
  const { of, status } = await examine({ bend: withWrongSecrets })
  expect(status).toBe(1)
  const fails = (name: string) => of(name).filter((check) => check.status === 'fail' && /secret/.test(check.detail))
  expect(fails('connection wechat').map(({ detail }) => detail)).toEqual([
    'website wx-website: 40125: the secret is wrong',
    'official_account wx-official-account: 40125: the secret is wrong',
    expect.stringMatching(/^API of official_account wx-official-account: 40(125|001): the secret is wrong$/),
    'mobile_app wx-mobile-app: 40125: the secret is wrong',
    'mini_program wx-mini-program: 40125: the secret is wrong',
    expect.stringMatching(/^API of mini_program wx-mini-program: 40(125|001): the secret is wrong$/),
  ])
  expect(fails('connection wechat').map(({ advice }) => advice?.match(/from (\S+ → \S+ → \S+),/)?.[1])).toEqual([
    'open.weixin.qq.com → 管理中心 → 网站应用',
    'mp.weixin.qq.com → 设置与开发 → 基本配置',
    'mp.weixin.qq.com → 设置与开发 → 基本配置',
    'open.weixin.qq.com → 管理中心 → 移动应用',
    'mp.weixin.qq.com → 开发管理 → 开发设置',
    'mp.weixin.qq.com → 开发管理 → 开发设置',
  ])
  expect(fails('connection qq')[0]).toMatchObject({ detail: 'client_id 101: 100009: the secret is wrong' })
  expect(fails('connection weibo')[0]).toMatchObject({ detail: 'client_id 202: 21324: the secret is wrong' })
  expect(fails('connection github')[0]).toMatchObject({
    detail: 'client_id shop: incorrect_client_credentials: the secret is wrong',
    advice: expect.stringContaining('Settings → Developer settings → OAuth Apps'),
  })
  expect(fails('connection apple')[0]).toMatchObject({
    detail: 'client_id com.example.shop: invalid_client: the secret is wrong',
  })
  expect(fails('connection corp')[0]).toMatchObject({ detail: 'client_id shop: invalid_client: the secret is wrong' })
  expect(fails('one_tap aliyun')[0]).toMatchObject({
    detail: 'access key sandbox-dypns: SignatureDoesNotMatch: the secret is wrong',
  })
  expect(of('one_tap univerify')).toMatchObject([
    {
      status: 'fail',
      detail: 'function_url: 500: an odd answer, as of somebody else',
      advice: expect.stringMatching(/^compare secret, protocol and address with the function/),
    },
  ])
})

test('an id the vendor does not know is told apart from a wrong secret', async () => {
  const bend = (settings: Settings) =>
    settings['type'] === 'qq'
      ? { ...settings, client_id: '999' }
      : settings['type'] === 'wechat'
        ? { ...settings, website: { appid: 'wx-of-nobody', secret } }
        : settings['vendor'] === 'aliyun'
          ? { ...settings, access_key_id: 'of-nobody' }
          : settings
  const { of } = await examine({ bend })
  expect(told(of('connection qq'))).toContain('fail client_id 999: 100008: the vendor does not know this id')
  expect(told(of('connection wechat'))).toContain('fail website wx-of-nobody: 40013: the vendor does not know this id')
  expect(told(of('one_tap aliyun'))).toEqual([
    'fail access key of-nobody: InvalidAccessKeyId.NotFound: the vendor does not know this id',
  ])
})

test('an address that is not on the white list is named, and where it must be added', async () => {
  const message = 'invalid ip 203.0.113.7 ipv6 ::ffff:203.0.113.7, not in whitelist'
  const fault: Fault = { kind: 'refuse', code: '40164', message, path: '/cgi-bin/stable_token' }
  upstreams.wechat.faults.push(fault, fault)
  const { of } = await examine()
  const blocked = of('connection wechat').filter(({ detail }) => detail.includes('40164'))
  // Logins inside WeChat do not need that API; a mini program cannot read a number without it.
  expect(blocked.map(({ status }) => status).sort()).toEqual(['fail', 'warn'])
  for (const { detail, advice } of blocked) {
    expect(detail).toMatch(/: 40164: the address of this server, 203\.0\.113\.7, is not let in$/)
    expect(advice).toMatch(/^add 203\.0\.113\.7 to the white list \(IP 白名单\) at mp\.weixin\.qq\.com → /)
  }
})

test.each<[string, Fault, string]>([
  [
    'too many requests',
    { kind: 'too_many_requests', path: '/oauth2.0/token' },
    'warn client_id 101: 429: the vendor is asked too often',
  ],
  [
    'a vendor in trouble',
    { kind: 'bad_gateway_html', path: '/oauth2.0/token' },
    'warn client_id 101: 502: the vendor is busy',
  ],
  [
    'a page with status 200',
    { kind: 'html_instead', path: '/oauth2.0/token' },
    'fail client_id 101: page: an odd answer',
  ],
  ['a connection that breaks', { kind: 'reset_before_accept' }, 'fail client_id 101: GET http'],
])('tells of %s', async (_, fault, line) => {
  upstreams.qq.faults.push(fault)
  const { of } = await examine()
  const checks = of('connection qq').filter(({ detail }) => detail.includes('101'))
  expect(told(checks)).toEqual([expect.stringContaining(line)])
  expect(checks[0]?.advice?.length).toBeGreaterThan(20)
})

test.each([
  ['45009', /^warn API of official_account wx-official-account: 45009: the vendor is asked too often$/],
  ['-1', /^warn API of official_account wx-official-account: -1: the vendor is busy$/],
  ['43210', /^warn API of official_account wx-official-account: 43210: not known here$/],
])('tells of the code %s of WeChat', async (code, line) => {
  // Some codes make the connector ask once more.
  const fault: Fault = { kind: 'refuse', code, path: '/cgi-bin/stable_token' }
  upstreams.wechat.troubles.push(fault)
  const { of } = await examine()
  upstreams.wechat.troubles.length = 0
  const answers = told(of('connection wechat')).filter((each) => each.includes('API of'))
  // The questions of both accounts go out at once, and either may meet the fault.
  expect(
    answers.map((each) => each.replace(/(API of )\S+ \S+:/, '$1official_account wx-official-account:')),
  ).toContainEqual(expect.stringMatching(line))
  // What passes by itself is no failure.
  expect(of('connection wechat').filter((check) => check.status === 'fail')).toEqual([])
})

test('waits for all together no longer than the limit, however many are silent', async () => {
  const never = { about: 'silent', ask: () => new Promise<never>(() => undefined) }
  const quick = { about: 'quick', ask: async () => undefined, isAnswered: true }
  const asking = [never, never, quick, never].map((question) => ({ name: 'vendor', question, page: 'the console' }))
  const startedAt = performance.now()
  const findings = await askAll(asking, 300)
  expect(performance.now() - startedAt).toBeLessThan(30_000)
  expect(told(findings)).toEqual([
    'fail silent: no answer within 0.3 s',
    'fail silent: no answer within 0.3 s',
    expect.stringMatching(/^ok quick: answered/),
    'fail silent: no answer within 0.3 s',
  ])
})

test('who accepts a code that nobody has made is not the vendor', async () => {
  const question = { about: 'client_id 1', ask: async () => ({ access_token: 'anything' }) }
  const [finding] = await askAll([{ name: 'connection x', question, page: 'the console' }])
  expect(finding).toMatchObject({ status: 'fail', detail: 'client_id 1: a code that nobody has made was accepted' })
})

test('a person reads what is to do beside what is well, and the exit status counts failures alone', async () => {
  const { env, run } = { env: upstreams.env(['github']), run: shell }
  const { stdout } = await run.runWith({ ...env, ISSUER: issuer }, 'doctor')
  expect(stdout).toMatch(/^todo {2}connection github {2,}GitHub: Authorization callback URL = http/m)
  expect(stdout).toMatch(/^ {2,}-> look at http\S+ → Settings → Developer settings → OAuth Apps$/m)
  expect(stdout).toMatch(/^\d+ failed, \d+ to look at, \d+ only a person at a console can tell$/m)
})
