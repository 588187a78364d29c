import { accountSamples } from './account-samples.ts'
import { changeSamples } from './change-samples.ts'
import { choiceSamples } from './choice-samples.ts'
import { consentSamples } from './consent-samples.ts'
import { deletionSamples } from './deletion-samples.ts'
import { agreeSamples, captchaSamples, humanCheckSamples, loginSamples } from './login-samples.ts'
import { mergeSamples } from './merge-samples.ts'
import { collectedSamples } from './own-data-samples.ts'
import { agreements, countries, longName, requestId } from './sample-values.ts'
import type { ViewName, Views } from './views.ts'

/**
 * Every page in all the ways it can look: normal, refused, with long names. Tests and the screenshot script render all.
 */
export const samples: { readonly [K in ViewName]: readonly Views[K][] } = {
  collected: collectedSamples,
  login: loginSamples,
  agree: agreeSamples,
  'human-check': humanCheckSamples,
  captcha: captchaSamples,
  code: [
    { channel: 'sms', target: '+86 138 0013 8000', purpose: 'login', method: 'sms', resendAfterSeconds: 60 },
    {
      channel: 'sms',
      target: '138****0004',
      purpose: 'login',
      method: 'sms',
      isUnclear: true,
      resendAfterSeconds: 60,
    },
    {
      channel: 'sms',
      target: '+86 138 0013 8000',
      purpose: 'login',
      method: 'sms',
      isScarce: true,
      resendAfterSeconds: 60,
    },
    {
      channel: 'sms',
      target: '+852 5161 8000',
      purpose: 'login',
      method: 'sms',
      resendAfterSeconds: 0,
      error: { code: 'otp.wrong', message: '验证码不正确，请核对后重新输入。', field: 'otp' },
      triesLeft: 3,
    },
    {
      channel: 'email',
      target: 'lin@example.com',
      purpose: 'register',
      method: 'register',
      isEarlier: true,
      cancelAllowed: true,
      resendAfterSeconds: 25,
    },
    {
      channel: 'sms',
      target: '+86 138 0013 8000',
      purpose: 'login',
      method: 'sms',
      isDead: true,
      over: 'otp.expired',
      cancelAllowed: true,
      resendAfterSeconds: 0,
    },
    {
      channel: 'email',
      target: 'l***u@example.com',
      purpose: 'reset',
      method: 'reset',
      resendAfterSeconds: 42,
      error: { code: 'otp.too_soon', message: '验证码获取太频繁，请42秒钟后再试。' },
    },
    {
      channel: 'email',
      target: 'l***u@example.com',
      purpose: 'bind',
      method: 'email',
      formToken: 'q1w2e3r4',
      resendAfterSeconds: 60,
    },
  ],
  'password-new': [
    {
      purpose: 'reset',
      method: 'reset',
      minLength: 8,
      username: 'linxiaoyu',
      needsCurrent: false,
      canSkip: false,
      back: 'password',
      cancelAllowed: true,
    },
    { purpose: 'set', minLength: 8, needsCurrent: false, formToken: 'q1w2e3r4', canSkip: true },
    { purpose: 'link', minLength: 8, needsCurrent: false, canSkip: false },
    {
      purpose: 'change',
      minLength: 8,
      username: '+8613800138000',
      needsCurrent: true,
      formToken: 'q1w2e3r4',
      canSkip: true,
      canSignOutOthers: true,
      error: { code: 'password.common', message: '这个密码太常见，容易被猜到，请换一个。', field: 'new_password' },
    },
  ],
  register: [
    { kind: 'phone', offeredKinds: ['phone', 'email', 'username'], values: {}, countries, agreements, minLength: 8 },
    {
      kind: 'email',
      offeredKinds: ['phone', 'email', 'username'],
      values: { identifier: 'lin@' },
      countries,
      agreements,
      minLength: 8,
      error: {
        code: 'email.invalid',
        message: '邮箱格式不正确，请检查后重新输入，例如 name@example.com。',
        field: 'identifier',
      },
    },
    {
      kind: 'username',
      offeredKinds: ['phone', 'email', 'username'],
      values: { identifier: 'li' },
      countries,
      agreements,
      minLength: 10,
      error: {
        code: 'username.invalid',
        message: '用户名须为 3 至 32 个字符，可用中文、字母、数字和 _ . -，且至少含一个字母或汉字。',
        field: 'identifier',
        others: [
          { code: 'password.too_short', message: '密码太短，请按提示的长度重新设置。', field: 'new_password' },
          { code: 'agreement.required', message: '请先阅读并勾选同意相关协议。', field: 'agreement' },
        ],
      },
    },
    {
      kind: 'username',
      offeredKinds: ['username'],
      values: {},
      countries,
      agreements,
      minLength: 8,
      needsInvite: true,
    },
  ],
  reset: [
    { values: {}, agreements },
    {
      values: { identifier: '' },
      agreements,
      error: { code: 'identifier.required', message: '请输入手机号、邮箱或用户名。', field: 'identifier' },
    },
  ],
  ...consentSamples,
  logout: [
    { action: '/session/end/confirm', xsrf: 'b7f1c2', clientName: '茶园记账', accountLabel: '138****8000' },
    { action: '/session/end/confirm', xsrf: 'b7f1c2' },
  ],
  'logout-done': [{}, { clientName: longName }],
  error: [
    {
      title: '本次登录已结束',
      code: 'attempt.expired',
      message: '本次登录已过期或已完成，请返回应用重新登录。',
      requestId,
      at: new Date('2026-03-01T12:34:56Z'),
      homeHref: 'https://tea.example.com/',
    },
    {
      title: '操作过于频繁',
      code: 'request.too_many',
      message: '操作太频繁，请90秒钟后再试。',
      hint: '多人共用一个网络时也可能出现这种情况。',
      requestId,
      at: new Date('2026-03-01T12:34:56Z'),
      retryHref: '/interaction/abc',
      homeHref: 'https://tea.example.com/',
      retryAfterSeconds: 90,
    },
    {
      title: '暂时无法继续',
      code: 'server.unexpected',
      message: '服务出现意外问题。',
      requestId,
      at: new Date('2026-03-01T12:34:56Z'),
    },
  ],
  'device-code': [
    { action: '/device', xsrf: 'b7f1c2' },
    {
      action: '/device',
      xsrf: 'b7f1c2',
      userCode: 'WDJB-MJHX',
      error: { code: 'request.invalid', message: '代码不正确或已过期，请核对设备上的代码。', field: 'user_code' },
    },
  ],
  'device-confirm': [
    {
      action: '/device',
      xsrf: 'b7f1c2',
      userCode: 'WDJB-MJHX',
      clientName: '客厅电视',
      device: { ip: '203.0.113.7', userAgent: 'Mozilla/5.0 (Linux; Android 12; MiTV-AXSO2) AppleWebKit/537.36' },
    },
    { action: '/device', xsrf: 'b7f1c2', userCode: 'WDJB-MJHX', clientName: longName, device: {} },
  ],
  'device-done': [{}, { clientName: '客厅电视' }],
  ...accountSamples,
  ...changeSamples,
  ...deletionSamples,
  ...mergeSamples,
  ...choiceSamples,
  terms: [{ kind: 'terms' }, { kind: 'privacy' }],
  continue: [{ action: '/session/end/confirm', fields: [{ name: 'xsrf', value: 'b7f1c2' }] }],
  message: [
    { title: '邮箱已验证', body: '可以关闭此页，回到原来的页面继续。' },
    { title: longName, body: longName, nextHref: '/account', nextLabel: '查看我的账号' },
  ],
}
