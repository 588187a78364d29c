import { expect, test } from 'vitest'
import { networkOf } from '../../src/base/network.ts'

test.each([
  ['203.0.113.7', '203.0.113.7'],
  ['2001:db8:0:42:1:2:3:4', '2001:db8:0:42'],
  ['2001:0db8:0000:0042::9', '2001:db8:0:42'],
  ['2001:db8::1', '2001:db8:0:0'],
  ['::1', '0:0:0:0'],
  ['fe80::1%eth0', 'fe80:0:0:0'],
  ['1:2:3:4:5:6:7::', '1:2:3:4'],
  ['64:ff9b::203.0.113.7', '64:ff9b::203.0.113.7'],
  ['', ''],
])('%s is counted as %s', (ip, network) => {
  expect(networkOf(ip)).toBe(network)
})
