import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { buildOneTapVendors, oneTapOptions } from '../../interactions/methods/one-tap.ts'
import { type AliyunDypnsSimulator, startAliyunDypns } from '../../sandbox/simulators/aliyun-dypns.ts'
import { Carrier } from '../../sandbox/simulators/carrier.ts'
import { type CloudMetadata, startCloudMetadata } from '../../sandbox/simulators/cloud-metadata.ts'
import { httpClient } from '../../src/base/http.ts'
import { clock } from '../support/app-worlds.ts'
import { patienceMs } from '../support/patience.ts'

const phone = '13800138000'
const http = httpClient({ timeoutMs: patienceMs, allowInsecure: true })
const carrier = new Carrier({ clock, univerifyAppid: '__UNI__0000001', aliyunScheme: 'ours' })

describe('one tap of Aliyun with the role of the machine', () => {
  let metadata: CloudMetadata
  let vendor: AliyunDypnsSimulator

  beforeAll(async () => {
    metadata = await startCloudMetadata({ clock, role: 'menshen', sessionTokens: 'required' })
    const temporaryKey = (id: string) => metadata.issued(id)
    vendor = await startAliyunDypns({ clock, carrier, accessKeys: {}, temporaryKey, scheme: 'ours' })
  })
  afterAll(() => Promise.all([vendor.close(), metadata.close()]))

  function oneTap(ram_role: object) {
    const settings = { vendor: 'aliyun', endpoint: vendor.url, ram_role: { metadata_url: metadata.url, ...ram_role } }
    const options = [oneTapOptions.parse(settings)]
    const [found] = buildOneTapVendors(options, { http, metadata: http, clock, allowInsecure: true })
    if (found === undefined) throw new Error('no vendor')
    return found
  }
  const token = () => ({ carrier_token: carrier.issueAliyunToken(phone) })

  test('asks with its keys, which are fetched again once the vendor refuses them', async () => {
    const found = oneTap({})
    expect(await found.number(token())).toBe(`+86${phone}`)
    metadata.revokeAll()
    await expect(found.number(token())).rejects.toMatchObject({ code: 'one_tap.unavailable' })
    expect(await found.number(token())).toBe(`+86${phone}`)
  })

  test('is unavailable where the role gives no keys', async () => {
    await expect(oneTap({ name: 'other' }).number(token())).rejects.toMatchObject({
      code: 'one_tap.unavailable',
      cause: { vendorCode: 'no_keys' },
    })
  })
})
