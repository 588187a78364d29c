import type { MailMessage, MailTemplate } from './mail-sender.ts'

interface Text {
  readonly subject: string
  readonly text: string
}

const subjectsZh: Readonly<Record<MailTemplate, string>> = {
  login_code: '登录验证码',
  register_code: '注册验证码',
  reset_code: '重设密码验证码',
  bind_code: '绑定邮箱验证码',
}

const subjectsEn: Readonly<Record<MailTemplate, string>> = {
  login_code: 'Your login code',
  register_code: 'Your registration code',
  reset_code: 'Your password reset code',
  bind_code: 'Your code to add this e-mail address',
}

/**
 * Subject and body in the reader's language: English where asked for, Chinese otherwise. The code stays out of the
 * subject.
 */
export function mailText({ template, otp, ttlMinutes, locale }: MailMessage): Text {
  if (/^en\b/i.test(locale)) {
    const subject = subjectsEn[template]
    return {
      subject,
      text: [
        `${subject}: ${otp}`,
        '',
        `It is valid for ${ttlMinutes} minutes and works once. Do not share it with anyone.`,
        'If you did not ask for it, ignore this e-mail.',
        '',
      ].join('\n'),
    }
  }
  const subject = subjectsZh[template]
  return {
    subject,
    text: [
      `${subject}：${otp}`,
      '',
      `${ttlMinutes} 分钟内有效，只能使用一次，请勿告诉他人。`,
      '如果不是您本人操作，请忽略这封邮件。',
      '',
    ].join('\n'),
  }
}
