import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, it } from 'vitest'
import { startSiteverify } from '../../sandbox/simulators/siteverify-captcha.ts'
import { checkCaptcha } from '../../src/cli/doctor-captcha.ts'
import { wallClockMs } from '../../src/cli/doctor-checks.ts'
import { ConfigError, loadConfig } from '../../src/config/config.ts'
import { time, worlds } from './captcha-worlds.ts'

type Settings = Readonly<Record<string, unknown>>

const cwd = mkdtempSync(join(tmpdir(), 'menshen-captcha-'))
afterAll(() => rmSync(cwd, { recursive: true }))

const loaded = (captcha: Settings, env: Record<string, string> = {}) =>
  loadConfig({ env: { MENSHEN_ABUSE__CAPTCHA: JSON.stringify(captcha), ...env }, cwd }).config

/** What the doctor says of it: `todo` lines, then the answer of the vendor. */
async function examined(captcha: Settings, env?: Record<string, string>) {
  const findings = await checkCaptcha(loaded(captcha, env))
  return findings.map(({ status, detail, advice = '' }) => ({ status, said: `${detail} -> ${advice}` }))
}

function problems(env: Record<string, string>): readonly string[] {
  try {
    loadConfig({ env, cwd })
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error
    return error.problems.map(({ path, message }) => `${path}: ${message}`)
  }
  return []
}

describe('the doctor', () => {
  it.each(worlds)('asks $name once about something made up, and says what only its console tells', async ({ open }) => {
    time.now = wallClockMs()
    const { simulator, settings, strange } = await open()
    try {
      const known = await examined(settings)
      expect(known.map(({ status }) => status).filter((status) => status !== 'todo')).toEqual(['ok'])
      expect(known[0]?.status).toBe('todo')
      expect(simulator.requests).toHaveLength(1)
      if (Object.keys(strange).length === 0) return
      const unknown = await examined({ ...settings, ...strange })
      expect(unknown.at(-1)).toMatchObject({ status: 'fail' })
      simulator.faults.push({ kind: 'server_error' })
      expect((await examined(settings)).at(-1)).toMatchObject({ status: 'warn' })
    } finally {
      await simulator.close()
    }
  })

  it('says of a captcha through which everybody passes that it is none', async () => {
    const secret = '1x0000000000000000000000000000000AA'
    const { url, close } = await startSiteverify({ clock: Date.now, dialect: 'turnstile', siteKey: 'site', secret })
    const settings = { vendor: 'siteverify', provider: 'turnstile', site_key: 'site', secret }
    const said = await examined({ ...settings, verify_url: `${url}/turnstile/v0/siteverify` })
    await close()
    expect(said.at(-1)).toMatchObject({ status: 'fail', said: expect.stringContaining('was accepted') })
  })
})

describe('the settings', () => {
  const turnstile = { vendor: 'turnstile', site_key: 'site', secret: 'canary-captcha' }
  const live = { MENSHEN_SANDBOX: 'false', ISSUER: 'https://id.example.com' }
  const of = (captcha: Settings) => ({ ...live, MENSHEN_ABUSE__CAPTCHA: JSON.stringify(captcha) })
  const older = { provider: 'turnstile', site_key: 'site', secret: 'x', verify_url: 'https://captcha.example.com/' }
  const testKey = 'has a key for tests, with which everybody passes; make keys of your own in the console'

  it.each([
    ['of a vendor', of(turnstile), []],
    [
      'in the clear',
      of({ ...turnstile, endpoint: 'http://captcha.example.com' }),
      ['abuse.captcha: must ask an https address outside the sandbox: it gets a secret'],
    ],
    [
      'with a script in the clear',
      of({ ...turnstile, script_url: 'http://captcha.example.com/x.js' }),
      ['abuse.captcha.script_url: must be an https address outside the sandbox: it runs on a page of this server'],
    ],
    [
      'with a secret for tests',
      of({ ...turnstile, secret: '1x0000000000000000000000000000000AA' }),
      [`abuse.captcha: ${testKey}`],
    ],
    [
      'with a site for tests',
      of({ ...turnstile, vendor: 'hcaptcha', site_key: '10000000-ffff-ffff-ffff-000000000001' }),
      [`abuse.captcha: ${testKey}`],
    ],
    [
      'by the older name, with a secret for tests',
      { ...live, MENSHEN_CAPTCHA: JSON.stringify({ ...older, secret: '2x0000000000000000000000000000000AA' }) },
      [`captcha: ${testKey}`],
    ],
    [
      'by both names',
      { ...of(turnstile), MENSHEN_CAPTCHA: JSON.stringify(older) },
      ['captcha: is the older name of abuse.captcha, which is set too; take this away'],
    ],
    [
      'without keys',
      of({ vendor: 'aliyun', scene_id: 'scene', prefix: 'p' }),
      [
        'abuse.captcha.access_key_id: is missing; set it, or ram_role',
        'abuse.captcha.access_key_secret: is missing; set it, or ram_role',
      ],
    ],
    [
      'with a source that opens more than a host',
      of({ ...turnstile, page_sources: ["'unsafe-eval'", '*', 'https:'] }),
      [
        'abuse.captcha.page_sources[0]: expected a host, as *.example.com',
        'abuse.captcha.page_sources[1]: expected a host, as *.example.com',
        'abuse.captcha.page_sources[2]: expected a host, as *.example.com',
      ],
    ],
  ])('%s', (_, env, expected) => {
    expect(problems(env).filter((line) => line.includes('captcha'))).toEqual(expected)
    expect(problems(env).join()).not.toContain('canary')
  })
})
