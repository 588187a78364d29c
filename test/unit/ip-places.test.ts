import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, it, test } from 'vitest'
import { ConfigError, loadConfig } from '../../src/config/config.ts'
import { openIpPlaces, placesFault } from '../../src/ops/ip-places.ts'
import { provinceCodes, provinceNamed } from '../../src/ops/provinces.ts'
import { xdb } from '../support/xdb.ts'

const folder = mkdtempSync(join(tmpdir(), 'menshen-places-'))
afterAll(() => rmSync(folder, { recursive: true }))

const ipv4 = written(
  'v4.xdb',
  xdb(4, [
    { from: '1.0.0.0', to: '1.0.0.255', line: '中国|广东省|深圳市|电信|CN' },
    { from: '1.0.1.0', to: '1.0.1.255', line: '中国|0|内蒙古自治区|包头市|联通' },
    { from: '1.0.2.0', to: '1.0.2.255', line: '中国|||电信|CN' },
    { from: '1.0.3.0', to: '1.0.3.255', line: '中国|台湾省|台北市||CN' },
    { from: '1.0.4.0', to: '1.0.4.255', line: 'Hong Kong|Central|Hong Kong|HKT|HK' },
    { from: '1.0.5.0', to: '1.0.5.255', line: 'Japan|Tokyo|Tokyo|NTT|JP' },
    { from: '1.0.6.0', to: '1.0.6.255', line: 'Reserved|Reserved|Reserved|0|0' },
    { from: '1.0.7.0', to: '1.0.7.255', line: 'a line that somebody has made up' },
    { from: '203.0.113.7', to: '203.0.113.9', line: '中国|四川|成都|移动|CN' },
  ]),
)
const ipv6 = written(
  'v6.xdb',
  xdb(6, [{ from: '2408:8400::', to: '2408:84ff:ffff::', line: '中国|浙江省|杭州市|联通|CN' }]),
)

function written(name: string, bytes: Buffer): string {
  const path = join(folder, name)
  writeFileSync(path, bytes)
  return path
}

describe('where an address is', () => {
  const failures: unknown[] = []
  const places = openIpPlaces({ ipv4, ipv6 }, (error) => failures.push(error))

  it.each([
    ['1.0.0.1', { province: 'GD' }],
    ['1.0.1.255', { province: 'NM' }],
    ['1.0.2.0', { country: 'CN' }],
    ['1.0.3.9', { province: 'TW' }],
    ['1.0.4.9', { province: 'HK' }],
    ['1.0.5.9', { country: 'JP' }],
    ['1.0.6.9', undefined],
    ['1.0.7.9', undefined],
    ['1.0.8.0', undefined],
    ['203.0.113.7', { province: 'SC' }],
    ['203.0.113.9', { province: 'SC' }],
    ['203.0.113.10', undefined],
    ['::ffff:203.0.113.8', { province: 'SC' }],
    ['127.0.0.1', undefined],
    ['2408:8400::1', { province: 'ZJ' }],
    ['2408:8500::1', undefined],
    ['::1', undefined],
  ])('%s is in %o', async (ip, place) => {
    expect(await places.find(ip)).toEqual(place)
    expect(failures).toEqual([])
  })

  it('is not known without a file', async () => {
    const none = openIpPlaces({}, (error) => failures.push(error))
    expect(await none.find('1.0.0.1')).toBeUndefined()
    const four = openIpPlaces({ ipv4 }, (error) => failures.push(error))
    expect(await four.find('2408:8400::1')).toBeUndefined()
    expect(failures).toEqual([])
  })

  it('is not known, and told once to whoever asks, where the file is broken inside', async () => {
    const bytes = xdb(4, [{ from: '1.0.0.0', to: '1.0.0.255', line: '中国|广东省|深圳市|电信|CN' }])
    bytes.writeUInt32LE(0xff_ff_ff_00, bytes.length - 18)
    const broken = openIpPlaces({ ipv4: written('broken.xdb', bytes) }, (error) => failures.push(error))
    expect(await broken.find('1.0.0.1')).toBeUndefined()
    expect(failures).toHaveLength(1)
  })
})

test('every province is found by its short and its long name, and by nothing else', () => {
  expect(provinceCodes).toHaveLength(34)
  expect(['广东', '广东省', '广西壮族自治区', '陕西省', '山西省', '上海市', '纽约', ''].map(provinceNamed)).toEqual([
    'GD',
    'GD',
    'GX',
    'SN',
    'SX',
    'SH',
    undefined,
    undefined,
  ])
})

describe('a file of places', () => {
  it('is good as the maker writes it', () => {
    expect([placesFault(ipv4, 'ipv4'), placesFault(ipv6, 'ipv6')]).toEqual([undefined, undefined])
  })

  it.each([
    [
      'cut off',
      xdb(4, [{ from: '1.0.0.0', to: '1.0.0.9', line: '中国|广东省' }]).subarray(0, -1),
      'the file was cut off',
    ],
    ['empty', Buffer.alloc(0), 'expected an xdb file'],
    ['of another kind', Buffer.alloc(600_000, 'x'), 'expected an xdb file'],
    ['for other addresses', xdb(6, []), 'for addresses of ipv4, found IPv6'],
  ])('that is %s stops the start, with its path', (name, bytes, message) => {
    const path = written(`${name}.xdb`, bytes)
    const load = () => loadConfig({ env: { MENSHEN_OPS__IP_PLACES_FILE: path }, cwd: folder })
    expect(load).toThrow(ConfigError)
    expect(load).toThrow(/ops\.ip_places_file/)
    expect(load).toThrow(message)
  })

  it('is looked for where the server was started', () => {
    const env = { MENSHEN_OPS__IP_PLACES_FILE: 'v4.xdb', MENSHEN_OPS__IP_PLACES_FILE_IPV6: 'v6.xdb' }
    expect(loadConfig({ env, cwd: folder }).config.ops).toMatchObject({
      ip_places_file: ipv4,
      ip_places_file_ipv6: ipv6,
    })
    expect(() => loadConfig({ env: { MENSHEN_OPS__IP_PLACES_FILE: 'nowhere.xdb' }, cwd: folder })).toThrow(
      /ops\.ip_places_file.*nowhere\.xdb/,
    )
  })
})
