import { readFileSync } from 'node:fs'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { breachedTop } from '../../scripts/breached.ts'
import { breachedTopFile, isBreachedTop } from '../../src/accounts/breached-top.ts'
import { isCommonPassword } from '../../src/accounts/common-passwords.ts'
import { passwordOptions, passwords } from '../../src/accounts/passwords.ts'
import { AppError } from '../../src/base/errors.ts'

const policy = passwordOptions.parse({ blocked_words: ['menshen'] })
// The rules use nothing but the policy.
const unused = {} as never
const parts = { database: unused, directory: unused, hasher: unused, store: unused, guard: unused }
const rules = passwords({ ...parts, clock: () => 0, policy })

function refusal(password: string, words?: readonly string[]): unknown {
  try {
    rules.check(password, words)
    return 'accepted'
  } catch (error) {
    if (!(error instanceof AppError)) throw error
    expect(error.field).toBe('new_password')
    return [error.code, error.params]
  }
}

describe('the length of a password', () => {
  test('is counted in characters after normalising, not in bytes or halves', () => {
    expect(refusal('山高水长风清月')).toEqual(['password.too_short', { min: 8 }])
    expect(refusal('山高水长风清月明')).toBe('accepted')
    expect(refusal('🐉🌊🏮🎋🧧🥟🐼')).toEqual(['password.too_short', { min: 8 }])
    expect(refusal('🐉🌊🏮🎋🧧🥟🐼🀄')).toBe('accepted')
    expect(refusal('cafe\u0301 oj')).toEqual(['password.too_short', { min: 8 }])
  })

  test('may be up to 256 characters', () => {
    const long = Array.from({ length: 256 }, (_, n) => String.fromCodePoint(0x4e00 + n * 7)).join('')
    expect(refusal(long)).toBe('accepted')
    expect(refusal(`${long}x`)).toEqual(['password.too_long', { max: 256 }])
    expect(refusal('\ufdfa'.repeat(200))).toEqual(['password.too_long', { max: 256 }])
    expect(refusal('y'.repeat(1_000_000))).toEqual(['password.too_long', { max: 256 }])
  })
})

describe('a common password', () => {
  test.each(
    (
      'password 12345678 123456789 1234567890 87654321 11111111 00000000 88888888 12341234 123123123 11223344 1qaz2wsx 1q2w3e4r ' +
      'q1w2e3r4t5 qwertyuiop asdfghjkl zxcvbnm123 qwer1234 asdf1234 abcd1234 abc123456 a1b2c3d4 aa123456 a1234567 123456789a ' +
      'Password1 P@ssw0rd passw0rd! iloveyou1 sunshine princess football letmein1 welcome123 Admin@123 admin888 root1234 ' +
      'woaini1314 woaini520 woaini123 520woaini 5201314a a5201314 1314520a 7758521a aini1314520 qq123456 ' +
      'zhangwei1990 wangwei123 liwei19880808 19900101 20080808 13800138000 taobao123 weixin666 147258369 789456123 ' +
      'woainilili woaini521xx a123456xyz qq8362915047 vx29471638 8362915047qq.com 1990-01-01 1987年6月5日 cdtnkfyf ' +
      'abababab １２３４５６７８ qweasdzxc 1qazxsw2 beijing2008 我爱你我爱你我爱你 我爱你5201314 密码12345678'
    ).split(' '),
  )('like %s is refused', (password) => {
    expect(refusal(password)).toEqual(['password.common', {}])
  })

  test.each([
    'correct horse battery staple',
    'vbnhg7f2kd',
    '8362915047',
    '蓝天白云下的小狗',
    'sunset-verdict-42',
    'tr0ub4dor&3xK',
    'xiguazhentian7x',
    'kettle in the rain',
  ])('is not what reads %s', (password) => {
    expect(refusal(password)).toBe('accepted')
  })

  test.each([
    ['menshen2026', []],
    ['M3nsh3n!!', []],
    ['kunlunshan1', ['kunlunshan']],
    ['kunlun.shan8', ['kunlun.shan@example.com']],
    ['x13900139000x', ['+8613900139000']],
    ['mm57290461', ['+8613957290461']],
    ['p7290461q', ['+8613957290461']],
    ['昆仑山昆仑山88', ['昆仑山']],
  ])('is %s for somebody called %j', (password, words) => {
    expect(refusal(password, words)).toEqual(['password.common', {}])
  })

  test('is one of the 100 000 that leaks hold most often, in a file of 4 bytes each', () => {
    const made = breachedTop()
    expect(made.equals(readFileSync(breachedTopFile))).toBe(true)
    expect(made.length / 4).toBeGreaterThan(99_990)
    expect(['cdtnkfyf', 'password1', 'trustno1'].map(isBreachedTop)).toEqual([true, true, true])
    const others = Array.from({ length: 20_000 }, (_, index) => `fine ${index} words`)
    // One of 43 000 is expected.
    expect(others.filter(isBreachedTop).length).toBeLessThan(4)
  })

  test('is recognised in time that does not explode, whatever was typed', () => {
    const typed = fc.oneof(
      fc.string({ unit: 'binary', maxLength: 60 }),
      fc.string({ unit: fc.constantFrom('1', 'a', 'ab', '12', 'ai', 'ni', 'wo', '.'), maxLength: 30 }),
    )
    fc.assert(
      fc.property(typed, (text) => {
        isCommonPassword(text, ['aiaini', 'wo.ni', '121'])
      }),
      // Some milliseconds each; a search that backtracks would take seconds, and with it the test its time.
      { seed: 20261120, numRuns: 200 },
    )
  })
})

describe('the settings', () => {
  test('have defaults as strong as asked for', () => {
    expect(passwordOptions.parse({})).toEqual({
      min_length: 8,
      blocked_words: ['menshen'],
      breached: { mode: 'top', url: 'https://api.pwnedpasswords.com', timeout: 2 },
      argon2: { memory_kib: 19_456, time_cost: 2, parallelism: 1 },
      former_secrets: {},
      max_queue: 64,
      lock: {
        tries: 5,
        first: 30,
        longest: 900,
        forget_after: 86_400,
        in_a_row: 100,
        per_ip: [
          { max: 15, seconds: 60 },
          { max: 150, seconds: 3600 },
        ],
      },
    })
  })

  test.each([
    [{ min_length: 7 }],
    [{ argon2: { memory_kib: 19_455 } }],
    [{ argon2: { time_cost: 1 } }],
    [{ argon2: { memory_kib: 12_287, time_cost: 3 } }],
    [{ argon2: { memory_kib: 7000, time_cost: 9 } }],
    [{ argon2: { parallelism: 0 } }],
    [{ max_queue: 0 }],
    [{ workers: 0 }],
    [{ lock: { tries: 0 } }],
    [{ lock: { longest: '10s' } }],
    [{ lock: { longest: '2h' } }],
    [{ lock: { forget_after: '10m' } }],
    [{ lock: { forever: true } }],
    [{ minLength: 9 }],
  ])('refuse %o', (input) => {
    expect(passwordOptions.safeParse(input).success).toBe(false)
  })

  test.each([
    [{ memory_kib: 12_288, time_cost: 3 }],
    [{ memory_kib: 7168, time_cost: 5 }],
    [{ memory_kib: 65_536, time_cost: 1 }],
  ])('accept the equivalent %o', (argon2) => {
    expect(passwordOptions.safeParse({ argon2 }).success).toBe(true)
  })
})
