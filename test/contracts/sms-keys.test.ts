import { inspect } from 'node:util'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { startAliyunSms } from '../../sandbox/simulators/aliyun-sms.ts'
import { type CloudMetadata, startCloudMetadata } from '../../sandbox/simulators/cloud-metadata.ts'
import type { Simulator } from '../../sandbox/simulators/simulator.ts'
import { startTencentSms } from '../../sandbox/simulators/tencent-sms.ts'
import { httpClient } from '../../src/base/http.ts'
import { parsePhone } from '../../src/base/phone.ts'
import { buildSmsSender, type SmsSenderOptions, smsSenderOptions } from '../../src/sms/sms-senders.ts'
import { patienceMs } from '../support/patience.ts'
import { forEachPurpose } from '../support/sms-templates.ts'

const hour = 3_600_000
const start = Date.parse('2026-01-01T00:00:00Z')
let now = start
const clock = () => now
const http = httpClient({ timeoutMs: patienceMs, allowInsecure: true })

let metadata: CloudMetadata
let vendor: Simulator & { readonly sent: readonly unknown[] }
let lines: unknown[] = []
const keep = (...line: unknown[]) => void lines.push(line)
const log = { info: keep, warn: keep, error: keep }

type Mode = NonNullable<Parameters<typeof startCloudMetadata>[0]['sessionTokens']>

async function restartMetadata(more: { role?: string; sessionTokens?: Mode } = { role: 'menshen-sms' }) {
  await metadata.close()
  metadata = await startCloudMetadata({ clock, ...more })
}

/** Mainland numbers, each used once. */
let serial = 13_900_000_000
const send = (sender: ReturnType<typeof buildSmsSender>) =>
  sender.send({ to: parsePhone(String(++serial)), template: 'login_code', otp: '739251', ttlMinutes: 5 })

const clouds = {
  aliyun: {
    path: '/latest/meta-data/ram/security-credentials/menshen-sms',
    start: () =>
      startAliyunSms({
        clock,
        accessKeys: { plain: 'plain-secret' },
        temporaryKey: (id) => metadata.issued(id),
        signNames: ['门神'],
        templates: { SMS_1: { variables: ['code'] } },
      }),
    options: (role: object | undefined, keys: Record<string, string> = {}): SmsSenderOptions =>
      smsSenderOptions.parse({
        type: 'aliyun',
        access_key_id: keys['id'],
        access_key_secret: keys['secret'],
        security_token: keys['token'],
        ram_role: role && { metadata_url: metadata.url, ...role },
        sign_name: '门神',
        templates: forEachPurpose('SMS_1'),
        endpoint: vendor.url,
      }),
  },
  tencent: {
    path: '/latest/meta-data/cam/security-credentials/menshen-sms',
    start: () =>
      startTencentSms({
        clock,
        secretKeys: { plain: 'plain-secret' },
        temporaryKey: (id) => metadata.issued(id),
        sdkAppIds: ['1400006666'],
        signNames: ['门神'],
        templates: { '1001': 1 },
      }),
    options: (role: object | undefined, keys: Record<string, string> = {}): SmsSenderOptions =>
      smsSenderOptions.parse({
        type: 'tencent',
        secret_id: keys['id'],
        secret_key: keys['secret'],
        token: keys['token'],
        cam_role: role && { metadata_url: metadata.url, ...role },
        sdk_app_id: '1400006666',
        sign_name: '门神',
        templates: forEachPurpose({ id: '1001', params: ['otp'] }),
        endpoint: vendor.url,
      }),
  },
}

