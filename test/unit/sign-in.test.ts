import { expect, test } from 'vitest'
import { deviceName } from '../../src/oidc/records/sign-in.ts'

const webkit = 'AppleWebKit/537.36 (KHTML, like Gecko)'
const android = `Mozilla/5.0 (Linux; Android 14; 23127PN0CC Build/UKQ1) ${webkit} Version/4.0 Chrome/126.0.0.0 Mobile Safari/537.36`
const iphone = 'Mozilla/5.0 (iPhone; CPU iPhone OS 17_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko)'

test.each([
  [
    `Mozilla/5.0 (Windows NT 10.0; Win64; x64) ${webkit} Chrome/130.0.0.0 Safari/537.36 Edg/130.0.0.0`,
    'Edge · Windows',
  ],
  [`Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) ${webkit} Chrome/130.0.0.0 Safari/537.36`, 'Chrome · macOS'],
  ['Mozilla/5.0 (X11; Linux x86_64; rv:131.0) Gecko/20100101 Firefox/131.0', 'Firefox · Linux'],
  [`${iphone} Version/17.5 Mobile/15E148 Safari/604.1`, 'Safari · iPhone'],
  [`${iphone} Mobile/15E148 MicroMessenger/8.0.49 NetType/WIFI Language/zh_CN`, 'WeChat · iPhone'],
  [`${android} MMWEBID/1 MicroMessenger/8.0.49`, 'WeChat · Android'],
  [`${android} XiaoMi/MiuiBrowser/18.6.0`, 'Mi Browser · Android'],
  [
    `Mozilla/5.0 (Phone; OpenHarmony 5.0) ${webkit} Chrome/114.0.0.0 Safari/537.36 ArkWeb/4.1`,
    'Huawei Browser · HarmonyOS',
  ],
  ['curl/8.9.1', undefined],
  ['', undefined],
  [`${'x'.repeat(100_000)}Chrome/1 Windows`, undefined],
])('%s is %s', (userAgent, name) => {
  expect(deviceName(userAgent)).toBe(name)
})
