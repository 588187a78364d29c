import { createHash } from 'node:crypto'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { type AliyunDytnsSimulator, startAliyunDytns } from '../../sandbox/simulators/aliyun-dytns.ts'
import { type AliyunCall, callAliyun } from '../support/aliyun-call.ts'

const start = Date.parse('2026-01-01T00:00:00Z')
const mobile = '13900001234'
const sha256 = '2295d39a38a88baeb51cdd78c573284c4c70a2ee795c76b9f66b57da411352c5'
const md5 = '43bd92feb0bd85231f4687cafa2383f8'
let now = start
let vendor: AliyunDytnsSimulator
let serial = 0

beforeEach(async () => {
  now = start
  const accessKeys = { testid: 'testsecret' }
  vendor = await startAliyunDytns({ clock: () => now, accessKeys, authCode: 'auth' })
})
afterEach(() => vendor.close())

interface Body {
  readonly Code: string
  readonly Data?: { readonly VerifyResult: string; readonly Carrier: string }
}

const usual = { AuthCode: 'auth', InputNumber: sha256, Mask: 'SHA256', StartTime: '2025-09-01 08:00:00' }

async function ask(params: Partial<Record<keyof typeof usual, string>> = {}, bent: Partial<AliyunCall> = {}) {
  serial += 1
  const date = new Date(now).toISOString().replace(/\.\d+/, '')
  const about = { action: 'DescribePhoneTwiceTelVerify', version: '2020-02-17', date, nonce: String(serial) }
  const common = { url: vendor.url, host: new URL(vendor.url).host, key: 'testid', secret: 'testsecret' }
  const { body } = await callAliyun<Body>({ ...common, ...about, params: { ...usual, ...params }, ...bent })
  return body.Data?.VerifyResult ?? body.Code
}

describe('DescribePhoneTwiceTelVerify', () => {
  it('says 2 of a number that was not given up', async () => {
    expect(await ask()).toBe('2')
  })

  it('says 1 of one that was given to somebody else after the time that is named, and 2 before it', async () => {
    vendor.giveAgain(mobile, new Date('2025-10-01T00:00:00+08:00'))
    expect(await ask({ StartTime: '2025-09-30 23:59:59' })).toBe('1')
    expect(await ask({ StartTime: '2025-10-01 00:00:00' })).toBe('2')
  })

  it('says 3 of one that was given up, and 0, free of charge, where it does not know', async () => {
    vendor.giveUp(mobile)
    expect(await ask()).toBe('3')
    vendor.hide(mobile)
    expect(await ask()).toBe('0')
    expect(vendor.charged()).toBe(1)
  })

  it('takes a number in three forms, hashes in upper and lower case', async () => {
    vendor.giveUp(mobile)
    for (const [Mask, InputNumber] of [
      ['NORMAL', mobile],
      ['MD5', md5],
      ['MD5', md5.toUpperCase()],
      ['SHA256', sha256.toUpperCase()],
    ] as const) {
      expect(await ask({ Mask, InputNumber })).toBe('3')
    }
    expect(createHash('sha256').update(mobile).digest('hex')).toBe(sha256)
  })

  it.each([
    ['another authorisation code', { AuthCode: 'other' }, 'isv.INVALID_PARAMETERS'],
    ['an unknown mask', { Mask: 'SM3' }, 'isv.INVALID_PARAMETERS'],
    ['a time of another form', { StartTime: '2025-09-01T08:00:00Z' }, 'isv.INVALID_PARAMETERS'],
    ['a time before 1970', { StartTime: '1969-09-01 08:00:00' }, 'isv.INVALID_PARAMETERS'],
    ['a hash of another length', { InputNumber: md5 }, 'isv.MOBILE_NUMBER_ILLEGAL'],
    ['a number with its country', { Mask: 'NORMAL', InputNumber: `86${mobile}` }, 'isv.MOBILE_NUMBER_ILLEGAL'],
    ['a number of a virtual operator', { Mask: 'NORMAL', InputNumber: '17000001234' }, 'RequestNumberNotSupported'],
  ])('refuses %s', async (_, params, code) => {
    expect(await ask(params)).toBe(code)
  })

  it('refuses another version and a wrong signature', async () => {
    expect(await ask({}, { version: '2017-05-25' })).toBe('InvalidVersion')
    expect(await ask({}, { secret: 'other' })).toBe('SignatureDoesNotMatch')
  })

  it('takes a hundred questions in a second', async () => {
    for (let count = 0; count < 100; count++) expect(await ask()).toBe('2')
    expect(await ask()).toBe('RequestFrequencyLimit')
    now += 1000
    expect(await ask()).toBe('2')
  })
})
