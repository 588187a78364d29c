import { type AddressInfo, createServer, type Server, type Socket } from 'node:net'
import { createInterface } from 'node:readline'
import { inspect } from 'node:util'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { AppError } from '../../src/base/errors.ts'
import { i18n } from '../../src/base/i18n.ts'
import { tableOf } from '../../src/base/languages.ts'
import type { MailBrand } from '../../src/mail/mail-parts.ts'
import type { MailMessage } from '../../src/mail/mail-sender.ts'
import { mailOptions, smtpMail } from '../../src/mail/smtp.ts'
import { mailText } from '../../src/mail/texts.ts'
import { sentencesOf } from '../../views/engine.ts'

interface Received {
  readonly from: string
  readonly to: readonly string[]
  readonly headers: string
  /** As text, and as HTML. */
  readonly text: string
  readonly html: string
}

/** What the server answers to a command instead of its usual reply. */
let replies: Record<string, string> = {}
/** The command, or the moment, at which the server ends the connection without a word. */
let hangUp: 'EHLO' | 'MAIL' | 'RCPT' | 'text' | 'DATA' | undefined
let commands: string[] = []
let received: Received[] = []
let server: Server
let port: number

/** Speaks as much SMTP (RFC 5321) as one client in good order needs. */
function converse(socket: Socket): void {
  let envelope: { from: string; to: string[] } = { from: '', to: [] }
  let data: string[] | undefined
  const say = (line: string) => socket.write(`${line}\r\n`)
  socket.on('error', () => {})
  say(replies['greeting'] ?? '220 mail.test ESMTP')
  createInterface({ input: socket }).on('line', (line) => {
    if (data !== undefined) {
      if (hangUp === 'text') return void socket.destroy()
      if (hangUp === 'DATA' && line === '.') return void socket.destroy()
      if (line !== '.') return void data.push(line)
      received.push({ ...envelope, ...readMessage(data) })
      data = undefined
      return void say(replies['body'] ?? '250 kept')
    }
    commands.push(line)
    const verb = line.slice(0, 4).toUpperCase()
    const address = /<([^>]*)>/.exec(line)?.[1] ?? ''
    if (verb === hangUp && verb !== 'DATA') return void socket.destroy()
    if (replies[verb] !== undefined) return void say(replies[verb])
    if (verb === 'EHLO') return void say('250-mail.test\r\n250-AUTH PLAIN\r\n250 8BITMIME')
    if (verb === 'AUTH') return void say('235 welcome')
    if (verb === 'MAIL') envelope = { from: address, to: [] }
    if (verb === 'RCPT') envelope.to.push(address)
    if (verb === 'DATA') {
      data = []
      return void say('354 go on')
    }
    if (verb === 'QUIT') return void socket.end('221 bye\r\n')
    say('250 fine')
  })
}

function readMessage(lines: readonly string[]): Pick<Received, 'headers' | 'text' | 'html'> {
  const blank = lines.indexOf('')
  const headers = lines.slice(0, blank).join('\n')
  const boundary = /boundary="([^"]+)"/.exec(headers)?.[1] ?? ''
  const parts = lines
    .slice(blank + 1)
    .join('\n')
    .split(`--${boundary}`)
    .slice(1, -1)
    .map((part) => part.trim())
  const [text = '', html = ''] = parts.map(decoded)
  return { headers, text, html }
}

function decoded(part: string): string {
  const [headers = '', ...rest] = part.split('\n\n')
  const body = rest.join('\n\n')
  if (/^Content-Transfer-Encoding: base64$/m.test(headers)) return Buffer.from(body, 'base64').toString('utf8')
  if (!/^Content-Transfer-Encoding: quoted-printable$/m.test(headers)) return body
  return unquoted(body)
}

/** Quoted-printable, of bodies and of headers (RFC 2045 §6.7, RFC 2047 §4.2). */
function unquoted(text: string): string {
  const bytes = text
    .replace(/=\n/g, '')
    .replace(/=([\dA-F]{2})/g, (_, hex: string) => String.fromCharCode(Number.parseInt(hex, 16)))
  return Buffer.from(bytes, 'latin1').toString('utf8')
}

