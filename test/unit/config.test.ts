import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { inspect } from 'node:util'
import { afterAll, describe, expect, test } from 'vitest'
import { configurationMarkdown } from '../../scripts/docs/configuration.ts'
import { ConfigError, type LoadedConfig, loadConfig } from '../../src/config/config.ts'
import { exampleConfig, printConfig } from '../../src/config/reference.ts'
import { jsonSchema } from '../../src/config/settings.ts'
import { listenAddress } from '../../src/http/listen-address.ts'

const root = mkdtempSync(join(tmpdir(), 'menshen-config-'))
afterAll(() => rmSync(root, { recursive: true }))

let count = 0

/** Loads from a folder that holds these files; `menshen.yaml` is found by itself. */
function load(env: Record<string, string> = {}, files: Record<string, string> = {}, config?: string): LoadedConfig {
  const cwd = mkdtempSync(join(root, `${count++}-`))
  for (const [name, text] of Object.entries(files)) writeFileSync(join(cwd, name), text)
  return loadConfig({ argv: { config }, env, cwd })
}

function problems(env: Record<string, string> = {}, yaml?: string): string[] {
  try {
    load(env, yaml === undefined ? {} : { 'menshen.yaml': yaml })
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error
    return error.message
      .split('\n')
      .slice(1)
      .map((line) => line.trim())
  }
  return []
}

const secretKey = 'AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8'
const production = {
  NODE_ENV: 'production',
  ISSUER: 'https://id.example.com',
  DATABASE_URL: 'postgres://menshen:canary-db@db.example.com/menshen',
  MENSHEN_SECRET_KEY: secretKey,
  MENSHEN_SERVER__TRUSTED_PROXIES: '[10.0.0.0/8]',
  MENSHEN_SMS__SENDERS: `[{ type: aliyun, access_key_id: id, access_key_secret: canary-aliyun, sign_name: 门神,
    templates: { login_code: SMS_1, register_code: SMS_1, reset_code: SMS_1, bind_code: SMS_1 } }]`,
}