describe.each(['aliyun', 'tencent'] as const)('keys of %s from the role of the machine', (name) => {
  const cloud = clouds[name]
  const build = (options: SmsSenderOptions) =>
    buildSmsSender([options], { http, metadata: http, clock, log, countries: ['86'] })
  const fetches = () => metadata.requests.filter(({ path }) => path === cloud.path).length

  beforeEach(async () => {
    now = start
    lines = []
    metadata = await startCloudMetadata({ clock, role: 'menshen-sms' })
    vendor = await cloud.start()
  })

  afterEach(async () => {
    await Promise.all([vendor.close(), metadata.close()])
  })

  it('are fetched when the first message leaves, and serve the next ones', async () => {
    const sender = build(cloud.options({}))
    expect(metadata.requests).toEqual([])
    expect(await send(sender)).toBe('sent')
    expect(await send(sender)).toBe('sent')
    expect(vendor.sent).toHaveLength(2)
    expect(fetches()).toBe(1)
  })

  it('are fetched once for messages that leave together, now and when they near their end', async () => {
    const sender = build(cloud.options({ name: 'menshen-sms' }))
    await Promise.all(Array.from({ length: 20 }, () => send(sender)))
    expect(fetches()).toBe(1)
    now += 6 * hour - 4 * 60_000
    await Promise.all(Array.from({ length: 20 }, () => send(sender)))
    expect(fetches()).toBe(2)
    now += 10 * 60_000
    await send(sender)
    expect(fetches()).toBe(2)
    expect(vendor.sent).toHaveLength(41)
  })

  it('are used to their end while new ones cannot be had, and asked for no more than every ten seconds', async () => {
    const sender = build(cloud.options({ name: 'menshen-sms' }))
    await send(sender)
    now += 6 * hour - 4 * 60_000
    const broken = () => metadata.faults.push({ kind: 'server_error' }, { kind: 'server_error' })
    broken()
    expect(await send(sender)).toBe('sent')
    const asked = metadata.requests.length
    expect(await send(sender)).toBe('sent')
    expect(metadata.requests).toHaveLength(asked)
    now += 4 * 60_000
    broken()
    await expect(send(sender)).rejects.toMatchObject({
      code: 'sms.undeliverable',
      cause: { vendorCode: 'no_keys', certainlyNotSent: true },
    })
    expect(lines).toMatchObject([[{ vendor_code: 'no_keys', remedy: expect.stringContaining('metadata_url') }, {}]])
  })

  it('are fetched again after the vendor refused them', async () => {
    const sender = build(cloud.options({}))
    await send(sender)
    metadata.revokeAll()
    await expect(send(sender)).rejects.toMatchObject({ code: 'sms.undeliverable' })
    expect(await send(sender)).toBe('sent')
    expect(fetches()).toBe(2)
  })

  it.each([
    ['no role is bound', undefined],
    ['another role is bound', 'other'],
  ])('are not there when %s: nothing is sent, and the next sender is asked', async (_, role) => {
    await restartMetadata(role === undefined ? {} : { role })
    const next = cloud.options(undefined, { id: 'plain', secret: 'plain-secret' })
    const senders = [cloud.options({ name: 'menshen-sms' }), next]
    const both = buildSmsSender(senders, { http, metadata: http, clock, log, countries: ['86'] })
    expect(await send(both)).toBe('sent')
    expect(vendor.sent).toHaveLength(1)
  })

  it('are shown by nothing that is printed', async () => {
    const options = cloud.options({})
    await send(build(options))
    metadata.revokeAll()
    const refused = await send(build(options)).catch((error: unknown) => error)
    const printed = inspect([options, refused, lines], { depth: 9 })
    const tokens = vendor.requests.map(({ headers }) => headers['x-acs-security-token'] ?? headers['x-tc-token'])
    expect(tokens).toHaveLength(2)
    for (const token of tokens) expect(printed).not.toContain(token)
  })

  it('stay away from the metadata service while keys stand in the settings', async () => {
    expect(await send(build(cloud.options(undefined, { id: 'plain', secret: 'plain-secret' })))).toBe('sent')
    expect(metadata.requests).toEqual([])
  })

  it('may be temporary ones in the settings, with their token', async () => {
    const role = { aliyun: 'STS.', tencent: 'AKID' }[name]
    const answer = (await (await fetch(metadata.url + cloud.path)).json()) as Record<string, string>
    const [id, secret, token] = [
      answer.AccessKeyId ?? answer.TmpSecretId,
      answer.AccessKeySecret ?? answer.TmpSecretKey,
      answer.SecurityToken ?? answer.Token,
    ]
    if (id === undefined || secret === undefined || token === undefined) throw new Error('no keys')
    expect(id.startsWith(role)).toBe(true)
    expect(await send(build(cloud.options(undefined, { id, secret, token })))).toBe('sent')
    await expect(send(build(cloud.options(undefined, { id, secret })))).rejects.toMatchObject({
      code: 'sms.undeliverable',
    })
  })
})

describe('the metadata service of Aliyun', () => {
  beforeEach(async () => {
    now = start
    metadata = await startCloudMetadata({ clock, role: 'menshen-sms' })
    vendor = await clouds.aliyun.start()
  })

  afterEach(async () => {
    await Promise.all([vendor.close(), metadata.close()])
  })

  it.each<Mode>(['optional', 'required', 'old'])('is asked as it wants where session tokens are %s', async (mode) => {
    await restartMetadata({ role: 'menshen-sms', sessionTokens: mode })
    const sender = buildSmsSender([clouds.aliyun.options({})], { http, metadata: http, clock, log, countries: ['86'] })
    expect(await send(sender)).toBe('sent')
    const tokens = metadata.requests.map(({ headers }) => headers['x-aliyun-ecs-metadata-token'] !== undefined)
    expect(tokens).toEqual(mode === 'old' ? [false, false, false] : [false, true, true])
    expect(metadata.requests.map(({ method }) => method)).toEqual(['PUT', 'GET', 'GET'])
  })
})
