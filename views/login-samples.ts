import type { AgreeView, CaptchaView, HumanCheckView, LoginView } from './login-views.ts'
import { agreements, countries } from './sample-values.ts'

const login: LoginView = {
  method: 'sms',
  values: {},
  countries,
  agreements,
  reauthenticate: false,
  canRegister: true,
  cancelAllowed: true,
  offeredMethods: ['sms', 'password'],
  connections: [],
}

/** An operator's picture for a button; ours stands for it here. */
const ownIcon = { icon: 'own', ownIcon: 'logo.svg' }

/** The login page in all the ways it can look. */
export const loginSamples: readonly LoginView[] = [
  login,
  {
    ...login,
    values: { phone: '1380013800', country: '86' },
    ended: { message: '您已 14 天没有使用，请重新登录。', at: new Date('2026-03-01T12:34:56Z') },
    error: { code: 'phone.invalid', message: '手机号格式不正确，请检查号码和国家或地区代码。', field: 'phone' },
  },
  {
    ...login,
    method: 'password',
    connections: [
      { id: 'wechat', provider: 'wechat', icon: 'wechat', isHere: true, isLast: true },
      { id: 'github', provider: 'github', icon: 'github', isHere: true, isLast: false },
      { id: 'corp', provider: 'oidc:corp', label: '公司账号', icon: 'key', isHere: false, isLast: false },
      { id: 'official', provider: 'wechat', icon: 'wechat', isHere: false, isLast: false, places: ['own_app'] },
      { id: 'website', provider: 'wechat', icon: 'wechat', isHere: false, isLast: false, places: ['computer'] },
      {
        id: 'both',
        provider: 'wechat',
        icon: 'wechat',
        isHere: false,
        isLast: false,
        places: ['own_app', 'computer'],
      },
    ],
  },
  {
    ...login,
    method: 'password',
    values: { identifier: 'linxiaoyu' },
    error: {
      code: 'password.wrong',
      message: '账号或密码错误，请重新输入。多次出错后请找回密码、用其他方式登录，或换用登录过的设备。',
      field: 'password',
    },
  },
  {
    ...login,
    method: 'password',
    values: { identifier: 'linxiaoyu' },
    error: {
      code: 'password.locked',
      message: '密码输错次数过多，请5分钟后再试。其他登录方式不受影响，登录过此账号的设备也不受影响。',
    },
    retryAfterSeconds: 300,
  },
  {
    ...login,
    reauthenticate: true,
    method: '',
    offeredMethods: [],
    canRegister: false,
    connections: [{ id: 'github', provider: 'github', icon: 'github', isHere: true, isLast: false }],
  },
  { ...login, reauthenticate: true, known: '138****8000', method: 'password', agreements: [], canRegister: false },
  {
    ...login,
    reauthenticate: true,
    values: { phone: '13800138000', country: '86' },
    offeredMethods: ['sms'],
    agreements: [],
    cancelAllowed: false,
  },
  {
    ...login,
    isInApp: true,
    home: { id: 'wechat', provider: 'wechat', icon: 'wechat', isHere: true, isLast: false },
    connections: [
      { id: 'weibo', provider: 'weibo', icon: 'weibo', isHere: true, isLast: false },
      { id: 'qq', provider: 'qq', icon: 'qq', isHere: false, isLast: false },
    ],
  },
  {
    ...login,
    isInApp: true,
    isUnfolded: true,
    home: { id: 'corp', provider: 'oidc:corp', label: '公司账号', ...ownIcon, isHere: true, isLast: true },
    connections: [
      { id: 'wechat', provider: 'wechat', icon: 'wechat', isHere: true, isLast: false },
      { id: 'qq', provider: 'qq', icon: 'qq', isHere: true, isLast: false },
      { id: 'weibo', provider: 'weibo', icon: 'weibo', isHere: true, isLast: false },
      { id: 'apple', provider: 'apple', icon: 'apple', isHere: true, isLast: false },
      { id: 'github', provider: 'github', icon: 'github', isHere: true, isLast: false },
      { id: 'alipay', provider: 'oidc:alipay', label: '支付宝', icon: 'alipay', isHere: true, isLast: false },
      { id: 'other', provider: 'oidc:other', label: 'OpenID', icon: 'openid', isHere: true, isLast: false },
      { id: 'school', provider: 'oidc:school', label: '校园网', ...ownIcon, isHere: true, isLast: false },
    ],
  },
  { ...login, needsPhone: true, offeredMethods: ['sms'], connections: [], canRegister: false, agreements: [] },
  {
    ...login,
    method: 'password',
    offeredMethods: ['password'],
    agreements: [],
    canRegister: false,
    claim: { mayDisown: true },
  },
]

/** The question whether somebody agrees. */
export const agreeSamples: readonly AgreeView[] = [
  {
    agreements,
    fields: [
      { name: 'method', value: 'sms' },
      { name: 'country', value: '86' },
      { name: 'phone', value: '138 0013 8000' },
    ],
    typed: { kind: 'phone', text: '+86 138 0013 8000' },
    back: 'sms',
  },
  {
    agreements,
    fields: [
      { name: 'method', value: 'password' },
      { name: 'identifier', value: 'a.very.long.mailbox.name.indeed@subdomain.of.a.long.example.com' },
      { name: 'carried', value: 'sealed' },
    ],
    typed: { kind: 'identifier', text: 'a.very.long.mailbox.name.indeed@subdomain.of.a.long.example.com' },
    back: 'password',
  },
  {
    agreements,
    fields: [{ name: 'method', value: 'github' }],
    typed: { kind: 'connection', provider: 'github' },
    back: '',
  },
]

/** Pages with the captcha of a vendor. */
export const captchaSamples: readonly CaptchaView[] = [
  {
    vendor: 'sample',
    script: '/assets/menshen.js',
    widget: '{"captcha_id":"id"}',
    answer: ['captcha_lot_number', 'captcha_output', 'captcha_pass_token', 'captcha_gen_time'],
    fields: [
      { name: 'method', value: 'sms' },
      { name: 'carried', value: 'sealed' },
    ],
    back: 'sms',
  },
]

/** The question whether a person is there. */
export const humanCheckSamples: readonly HumanCheckView[] = [
  {
    fields: [
      { name: 'method', value: 'sms' },
      { name: 'country', value: '86' },
      { name: 'phone', value: '138 0013 8000' },
    ],
    typed: { kind: 'phone', text: '+86 138 0013 8000' },
    back: 'sms',
    work: '{}',
    text: '七加五等于几？',
    question: 'sealed',
  },
  {
    fields: [{ name: 'resend', value: '1' }],
    back: '',
    text: '十二减四等于几？',
    question: 'sealed',
    error: { code: 'challenge.wrong', message: '回答不正确。请回答新的问题。', field: 'question_answer' },
  },
]