describe('sources', () => {
  test('with nothing set there is a sandbox on this machine', () => {
    const { config, warnings, production: isProduction, sourceOf } = load()
    expect(config).toMatchObject({
      issuer: 'http://localhost:3000',
      sandbox: true,
      server: {
        port: 3000,
        host: '127.0.0.1',
        workers: 1,
        trusted_proxies: 'none',
        drain_seconds: 0,
        shutdown_seconds: 10,
      },
      database: { pool_size: 10 },
      ops: { metrics: '127.0.0.1:9464', audit_retention: 184 * 86_400 },
      brand: { name: { 'zh-CN': '门神', en: 'Menshen' } },
      login: { methods: ['sms', 'password'] },
      lifetimes: { access: 600, session: { idle: 14 * 86_400, max: 30 * 86_400 }, refresh: { max: 180 * 86_400 } },
    })
    expect(config.agreements.map(({ url }) => url)).toEqual(['/sandbox/terms', '/sandbox/privacy'])
    expect(isProduction).toBe(false)
    expect(sourceOf('server.port')).toBe('default')
    expect(warnings.map(({ setting }) => setting)).toEqual([
      'sandbox',
      'issuer',
      'database.url',
      'secret_key',
      'sms.senders',
      'mail.url',
      'agreements',
    ])
  })

  test('the environment wins over the file, and the file over the defaults', () => {
    const yaml = 'server:\n  port: 4000\n  workers: 2\nlog: { level: warn }\n'
    const { config, sourceOf } = load({ PORT: '5000', LOG_LEVEL: 'debug' }, { 'menshen.yaml': yaml })
    expect(config.server).toMatchObject({ port: 5000, workers: 2, drain_seconds: 0, shutdown_seconds: 10 })
    expect(config.log.level).toBe('debug')
    expect(config.issuer).toBe('http://localhost:5000')
    expect(['server.port', 'server.workers', 'server.host'].map(sourceOf)).toEqual([
      'env PORT',
      'menshen.yaml',
      'default',
    ])
  })

  test('--config wins over MENSHEN_CONFIG, which wins over menshen.yaml; one file is read', () => {
    const files = {
      'menshen.yaml': 'brand: { name: a }',
      'b.yaml': 'brand: { name: b }',
      'c.yaml': 'brand: { name: c }',
    }
    expect(load({}, files).config.brand.name).toBe('a')
    expect(load({ MENSHEN_CONFIG: 'b.yaml' }, files).config.brand.name).toBe('b')
    expect(load({ MENSHEN_CONFIG: 'b.yaml' }, files, 'c.yaml').config.brand.name).toBe('c')
    expect(() => load({}, {}, 'missing.yaml')).toThrow('missing.yaml cannot be read')
  })

  test.each([
    [{ PORT: '1234' }, 'server.port', 1234],
    [{ HOST: '::1' }, 'server.host', '::1'],
    [{ WORKERS: 'auto' }, 'server.workers', 'auto'],
    [{ WORKERS: '4' }, 'server.workers', 4],
    [{ LOG_FORMAT: 'pretty' }, 'log.format', 'pretty'],
    [{ MENSHEN_SANDBOX: 'false' }, 'sandbox', false],
    [{ MENSHEN_BRAND__NAME: '123' }, 'brand.name', '123'],
    [{ MENSHEN_BRAND__NAME: 'a: b # c' }, 'brand.name', 'a: b # c'],
    [{ MENSHEN_LOGIN__METHODS: '[password]' }, 'login.methods', ['password']],
    [{ MENSHEN_SERVER__TRUSTED_PROXIES: '[10.0.0.0/8, "::1"]' }, 'server.trusted_proxies', ['10.0.0.0/8', '::1']],
    [{ MENSHEN_SERVER__TRUSTED_PROXIES: 'none' }, 'server.trusted_proxies', 'none'],
    [{ MENSHEN_LIFETIMES__SESSION: '{ idle: 1h, max: none }' }, 'lifetimes.session', { idle: 3600, max: 'none' }],
    [
      { MENSHEN_LIFETIMES__REFRESH__IDLE: '2d' },
      'lifetimes.refresh',
      { idle: 172_800, max: 15_552_000, retry: 86_400 },
    ],
    [{ MENSHEN_PASSWORD__ARGON2__MEMORY_KIB: '32768' }, 'password.argon2.memory_kib', 32_768],
    [{ REDIS_URL: '' }, 'redis.url', undefined],
    [{ MENSHEN_SMS__LIMITS__PER_IP: '[{ max: 3, seconds: 60 }]' }, 'sms.limits.per_ip', [{ max: 3, seconds: 60 }]],
  ])('%j sets %s', (env, path, value) => {
    const found = path.split('.').reduce<unknown>((at, key) => Object(at)[key], load(env).config)
    expect(found).toEqual(value)
  })

  test('a variable ending in _FILE reads the value from a file, without its last newline', () => {
    const { config, sourceOf } = load(
      { DATABASE_URL_FILE: 'db', MENSHEN_SECRET_KEY_FILE: 'key', PORT_FILE: 'port' },
      { db: 'postgres://u:p@h/d\n', key: `${secretKey}\r\n`, port: '4321\n' },
    )
    expect(config.database.url?.reveal()).toBe('postgres://u:p@h/d')
    expect(config.secret_key?.reveal()).toBe(secretKey)
    expect(config.server.port).toBe(4321)
    expect(sourceOf('database.url')).toBe('env DATABASE_URL_FILE')
  })

  test('a key without a value counts as absent, as when everything below it is commented out', () => {
    expect(load({}, { 'menshen.yaml': 'server:\nmail:\nbrand:\n  name:\n' }).config.brand.name).toEqual({
      'zh-CN': '门神',
      'zh-TW': '門神',
      en: 'Menshen',
    })
    expect(load({}, { 'menshen.yaml': '# nothing\n' }).config.server.port).toBe(3000)
  })

  test('a file may repeat itself with anchors, which may stand under x-', () => {
    const anchored =
      'x-life: &life { idle: 10d, max: 20d }\nlifetimes:\n  session: { <<: *life }\n  refresh: { <<: *life, idle: 9d }\n'
    const { session, refresh } = load({}, { 'menshen.yaml': anchored }).config.lifetimes
    expect([session.idle, session.max, refresh.idle, refresh.max]).toEqual([864_000, 1_728_000, 777_600, 1_728_000])
  })

  test('the data folder is an absolute path, whatever folder the process moves to', () => {
    expect(load({ MENSHEN_DATA_DIR: 'data' }).config.data_dir).toMatch(/^\/.*\/data$/)
  })
})

