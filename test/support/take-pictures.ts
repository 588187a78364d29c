import { spawn } from 'node:child_process'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { launchChromium } from './chromium.ts'
import { startLogin } from './login.ts'
import { freePort } from './services.ts'
import { findTools } from './tools.ts'

/** Takes the pictures of the documents from a real server: `node test/support/take-pictures.ts`. */
const root = fileURLToPath(new URL('../..', import.meta.url))
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
  const page = await browser.newPage({ viewport: { width: 420, height: 980 }, deviceScaleFactor: 2, locale: 'zh-CN' })
  await page.goto(startLogin({ issuer }, 'sandbox-demo', `${issuer}/sandbox/callback`).href)
  await page.getByRole('textbox').first().fill('13800138000')
  await page.screenshot({ path: join(root, 'docs/images/login.png') })
} finally {
  await browser.close()
  server.kill('SIGTERM')
  await ended
  await rm(folder, { recursive: true, force: true })
}
