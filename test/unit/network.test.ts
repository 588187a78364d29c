import { expect, test } from 'vitest'
import { networksOf } from '../../src/base/network.ts'

test.each([
  ['203.0.113.7', '203.0.113.7'],
  ['2001:db8:0:42:1:2:3:4', '2001:db8:0:42'],
  ['2001:0db8:0000:0042::9', '2001:db8:0:42'],
  ['2001:db8::1', '2001:db8:0:0'],
  ['::1', '0:0:0:0'],
  ['fe80::1%eth0', 'fe80:0:0:0'],
  ['1:2:3:4:5:6:7::', '1:2:3:4'],
  ['::ffff:203.0.113.7', '203.0.113.7'],
  ['::FFFF:cb00:7107', '203.0.113.7'],
  ['0:0:0:0:0:ffff:203.0.113.7%eth0', '203.0.113.7'],
  ['64:ff9b::203.0.113.7', '203.0.113.7'],
  ['64:FF9B:0::cb00:7107', '203.0.113.7'],
  ['2002:cb00:7107:beef::1', '203.0.113.7'],
  ['2001:0:4136:e378:8000:63bf:34ff:8ef8', '203.0.113.7'],
  ['2001:DB8::0042:0:0:1', '2001:db8:0:0'],
  ['2001:db8:0:00ff::', '2001:db8:0:ff'],
  ['', 'unknown'],
  ['203.0.113.007', 'unknown'],
  ['203.0.113.7:5123', 'unknown'],
  ['nonsense', 'unknown'],
])('%s is counted as %s', (ip, network) => {
  expect(networksOf(ip)[0]?.name).toBe(network)
})

test('the networks around an address, narrowest first', () => {
  expect(networksOf('203.0.113.7')).toEqual([
    { name: '203.0.113.7', width: 'address' },
    { name: '203.0.113.0/24', width: 'ipv4_24' },
  ])
  expect(networksOf('2001:db8:1:2345::9')).toEqual([
    { name: '2001:db8:1:2345', width: 'address' },
    { name: '2001:db8:1:2300/56', width: 'ipv6_56' },
    { name: '2001:db8:1:0/48', width: 'ipv6_48' },
  ])
})