describe('problems', () => {
  test('all are told at once, each with its path, what was meant and where it stands', () => {
    const yaml = `
server: { prot: 1, port: 99999 }
log: { level: inof }
lifetimes: { session: { idle: 40d }, refresh: { idle: 5 } }
sms: { senders: [{ type: aliyum }] }
brand: 7
`
    expect(problems({ MENSHEN_PASWORD__ARGON2__PASSES: '1', DATABASE_URL: 'mysql://canary@x' }, yaml)).toEqual([
      expect.stringMatching(/^server\.port: .*65535.* \(menshen\.yaml:2\)$/),
      'server.prot: is unknown; did you mean port? (menshen.yaml:2)',
      'database.url: expected a postgres:// address (env DATABASE_URL)',
      'log.level: expected trace, debug, info, warn, error, fatal, silent; did you mean info? (menshen.yaml:3)',
      'brand: expected a mapping, found a number (menshen.yaml:6)',
      'sms.senders[0].type: expected aliyun, tencent; did you mean aliyun? (menshen.yaml:5)',
      'lifetimes.refresh.idle: expected a duration such as 30s, 10m, 12h or 30d (menshen.yaml:4)',
      'pasword: is unknown; did you mean password? (env MENSHEN_PASWORD__ARGON2__PASSES)',
      'lifetimes.session: idle is longer than max (menshen.yaml:4)',
    ])
  })

  test('lifetimes under which something would end first by accident are told', () => {
    const yaml = 'lifetimes: { access: 40d, session: { idle: 30s, max: none }, refresh: { idle: 30d, max: none } }'
    expect(problems({}, yaml)).toEqual([
      'lifetimes.session.idle: is shorter than the 60s a code lives, and would end before the login is done (menshen.yaml:1)',
      'lifetimes.access: access (40d) must be shorter than refresh.idle (30d), which would end first (menshen.yaml:1)',
    ])
  })

  test.each([
    ['MENSHEN_SERVER__PROT', '1', 'server.prot: is unknown; did you mean port? (env MENSHEN_SERVER__PROT)'],
    ['MENSHEN_SECRET_KEYS', 'x', 'secret_keys: is unknown; did you mean secret_key? (env MENSHEN_SECRET_KEYS)'],
    ['MENSHEN___PROTO__', '{a: 1}', expect.stringMatching(/is unknown|expected/)],
    ['MENSHEN_CONSTRUCTOR__PROTOTYPE', '1', expect.stringContaining('constructor: is unknown')],
    ['PORT', 'abc', 'server.port: expected a number, found text (env PORT)'],
    ['WORKERS', 'many', expect.stringMatching(/^server\.workers: .*auto/)],
    ['ISSUER', 'https://id.example.com/path', expect.stringContaining('without path')],
    ['ISSUER', 'https://user@id.example.com', expect.stringContaining('without path')],
    ['ISSUER', 'ftp://id.example.com', expect.stringContaining('issuer: expected')],
    [
      'MENSHEN_SECRET_KEY',
      'short',
      'secret_key: expected 32 bytes as base64url, 43 characters (env MENSHEN_SECRET_KEY)',
    ],
    ['REDIS_URL', 'redis://a:1,http://b', expect.stringContaining('redis.url: expected redis://')],
    ['REDIS_URL', 'redis://:x@canary/1@one:6379', expect.stringMatching(/^redis\.url: cannot be read: .*%2F/)],
    ['DATABASE_URL', 'postgres://u:x@canary/1@one/db', expect.stringMatching(/^database\.url: cannot be read: .*%2F/)],
    [
      'MENSHEN_MAIL',
      '{ url: "smtps://u:x@canary/1@one", from: tea@example.com }',
      expect.stringMatching(/^mail\.url: cannot be read: .*%2F/),
    ],
    ['MENSHEN_OPS__METRICS', '9464', expect.stringContaining('host:port or off')],
    [
      'MENSHEN_SERVER__TRUSTED_PROXIES',
      '[10.0.0.0/33]',
      expect.stringContaining('server.trusted_proxies[0]: expected an address'),
    ],
    ['MENSHEN_SERVER__TRUSTED_PROXIES', '[0.0.0.0/0]', expect.stringContaining('no wider')],
    ['MENSHEN_SERVER__TRUSTED_PROXIES', '["::/0"]', expect.stringContaining('no wider')],
    ['MENSHEN_SERVER__TRUSTED_PROXIES', '[]', expect.stringContaining('say none')],
    ['MENSHEN_SERVER__TRUSTED_PROXIES', 'all', expect.stringContaining('expected none')],
    ['MENSHEN_LOGIN__METHODS', '[sms, sms]', 'login.methods: a method is named twice (env MENSHEN_LOGIN__METHODS)'],
    ['MENSHEN_LOGIN__METHODS', '[sms', expect.stringContaining('login.methods: is not YAML')],
    [
      'MENSHEN_AGREEMENTS',
      '[{ id: terms, version: 1, url: /t }]',
      expect.stringContaining('agreements[0].version: expected text, found a number; put it in quotes'),
    ],
    [
      'MENSHEN_AGREEMENTS',
      '[{ id: terms, version: "1", url: "javascript:x" }]',
      expect.stringContaining('agreements[0].url'),
    ],
    ['DATABASE_URL_FILE', '/does/not/exist', 'database.url: the file it names cannot be read (env DATABASE_URL_FILE)'],
    ['MENSHEN_PREVIOUS_SECRET_KEYS', `[${secretKey}]`, expect.stringContaining('secret_key: is missing, although')],
    ['MENSHEN_MAIL__FROM', 'a@example.com', expect.stringMatching(/^mail\.url: is missing/)],
  ])('%s=%s is one problem that says so', (name, value, expected) => {
    expect(problems({ [name]: value })).toEqual([expected])
  })

  test('two variables that disagree about one setting are a contradiction, two that agree are not', () => {
    expect(problems({ PORT: '1', MENSHEN_SERVER__PORT: '2' })).toEqual([
      expect.stringContaining('contradict each other'),
    ])
    expect(problems({ PORT: '1', MENSHEN_SERVER__PORT: '1' })).toEqual([])
  })

  test.each([
    ['a: [', /menshen\.yaml:1 is not YAML: /],
    ['- a', /menshen\.yaml is not a mapping/],
    ['issuer: a\nissuer: b', /menshen\.yaml:2 a key is there twice/],
    ['__proto__: { sandbox: false }', /__proto__|unknown/],
    ['brand: *nowhere', /is not YAML/],
  ])('the file %j is refused without quoting it', (yaml, expected) => {
    expect(problems({}, yaml).join('\n')).toMatch(expected)
  })

  test('no message quotes a value, because it may be a secret', () => {
    const yaml =
      'database: { url: canary }\nsecret_key: canary\nmail: { url: "ftp://canary", from: "canary" }\nredis: [canary\n'
    expect(problems({}, yaml).join('\n')).not.toContain('canary')
    expect(problems({ REDIS_URL: 'canary', MENSHEN_SMS__SENDERS: '{canary' }).join('\n')).not.toContain('canary')
  })

  test('a sandbox under an address that is not this machine needs to be asked for', () => {
    expect(problems({ ISSUER: 'http://192.168.1.5:3000' })).toEqual([
      expect.stringContaining('set sandbox: false, or sandbox_exposed: true'),
    ])
    expect(problems({ ISSUER: 'http://192.168.1.5:3000', MENSHEN_SANDBOX_EXPOSED: 'true' })).toEqual([])
    expect(problems({ ISSUER: 'http://127.0.0.1.evil.example' })).toHaveLength(1)
  })

  test.each([
    '0.0.0.0',
    '::',
    '[::]',
    '0',
    '*',
    '192.168.1.5',
    '::ffff:0.0.0.0',
    'my-laptop',
    '127.0.0.1.evil.example',
  ])('so does a sandbox that listens at %s', (host) => {
    expect(problems({ HOST: host })).toEqual([
      'server.host: lets others reach the sandbox, which shows every code; set 127.0.0.1, or sandbox_exposed: true (env HOST)',
    ])
    expect(problems({ HOST: host, MENSHEN_SANDBOX_EXPOSED: 'true' })).toEqual([])
    expect(problems({ HOST: host, MENSHEN_SANDBOX: 'false' })).toEqual([])
  })

  test.each(['prod', 'Production', 'PRODUCTION', 'production ', ''])('a NODE_ENV of %j does not open it', (name) => {
    expect(problems({ NODE_ENV: name, HOST: '0.0.0.0' })).toHaveLength(1)
    expect(problems({ NODE_ENV: name, ISSUER: 'https://id.example.com' })).toHaveLength(1)
  })

  test('a name that stands for another address than this machine is no place to listen', async () => {
    const { config } = load({ HOST: 'localhost' })
    expect(await listenAddress(config, async () => ({ address: '127.0.0.1' }))).toBe('127.0.0.1')
    await expect(listenAddress(config, async () => ({ address: '10.0.0.5' }))).rejects.toThrow('sandbox_exposed')
    const exposed = load({ HOST: 'localhost', MENSHEN_SANDBOX_EXPOSED: 'true' }).config
    expect(await listenAddress(exposed, async () => ({ address: '10.0.0.5' }))).toBe('localhost')
  })
})

