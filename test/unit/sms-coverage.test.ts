import { readFileSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import { parse } from 'yaml'
import { ownerEventNames } from '../../src/accounts/owner-events.ts'
import { ConfigError, loadConfig } from '../../src/config/config.ts'
import { forEachPurpose } from '../support/sms-templates.ts'

const aliyun = {
  type: 'aliyun',
  access_key_id: 'id',
  access_key_secret: 'canary',
  sign_name: '门神',
  templates: forEachPurpose('SMS_1'),
}
const tencent = {
  type: 'tencent',
  secret_id: 'id',
  secret_key: 'canary',
  sdk_app_id: '1400006666',
  sign_name: '门神',
  templates: forEachPurpose({ id: '1001', params: ['otp'] }),
}
const abroad = { to: ['international'], templates: forEachPurpose('SMS_2') }

/** What `config check` says to these senders and countries. */
function problems(
  senders: readonly object[],
  countries: readonly string[] = ['86'],
  more: Readonly<Record<string, string>> = {},
): readonly string[] {
  const env = { MENSHEN_SMS__SENDERS: JSON.stringify(senders), MENSHEN_SMS__COUNTRIES: JSON.stringify(countries) }
  try {
    loadConfig({ env: { ...env, ...more }, cwd: '/' })
    return []
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error
    expect(error.message).not.toContain('canary')
    return error.problems.map(({ path, message }) => `${path}: ${message}`)
  }
}

describe('settings as they always were', () => {
  test.each([
    ['the mainland', ['86']],
    ['other countries alone', ['852', '1']],
  ])('are taken for %s', (_, countries) => {
    expect(problems([aliyun, tencent], countries)).toEqual([])
  })

  test('need no signature of Tencent outside the mainland', () => {
    const { sign_name: _, ...unsigned } = tencent
    expect(problems([unsigned], ['852'])).toEqual([])
    expect(problems([unsigned])).toEqual([
      'sms.senders[0].sign_name: is missing: messages to mainland need a signature',
    ])
  })
})

test('an address in the clear is refused outside the sandbox, wherever it stands', () => {
  const endpoint = 'http://sms.example.com'
  const templates = forEachPurpose({ id: '1001', params: ['otp'], endpoint })
  const senders = [
    { ...aliyun, endpoint },
    { ...tencent, destinations: [{ to: ['international'], templates }] },
  ]
  expect(problems(senders)).toEqual([])
  const outside = problems(senders, ['86'], { MENSHEN_SANDBOX: 'false', ISSUER: 'https://login.example.com' })
  const refused = outside.filter((each) => each.includes('must be an https address')).map((each) => each.split(':')[0])
  expect(refused).toContain('sms.senders[0].endpoint')
  expect(refused).toContain('sms.senders[1].destinations[0].templates.login_code.endpoint')
})

test('what no calling code begins is no country', () => {
  expect(problems([aliyun], ['8'])).toContain('sms.countries[0]: 8 neither is a calling code nor begins with one')
})

describe('a country that no sender serves', () => {
  test('is refused with its place and the remedy', () => {
    expect(problems([aliyun, tencent], ['86', '852'])).toEqual([
      'sms.countries[1]: no sender serves 852: give a sender templates for it in `destinations` (to: ["852"] or [international]), or take it off the list',
    ])
  })

  test('is served by its class, by its own entry or by another sender', () => {
    expect(problems([{ ...aliyun, destinations: [abroad] }], ['86', '852', '1', '1809'])).toEqual([])
    expect(problems([{ ...aliyun, destinations: [{ ...abroad, to: ['hmt'] }] }], ['86', '852', '886'])).toEqual([])
    expect(problems([aliyun, { ...aliyun, templates: undefined, destinations: [abroad] }], ['86', '44'])).toEqual([])
  })

  test('is one that only a part of its numbers has an entry for', () => {
    const part = { ...aliyun, destinations: [{ ...abroad, to: ['1809'] }] }
    expect(problems([part], ['86', '1809'])).toEqual([])
    expect(problems([part], ['86', '1'])).toEqual([expect.stringContaining('sms.countries[1]: no sender serves 1:')])
    expect(problems([{ ...aliyun, destinations: [{ ...abroad, to: ['hmt'] }] }], ['86', '1'])).toHaveLength(1)
  })

  test('is no matter where nothing is sent', () => {
    expect(problems([], ['86', '852'])).toEqual([])
  })
})

describe('a destination', () => {
  const withOnes = (...destinations: object[]) => problems([{ ...aliyun, destinations }])

  test('lacks no purpose', () => {
    const { bind_code: _, ...three } = forEachPurpose('SMS_2')
    expect(withOnes({ to: ['hmt'], templates: three })).toEqual([
      'sms.senders[0].destinations[0].templates: has no bind_code for hmt, and nothing wider has',
    ])
    expect(withOnes({ to: ['hmt'], templates: three }, abroad)).toEqual([])
  })

  test('does not take templates across the border', () => {
    expect(withOnes({ to: ['852'], sign_name: 'Menshen' })).toEqual([
      expect.stringContaining('has no login_code, register_code, reset_code, bind_code for 852'),
    ])
    expect(withOnes({ to: ['86'], sign_name: '门神网' })).toEqual([])
  })

  test('is named once in a sender, by a word or a code that exists', () => {
    expect(withOnes(abroad, { ...abroad, to: ['hmt', 'international'] })).toEqual([
      'sms.senders[0].destinations[1].to: names international twice in one sender',
    ])
    expect(withOnes({ ...abroad, to: ['210'] })).toEqual([
      'sms.senders[0].destinations[0].to: names 210, which no calling code is or begins',
    ])
    for (const wrong of ['HMT', '+852', 'hongkong', '0044']) {
      expect(withOnes({ ...abroad, to: [wrong] }), wrong).toEqual([
        expect.stringContaining('expected mainland, hmt, international or a calling code such as 852'),
      ])
    }
  })

  test('has a signature where the vendor demands one', () => {
    const { sign_name: _, ...unsigned } = { ...aliyun, templates: undefined, destinations: [abroad] }
    expect(problems([unsigned], ['852'])).toEqual([
      'sms.senders[0].destinations[0].sign_name: is missing: messages to international need a signature',
    ])
    const text = { ...unsigned, destinations: [{ ...abroad, templates: forEachPurpose({ text: 'Code {otp}' }) }] }
    expect(problems([text], ['852'])).toEqual([])
  })

  test('has texts outside the mainland alone, and the code in each', () => {
    expect(withOnes({ to: ['mainland'], templates: forEachPurpose({ text: 'Code {otp}' }) })).toEqual([
      expect.stringContaining('SendMessageToGlobe sends nothing to the mainland'),
    ])
    expect(withOnes({ ...abroad, templates: forEachPurpose({ text: 'Code {code}' }) }).join()).toContain('{otp}')
  })
})

describe('messages to owners', () => {
  /** What is said to be untold, of a configuration without problems. */
  function untold(...notices: readonly (object | undefined)[]): string | undefined {
    const senders = notices.map((each) => ({ ...aliyun, ...(each ? { notices: each } : {}) }))
    const env = { MENSHEN_SMS__SENDERS: JSON.stringify(senders) }
    return loadConfig({ env, cwd: '/' }).warnings.find(({ line }) => line.includes('owners'))?.line
  }
  const all = Object.fromEntries(ownerEventNames.map((event) => [event, 'SMS_9']))

  test('without a template are named, unless another sender has one', () => {
    const { merged: _, ...most } = all
    expect(untold(undefined)).toContain('told of nothing by text message')
    expect(untold(most)).toContain('not told by text message of merged: no sender')
    expect(untold(most, { merged: 'SMS_8' })).toBeUndefined()
    expect(untold(all)).toBeUndefined()
  })

  test('name nothing that the event does not have, and no event that there is not', () => {
    const wrong = { password_changed: { code: 'SMS_9', variables: { what: 'device' } } }
    expect(problems([{ ...aliyun, notices: wrong }])).toEqual([
      'sms.senders[0].notices.password_changed: names what; password_changed has time',
    ])
    const text = { way_added: { text: 'Added: {what}, {until}' } }
    expect(problems([{ ...aliyun, destinations: [{ ...abroad, notices: text }] }])).toEqual([
      'sms.senders[0].destinations[0].notices.way_added: names until; way_added has time and what',
    ])
    const params = { export_ready: { id: '2001', params: ['time', 'until', 'what'] } }
    expect(problems([{ ...tencent, notices: params }])[0]).toContain('names what')
    expect(problems([{ ...aliyun, notices: { way_stolen: 'SMS_9' } }])[0]).toContain('way_stolen')
  })

  test('have a template and no text in the mainland, and stand where they are used', () => {
    expect(problems([{ ...aliyun, notices: { merged: { text: 'merged' } } }])[0]).toContain('SendMessageToGlobe')
    const unused = { ...aliyun, templates: undefined, notices: all, destinations: [abroad] }
    expect(problems([unused], ['852'])[0]).toContain('are for nobody')
  })
})

test('the example in the documents serves every country it names', () => {
  const text = readFileSync(new URL('../../docs/operations.md', import.meta.url), 'utf8')
  const [, yaml = ''] = /```yaml\n(sms:\n[\s\S]*?)```/.exec(text) ?? []
  const { senders, countries } = parse(yaml).sms
  expect(countries.length).toBeGreaterThan(3)
  expect(problems(senders, countries)).toEqual([])
})

test('a sender without any template is refused', () => {
  const { templates: _, ...bare } = aliyun
  expect(problems([bare])[0]).toBe('sms.senders[0].templates: is missing; set it, or destinations')
})

describe('keys', () => {
  const keyless = ({ access_key_id: _, access_key_secret: __, ...rest }: typeof aliyun) => rest

  test('are there, or a role in their place, and not both', () => {
    expect(problems([keyless(aliyun)])).toEqual([
      'sms.senders[0].access_key_id: is missing; set it, or ram_role',
      'sms.senders[0].access_key_secret: is missing; set it, or ram_role',
    ])
    expect(problems([{ ...keyless(aliyun), ram_role: {} }])).toEqual([])
    expect(problems([{ ...aliyun, ram_role: {} }])).toHaveLength(2)
    expect(problems([{ ...tencent, cam_role: { name: 'sms' } }])).toHaveLength(2)
    expect(problems([{ ...tencent, token: 'canary' }])).toEqual([])
  })
})
