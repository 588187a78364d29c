import { expect, test } from 'vitest'
import { diskFinding } from '../../src/cli/doctor-places.ts'
import { checkClock } from '../../src/cli/doctor-stores.ts'

test.each([
  [200, 'ok'],
  [-1500, 'warn'],
  [60_000, 'fail'],
])('a clock %i ms apart is %s', (aheadMs, status) => {
  expect(checkClock(aheadMs)).toMatchObject({ name: 'clock', status })
})

test.each([
  [5e9, 'ok'],
  [5e8, 'warn'],
  [5e7, 'fail'],
])('a disk with %i bytes left is %s', (bytes, status) => {
  expect(diskFinding(bytes, '/data')).toMatchObject({ name: 'disk', status })
})