describe('settings that are each valid but do not go together', () => {
  const captcha = (url: string) =>
    JSON.stringify({ provider: 'turnstile', site_key: 'site', secret: 'canary-captcha', verify_url: url })

  test.each<[string, string, Record<string, string>, Record<string, string>]>([
    [
      'issuer: is not this machine while the sandbox is on; set sandbox: false, or sandbox_exposed: true (env ISSUER)',
      'sandbox_exposed',
      { ISSUER: 'http://192.168.1.5:3000' },
      { MENSHEN_SANDBOX_EXPOSED: 'true' },
    ],
    [
      'server.host: lets others reach the sandbox, which shows every code; set 127.0.0.1, or sandbox_exposed: true (env HOST)',
      'sandbox: false',
      { HOST: '0.0.0.0' },
      { MENSHEN_SANDBOX: 'false' },
    ],
    [
      'secret_key: is missing, although previous_secret_keys has keys (not set; as a variable: MENSHEN_SECRET_KEY)',
      'a secret_key',
      { MENSHEN_PREVIOUS_SECRET_KEYS: `[${secretKey}]` },
      { MENSHEN_SECRET_KEY: secretKey.replace('AAEC', 'BBEC') },
    ],
    [
      'ops.metrics: is the port of the server itself (env MENSHEN_OPS__METRICS)',
      'another port for metrics',
      { PORT: '9465', MENSHEN_OPS__METRICS: '127.0.0.1:9465' },
      { MENSHEN_OPS__METRICS: '127.0.0.1:19465' },
    ],
    [
      'ops.metrics: is the port of the server itself (not set; as a variable: MENSHEN_OPS__METRICS)',
      'another port for the server',
      { PORT: '9464' },
      { PORT: '9463' },
    ],
    [
      'captcha.verify_url: must be an https address outside the sandbox: it gets a secret (env MENSHEN_CAPTCHA)',
      'https',
      { ...production, MENSHEN_CAPTCHA: captcha('http://captcha.example.com/verify') },
      { MENSHEN_CAPTCHA: captcha('https://captcha.example.com/verify') },
    ],
    [
      'captcha.verify_url: must be an https address outside the sandbox: it gets a secret (env MENSHEN_CAPTCHA)',
      'the sandbox',
      { MENSHEN_SANDBOX: 'false', MENSHEN_CAPTCHA: captcha('http://captcha.example.com/verify') },
      { MENSHEN_SANDBOX: 'true' },
    ],
  ])('%s; mended by %s', (problem, _, given, mended) => {
    expect(problems(given)).toEqual([problem])
    expect(problems({ ...given, ...mended })).toEqual([])
  })

  test('a port that the system chooses clashes with nothing', () => {
    expect(problems({ PORT: '0', MENSHEN_OPS__METRICS: '127.0.0.1:0' })).toEqual([])
  })
})

