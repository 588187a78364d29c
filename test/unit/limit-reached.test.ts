import { expect, test } from 'vitest'
import { limitReached } from '../../src/oidc/endings/why.ts'

const day = 86_400
const limit = (idle: number, max: number | 'none') => ({ idle: idle * day, max: max === 'none' ? max : max * day })

test.each([
  ['one app, unused', 20, [limit(14, 30)], 'idle', 14],
  ['one app, at its end', 30, [limit(14, 30)], 'max', 30],
  ['one app without an end', 400, [limit(14, 'none')], 'idle', 14],
  ['two apps, the one that kept it longer unused', 30.5, [limit(14, 30), limit(1, 90)], 'idle', 1],
  ['two apps, at the end of the one that kept it longer', 30, [limit(14, 30), limit(1, 90)], 'max', 30],
  ['two apps, unused before either end', 20, [limit(14, 30), limit(1, 90)], 'idle', 14],
  ['a limit that has become shorter since', 60, [limit(14, 30)], 'max', 30],
] as const)('%s', (_, endedAfter, limits, reason, days) => {
  const loginAt = 1_700_000_000
  const told = limitReached({ loginAt, endedAt: loginAt + endedAfter * day, limits })
  expect(told).toMatchObject({ reason, seconds: days * day })
})
