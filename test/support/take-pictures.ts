import { spawn } from 'node:child_process'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { Page } from 'playwright-core'
import { launchChromium } from './chromium.ts'
import { startLogin } from './login.ts'
import { freePort } from './services.ts'
import { findTools } from './tools.ts'

/** Takes the pictures of the documents from a real server: `node test/support/take-pictures.ts`. */
const root = fileURLToPath(new URL('../..', import.meta.url))
/** The browser inside WeChat on a phone. */
const wechat =
  'Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Mobile/15E148 MicroMessenger/8.0.50'
const folder = await mkdtemp(join(tmpdir(), 'menshen-pictures-'))
const port = await freePort()
const issuer = `http://localhost:${port}`
const server = spawn(process.execPath, [join(root, 'src/main.ts'), 'serve'], {
  cwd: folder,
  env: { PATH: process.env['PATH'], PORT: String(port), MENSHEN_OPS__METRICS: 'off' },
  stdio: ['ignore', 'pipe', 'inherit'],
})
const ended = new Promise((resolve) => server.once('exit', resolve))
await new Promise<void>((resolve) => {
  server.stdout.on('data', (said: Buffer) => said.includes('is ready at') && resolve())
})

const browser = await launchChromium((await findTools()).chromium)
try {
  const device = { viewport: { width: 420, height: 980 }, deviceScaleFactor: 2, locale: 'zh-CN' } as const
  const shoot = (page: Page, name: string) => page.screenshot({ path: join(root, `docs/images/${name}.png`) })
  const login = startLogin({ issuer }, 'sandbox-demo', `${issuer}/sandbox/callback`).href

  const page = await browser.newPage(device)
  await page.goto(login)
  await page.getByRole('textbox').first().fill('13800138000')
  await shoot(page, 'login')

  const inWechat = await browser.newPage({ ...device, userAgent: wechat })
  await inWechat.goto(login)
  await shoot(inWechat, 'login-wechat')

  await page.getByRole('checkbox').check()
  await page.getByRole('button', { name: '获取验证码' }).click()
  await page.waitForURL(/method=sms/)
  const sent = await fetch(`${issuer}/sandbox/outbox`, { headers: { accept: 'application/json' } })
  const [{ otp = '' } = {}] = (await sent.json()) as { readonly otp: string }[]
  await page.getByLabel('6 位验证码').fill(otp)
  await page.waitForURL(/\/sandbox/)
  await page.goto(`${issuer}/account`)
  await shoot(page, 'account')
} finally {
  await browser.close()
  server.kill('SIGTERM')
  await ended
  await rm(folder, { recursive: true, force: true })
}