describe('production', () => {
  test('everything not fit for it is refused at once, with the variable that mends it', () => {
    const found = problems({ NODE_ENV: 'production' })
    expect(found.map((line) => line.split(':')[0])).toEqual([
      'issuer',
      'server.trusted_proxies',
      'database.url',
      'secret_key',
      'sms.senders',
    ])
    const names = ['ISSUER', 'SERVER__TRUSTED_PROXIES', 'DATABASE_URL', 'SECRET_KEY', 'SMS__SENDERS']
    for (const name of names) {
      const variable = /^(ISSUER|DATABASE_URL)$/.test(name) ? name : `MENSHEN_${name}`
      expect(found.join('\n')).toContain(`as a variable: ${variable})`)
    }
  })

  test('a whole configuration starts, warned of what is only unwise', () => {
    const { config, warnings } = load(production)
    expect(config).toMatchObject({
      sandbox: false,
      agreements: [],
      server: { host: '0.0.0.0' },
      log: { format: 'json' },
    })
    expect(warnings.map(({ setting, refusedInProduction }) => [setting, refusedInProduction])).toEqual([
      ['mail.url', false],
      ['agreements', false],
      ['sms.senders', false],
    ])
  })

  test.each([
    [{ MENSHEN_SANDBOX: 'true' }, 'sandbox: not fit for production'],
    [{ ISSUER: 'http://id.example.com' }, 'issuer: not fit for production'],
    [{ MENSHEN_SMS__SENDERS: '[]' }, 'sms.senders: not fit for production'],
    [{ DATABASE_URL: '' }, 'database.url: not fit for production'],
    [{ MENSHEN_SERVER__TRUSTED_PROXIES: '' }, 'server.trusted_proxies: not fit for production'],
    [{ MENSHEN_SECRET_KEY: '' }, 'secret_key: not fit for production'],
  ])('%j is refused', (env, expected) => {
    expect(problems({ ...production, ...env }).join('\n')).toContain(expected)
  })

  test('without the SMS method no vendor is needed', () => {
    expect(problems({ ...production, MENSHEN_SMS__SENDERS: '[]', MENSHEN_LOGIN__METHODS: '[password]' })).toEqual([])
  })
})