function subjectOf({ headers }: Received): string {
  const [, folded = ''] = /^Subject: (.*(?:\n .*)*)/m.exec(headers) ?? []
  return folded.replace(/\s*=\?UTF-8\?([BQ])\?([^?]*)\?=/g, (_, kind: string, text: string) =>
    kind === 'B' ? Buffer.from(text, 'base64').toString('utf8') : unquoted(text.replaceAll('_', ' ')),
  )
}

const message: MailMessage = {
  to: 'li@example.com',
  template: 'login_code',
  otp: '739251',
  ttlMinutes: 5,
  locale: 'zh-CN',
}
const optionsFor = (url: string) => mailOptions.parse({ url, from: '"门神" <no-reply@example.cn>' })
const { translate } = i18n({ resources: tableOf(sentencesOf) })
const brand: MailBrand = {
  name: (locale) => (locale === 'en' ? 'Tea & <Garden>' : '茶园'),
  company: '云上茶园科技有限公司',
  homeUrl: 'https://www.example.com/',
  supportUrl: 'mailto:help@example.com',
  accountUrl: 'https://id.example.com/account',
  color: '#8a1c3c',
}
const write = (given: MailMessage) => mailText(given, { translate, brand })
const senderTo = (userInfo = '') => smtpMail(optionsFor(`smtp://${userInfo}127.0.0.1:${port}`), write)

async function refusedBy(sending: Promise<unknown>): Promise<AppError> {
  const thrown: unknown = await sending.then(
    () => undefined,
    (error: unknown) => error,
  )
  expect(thrown).toBeInstanceOf(AppError)
  expect((thrown as AppError).code).toBe('mail.undeliverable')
  expect(inspect(thrown, { depth: 9 })).not.toMatch(/li@example\.com|739251|hunter2/)
  return thrown as AppError
}

beforeEach(async () => {
  replies = {}
  hangUp = undefined
  commands = []
  received = []
  server = createServer(converse)
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  port = (server.address() as AddressInfo).port
})

afterEach(() => void server.close())

