import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { startAliyunSms } from '../../sandbox/simulators/aliyun-sms.ts'
import { startCloudMetadata } from '../../sandbox/simulators/cloud-metadata.ts'
import type { Simulator } from '../../sandbox/simulators/simulator.ts'
import { startTencentSms } from '../../sandbox/simulators/tencent-sms.ts'
import { wallClockMs as clock } from '../../src/cli/doctor-checks.ts'
import { checkSms } from '../../src/cli/doctor-sms.ts'
import { loadConfig } from '../../src/config/config.ts'
import { forEachPurpose } from '../support/sms-templates.ts'

const secret = 'secret-DNTL'
const vendors = {
  aliyun: {
    start: () => startAliyunSms({ clock, accessKeys: { ours: secret }, signNames: [], templates: {} }),
    keys: (id: string, key: string) => ({ access_key_id: id, access_key_secret: key }),
    role: 'ram_role',
    more: { templates: forEachPurpose('SMS_1') },
  },
  tencent: {
    start: () =>
      startTencentSms({ clock, secretKeys: { ours: secret }, sdkAppIds: ['1400006666'], signNames: [], templates: {} }),
    keys: (id: string, key: string) => ({ secret_id: id, secret_key: key }),
    role: 'cam_role',
    more: { templates: forEachPurpose({ id: '1', params: ['otp'] }), sdk_app_id: '1400006666' },
  },
}

describe.each(['aliyun', 'tencent'] as const)('what doctor asks %s', (type) => {
  const { start, keys, role, more } = vendors[type]
  let vendor: Simulator & { readonly sent: readonly unknown[] }

  beforeEach(async () => {
    vendor = await start()
  })
  afterEach(async () => {
    expect(vendor.sent).toEqual([])
    await vendor.close()
  })

  async function found(bent: object) {
    const sender = { type, sign_name: '门神', endpoint: vendor.url, ...more, ...bent }
    const { config } = loadConfig({ env: { MENSHEN_SMS__SENDERS: JSON.stringify([sender]) }, cwd: '/' })
    const findings = await checkSms(config)
    expect(JSON.stringify(findings)).not.toContain('DNTL')
    expect(findings[0]).toMatchObject({
      name: 'sms',
      status: 'ok',
      detail: expect.stringContaining(`${type} (mainland)`),
    })
    return findings[1]
  }

  test('is well answered for the right key', async () => {
    expect(await found(keys('ours', secret))).toMatchObject({
      name: `sms ${type}`,
      status: 'ok',
      detail: expect.stringContaining('so the key is right'),
    })
    expect(vendor.requests).toHaveLength(1)
  })

  test.each([
    ['id', keys('theirs', secret)],
    ['secret', keys('ours', 'other-DNTL')],
  ])('fails for a wrong %s', async (_, wrong) => {
    expect(await found(wrong)).toMatchObject({
      status: 'fail',
      detail: expect.stringContaining('does not accept this server'),
      advice: expect.stringContaining('console'),
    })
  })

  test('fails for a role that gives no keys', async () => {
    const metadata = await startCloudMetadata({ clock })
    expect(await found({ [role]: { metadata_url: metadata.url } })).toMatchObject({
      status: 'fail',
      detail: expect.stringContaining('no_keys'),
      advice: expect.stringContaining('metadata_url'),
    })
    expect(vendor.requests).toEqual([])
    await metadata.close()
  })

  test('fails where nobody answers, and where somebody else does', async () => {
    vendor.faults.push({ kind: 'html_instead' }, { kind: 'reset_before_accept' })
    expect(await found(keys('ours', secret))).toMatchObject({ status: 'fail', detail: expect.stringContaining('odd') })
    expect(await found(keys('ours', secret))).toMatchObject({
      status: 'fail',
      detail: expect.stringContaining('no answer'),
    })
  })
})