describe('what is shown', () => {
  test('no secret appears in JSON, in inspect, or in print, and each value has its source', () => {
    const loaded = load({
      ...production,
      MENSHEN_MAIL__URL: 'smtps://u:canary-mail@h',
      MENSHEN_MAIL__FROM: 'id@example.com',
    })
    const rows = printConfig(loaded)
    for (const text of [
      JSON.stringify(loaded.config),
      inspect(loaded.config, { depth: 9 }),
      `${loaded.config.secret_key}`,
      JSON.stringify(rows),
    ]) {
      expect(text).not.toMatch(/canary|AAECAw/)
      expect(text).toContain('[redacted]')
    }
    expect(rows).toContainEqual({ path: 'database.url', value: '[redacted]', source: 'env DATABASE_URL' })
    expect(rows).toContainEqual({ path: 'lifetimes.access', value: '10m', source: 'default' })
    expect(rows).toContainEqual({ path: 'redis.url', value: null, source: 'not set' })
  })

  test('the example file is valid as it is, and with everything that has a default uncommented', () => {
    const example = exampleConfig()
    expect(load({}, { 'menshen.yaml': example }).config).toEqual({ ...load().config, data_dir: expect.any(String) })
    const uncommented = example
      .split('\n')
      .filter((line) => !line.includes(': <'))
      .map((line) => line.slice(1))
      .join('\n')
    const { config, sourceOf } = load({}, { 'menshen.yaml': uncommented })
    expect(config).toEqual({ ...load().config, data_dir: expect.any(String) })
    expect(sourceOf('lifetimes.refresh.max')).toBe('menshen.yaml')
  })

  test('every setting is described, in the schema and in the reference', () => {
    const undescribed = configurationMarkdown()
      .split('\n')
      .filter((line) => /^\| `[^`]+` \| {2}\|/.test(line))
    expect(undescribed).toEqual([])
  })

  test('the JSON Schema marks secrets and refuses unknown keys', () => {
    const schema = JSON.parse(JSON.stringify(jsonSchema()))
    expect(schema.additionalProperties).toBe(false)
    expect(schema.properties.secret_key).toMatchObject({ secret: true, writeOnly: true })
    expect(schema.properties.database.properties.url).toMatchObject({ secret: true, type: 'string' })
    expect(schema.required).toBeUndefined()
  })
})