describe('the SMTP sender', () => {
  it('delivers the code in Chinese, and keeps it out of the subject', async () => {
    await senderTo().send(message)
    const [mail] = received
    expect(received).toHaveLength(1)
    expect(mail).toMatchObject({ from: 'no-reply@example.cn', to: ['li@example.com'] })
    expect(mail?.headers).toMatch(/^Auto-Submitted: auto-generated$/m)
    expect(mail?.headers).toMatch(/^Content-Type: multipart\/alternative;/m)
    expect(subjectOf(mail!)).toBe('【茶园】登录验证码')
    expect(mail?.text).toContain('登录验证码：739251')
    for (const body of [mail?.text, mail?.html]) {
      expect(body).toContain('739251')
      expect(body).toContain('5 分钟内有效')
    }
  })

  it('says who sends it, in text and in HTML, in the words and the colour of the operator', async () => {
    await senderTo().send({ ...message, locale: 'en' })
    const [mail] = received
    expect(mail?.text).toMatch(/^Tea & <Garden>\n/)
    for (const said of ['云上茶园科技有限公司', 'https://www.example.com/', 'help@example.com']) {
      expect(mail?.text).toContain(said)
      expect(mail?.html).toContain(said)
    }
    expect(mail?.html).toContain('color:#8a1c3c')
  })

  it('puts a name into HTML as text, and loads nothing from anywhere', async () => {
    await senderTo().send({ ...message, locale: 'en' })
    const html = received[0]?.html ?? ''
    expect(html).toContain('Tea &#38; &#60;Garden&#62;')
    expect(html).not.toMatch(/<(img|link|script|style|iframe)|src=|url\(|<Garden>/)
    expect(html).toMatch(/^<!doctype html><html lang="en" dir="ltr">/)
  })

  it.each([
    ['login_code', '【茶园】登录验证码', 'Your sign-in code · Tea & <Garden>'],
    ['register_code', '【茶园】注册验证码', 'Your registration code · Tea & <Garden>'],
    ['reset_code', '【茶园】重置密码验证码', 'Your password reset code · Tea & <Garden>'],
    ['bind_code', '【茶园】绑定邮箱验证码', 'Your code to add this email address · Tea & <Garden>'],
  ] as const)('has a text for %s in both languages', async (template, chinese, english) => {
    await senderTo().send({ ...message, template })
    await senderTo().send({ ...message, template, locale: 'en' })
    expect(received.map(subjectOf)).toEqual([chinese, english])
    for (const { text } of received) expect(text).toMatch(/739251.*5/s)
    expect(received[1]?.text).toContain('valid for 5 minutes')
  })

  it('sends to one address, whatever is inside it', async () => {
    await senderTo()
      .send({ ...message, to: 'li@example.com, eve@example.net' })
      .catch(() => undefined)
    await senderTo()
      .send({ ...message, to: 'li@example.com>\r\nRCPT TO:<eve@example.net' })
      .catch(() => undefined)
    expect(received.flatMap(({ to }) => to)).not.toContain('eve@example.net')
    expect(commands.filter((line) => /^RCPT TO:<eve/i.test(line))).toEqual([])
  })

  it('logs in with the credentials of the address', async () => {
    await senderTo('user:hunter2@').send(message)
    expect(commands).toContain(`AUTH PLAIN ${Buffer.from('\0user\0hunter2').toString('base64')}`)
    expect(received).toHaveLength(1)
  })

  it('keeps credentials to itself where another machine offers no TLS', async () => {
    replies = { STAR: '502 no such command' }
    const wildcard = `0.0.0.0:${port}`
    await refusedBy(smtpMail(optionsFor(`smtp://user:hunter2@${wildcard}`), write).send(message))
    expect(commands.filter((line) => line.startsWith('AUTH'))).toEqual([])
    expect(received).toEqual([])
  })

  it.each([
    ['the greeting', { greeting: '554 not you' }],
    ['the login', { AUTH: '535 wrong password hunter2' }],
    ['the sender', { MAIL: '550 not from you' }],
    ['the recipient', { RCPT: '550 <li@example.com> unknown' }],
    ['the message', { body: '554 739251 looks like spam to li@example.com' }],
  ] as [string, Record<string, string>][])('fails as undeliverable when the server refuses %s', async (_, refusals) => {
    replies = refusals
    const { cause } = await refusedBy(senderTo('user:hunter2@').send(message))
    expect(String(cause)).toMatch(/SMTP failed: E[A-Z]+( 5\d\d)?$/)
  })

  it('fails as undeliverable when nobody listens', async () => {
    server.close()
    const { cause } = await refusedBy(senderTo().send(message))
    expect(String(cause)).toMatch(/SMTP failed: E[A-Z]+$/)
  })

  it.each([
    ['hangs up once it has the text', 'DATA'],
    ['hangs up while it takes the text', 'text'],
  ] as const)('tells a mail as unclear when the server %s', async (_, when) => {
    hangUp = when
    expect(await senderTo().send(message)).toBe('unclear')
  })

  it.each(['EHLO', 'MAIL', 'RCPT'] as const)('fails as undeliverable when the server hangs up at %s', async (when) => {
    hangUp = when
    const { cause } = await refusedBy(senderTo().send(message))
    expect(cause).toMatchObject({ certainlyNotSent: true })
  })

  it('takes only smtp and smtps addresses, and hides them', () => {
    const from = 'no-reply@example.cn'
    for (const url of ['https://mail.example.com', 'mail.example.com', 'file:///etc/passwd', '']) {
      expect(mailOptions.safeParse({ url, from }).success, url).toBe(false)
    }
    expect(mailOptions.safeParse({ url: 'smtps://mail.example.com', from: 'x\r\nBcc: eve@example.net' }).success).toBe(
      false,
    )
    const options = optionsFor('smtps://user:hunter2@mail.example.com:465')
    expect(`${inspect(options)} ${JSON.stringify(options)}`).not.toContain('hunter2')
  })
})
