import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, expect, inject, test } from 'vitest'
import { parse } from 'yaml'
import { createEmptyDatabase, type TestDatabase } from '../support/database.ts'
import { buildImage, type Image, isSent } from '../support/image.ts'
import { runToEnd, startServer } from '../support/server-process.ts'
import { freePort } from '../support/services.ts'

const root = fileURLToPath(new URL('../..', import.meta.url))
const manifest = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'))
const nobody = process.getuid?.() === 0 ? 65_534 : undefined

let image: Image
let database: TestDatabase

beforeAll(async () => {
  image = buildImage()
  database = await createEmptyDatabase()
})
afterAll(async () => {
  image?.remove()
  await database?.drop()
})

/** The environment that compose.yaml gives the server, with an operator's values put in, on the stores of the test. */
async function operatorEnv(port: number): Promise<Record<string, string>> {
  const given: Readonly<Record<string, string>> = {
    ISSUER: 'https://login.example.com',
    MENSHEN_SECRET_KEY: 'operator-key-operator-key-operator-key-oper',
    MENSHEN_SMS__SENDERS: `[{ type: aliyun, access_key_id: id, access_key_secret: hush, sign_name: Menshen,
      templates: { login_code: SMS_1, register_code: SMS_2, reset_code: SMS_3, bind_code: SMS_4 } }]`,
    MENSHEN_SERVER__TRUSTED_PROXIES: '[10.0.0.0/8]',
    MENSHEN_MAIL__URL: 'smtps://user:hush@mail.example.com',
    MENSHEN_MAIL__FROM: 'login@example.com',
    MENSHEN_AGREEMENTS: '[{ id: terms, version: "1", url: "https://example.com/terms" }]',
  }
  const compose = parse(readFileSync(join(root, 'compose.yaml'), 'utf8'))
  const declared = Object.entries<unknown>(compose.services.menshen.environment).map(([name, value]) => [
    name,
    String(value).replace(/\$\{(\w+):-([^}]*)\}/g, (_, variable, otherwise) => given[variable] ?? otherwise),
  ])
  return {
    ...image.env,
    ...Object.fromEntries(declared),
    PORT: String(port),
    DATABASE_URL: database.url,
    REDIS_URL: inject('services').redisUrl,
    MENSHEN_OPS__METRICS: `127.0.0.1:${await freePort()}`,
  }
}

function inImage(env: Readonly<Record<string, string>>, command = image.command) {
  const [program, ...args] = command
  const words = [join(image.folder, 'bin', program), ...args] as [string, ...string[]]
  return { cwd: image.workdir, env, command: words, ...(nobody === undefined ? {} : { uid: nobody }) }
}

test('holds what runs and nothing else', () => {
  const folders = readdirSync(image.workdir).sort()
  expect(folders).toEqual(['interactions', 'migrations', 'node_modules', 'package.json', 'src', 'views'])
  const unwanted = [...Object.keys(manifest.devDependencies), ...Object.keys(manifest.optionalDependencies)]
  expect(unwanted.filter((name) => existsSync(join(image.workdir, 'node_modules', name)))).toEqual([])
  expect(['sandbox', 'test', 'bench', '.git', '.menshen', 'menshen.yaml', '.env'].filter(isSent)).toEqual([])
})

test('runs no program of a package at installation', () => {
  const lock = JSON.parse(readFileSync(join(root, 'package-lock.json'), 'utf8'))
  const entries = Object.entries<{ hasInstallScript?: boolean; dev?: boolean; optional?: boolean }>(lock.packages)
  const scripted = entries.filter(([, entry]) => entry.hasInstallScript && !entry.dev && !entry.optional)
  // It looks whether its binary is there; without that look it works just as well.
  expect(scripted.map(([path]) => path)).toEqual(['node_modules/argon2'])
  expect(readFileSync(join(root, 'Dockerfile'), 'utf8')).toMatch(/^RUN npm ci .*--ignore-scripts/m)
})

test('runs as somebody who may not write into it, serves, and stops when told to', async () => {
  expect(image.user).not.toBe('root')
  const port = await freePort()
  const env = await operatorEnv(port)
  const server = await startServer(inImage(env))
  expect(server.stdout().split('\n').slice(0, 2)).toEqual([
    'Menshen is starting',
    `Menshen is ready at https://login.example.com (listening on 0.0.0.0:${port})`,
  ])

  const url = (path: string) => `http://127.0.0.1:${port}${path}`
  const ready = await fetch(url('/readyz'))
  expect(ready.status).toBe(200)
  const discovery = await (await fetch(url('/.well-known/openid-configuration'))).json()
  expect(discovery).toMatchObject({
    issuer: 'https://login.example.com',
    token_endpoint: 'https://login.example.com/token',
  })
  for (const path of ['/sandbox', '/sandbox/outbox', '/sandbox/clock'])
    expect((await fetch(url(path))).status).toBe(404)
  const metrics = await fetch(`http://${env['MENSHEN_OPS__METRICS']}/metrics`)
  expect(await metrics.text()).toContain('menshen_http_request_seconds')
  expect((await runToEnd(inImage(env, image.healthcheck))).status).toBe(0)

  const began = performance.now()
  expect(await server.stop()).toBe(0)
  expect(performance.now() - began).toBeLessThan(30_000)
  expect((await runToEnd(inImage(env, image.healthcheck))).status).toBe(1)
  expect(`${server.stdout()}${server.stderr()}`).not.toMatch(/hush|operator-key/)
})

test('refuses to start without its settings, in one message that names them all', async () => {
  const { status, stdout, stderr } = await runToEnd(inImage(image.env))
  expect(status).toBe(1)
  expect(stdout).toBe('')
  const settings = ['issuer', 'secret_key', 'database.url', 'sms.senders', 'server.trusted_proxies']
  for (const setting of settings) expect(stderr).toContain(`${setting}:`)
  expect(stderr.match(/the configuration has/g)).toHaveLength(1)
  expect(stderr).not.toMatch(/\n\s+at /)
})

test('does not start with the sandbox on', async () => {
  const env = { ...(await operatorEnv(await freePort())), MENSHEN_SANDBOX: 'true' }
  const { status, stderr } = await runToEnd(inImage(env))
  expect(status).toBe(1)
  expect(stderr).toContain('sandbox: not fit for production')
})
