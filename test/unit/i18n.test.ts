import { describe, expect, it } from 'vitest'
import { i18n } from '../../src/base/i18n.ts'

const resources = {
  'zh-CN': {
    'wait.after': '{{duration}}后',
    'wait.later': '稍后',
    'errors.otp.wrong': '验证码不正确',
    'errors.otp.too_soon': '请{{wait}}再试',
    hello: '你好，{{name}}',
  },
  en: {
    'wait.after': 'in {{duration}}',
    'wait.later': 'later',
    'errors.otp.wrong': 'Wrong code',
    'errors.otp.too_soon': 'Try again {{wait}}',
    hello: 'Hello {{name}}',
  },
}
const { negotiate, translate } = i18n({ resources })

describe('choosing a language', () => {
  it.each([
    [{}, 'zh-CN'],
    [{ acceptLanguage: '' }, 'zh-CN'],
    [{ acceptLanguage: '*' }, 'zh-CN'],
    [{ acceptLanguage: 'zh-TW,zh;q=0.9' }, 'zh-CN'],
    [{ acceptLanguage: 'en-US,en;q=0.9,zh;q=0.8' }, 'zh-CN'],
    [{ acceptLanguage: 'en,zh;q=0' }, 'en'],
    [{ acceptLanguage: 'en-GB' }, 'en'],
    [{ acceptLanguage: 'fr-FR,fr;q=0.9' }, 'en'],
    [{ acceptLanguage: 'zh', cookie: 'en' }, 'en'],
    [{ acceptLanguage: 'en', cookie: 'zh-CN' }, 'zh-CN'],
    [{ acceptLanguage: 'en', cookie: '<b>' }, 'en'],
    [{ acceptLanguage: 'zh', cookie: 'zh-CN', uiLocales: 'en-GB' }, 'en'],
    [{ acceptLanguage: 'en', uiLocales: 'fr zh-Hans en' }, 'zh-CN'],
    [{ acceptLanguage: 'en', uiLocales: 'fr' }, 'en'],
    [{ acceptLanguage: 'EN' }, 'en'],
  ])('%j gives %s', (wishes, locale) => {
    expect(negotiate(wishes)).toBe(locale)
  })
})

describe('translating', () => {
  it('reads a key with dots as one flat key', () => {
    expect(translate('zh-CN', 'errors.otp.wrong')).toBe('验证码不正确')
    expect(translate('en', 'errors.otp.wrong')).toBe('Wrong code')
  })

  it('throws for a key no language has, instead of showing it', () => {
    expect(() => translate('en', 'errors.otp')).toThrow('no sentence')
  })

  it('throws when a parameter is missing', () => {
    expect(() => translate('en', 'hello')).toThrow('no value')
  })

  it('leaves a value alone that looks like a template', () => {
    expect(translate('en', 'hello', { name: '$t(errors.otp.wrong) {{wait}} <b>' })).toBe(
      'Hello $t(errors.otp.wrong) {{wait}} <b>',
    )
  })

  it.each([
    [undefined, '请稍后再试', 'Try again later'],
    [1, '请 1 秒后再试', 'Try again in 1 second'],
    [59.2, '请 60 秒后再试', 'Try again in 60 seconds'],
    [301, '请 6 分钟后再试', 'Try again in 6 minutes'],
    [86_400, '请 24 小时后再试', 'Try again in 24 hours'],
    [-5, '请稍后再试', 'Try again later'],
  ])('says how long to wait for retryAfterSeconds %s', (retryAfterSeconds, zh, en) => {
    const params = retryAfterSeconds === undefined ? {} : { retryAfterSeconds }
    expect(translate('zh-CN', 'errors.otp.too_soon', params)).toBe(zh)
    expect(translate('en', 'errors.otp.too_soon', params)).toBe(en)
  })
})
