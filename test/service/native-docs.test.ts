import { spawn } from 'node:child_process'
import { randomBytes, randomUUID } from 'node:crypto'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { exportJWK, generateKeyPair, SignJWT } from 'jose'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { parse } from 'yaml'
import { NativeClient } from '../../clients/native/client.ts'
import { base64url, sha256 } from '../../clients/native/encoding.ts'
import { fetchTransport } from '../../clients/native/transports.ts'
import type { Challenge, NativeClientOptions } from '../../clients/native/types.ts'
import { hasher } from '../../src/accounts/hashing.ts'
import { byFetch, install, logIn } from '../support/installation.ts'
import { NativeApp, nativeClients, nativeSms } from '../support/native-app.ts'
import { openWorld, type World } from '../support/world.ts'

const page = new URL('../../docs/native-api.md', import.meta.url)

interface Block {
  readonly language: string
  readonly notes: string
  readonly text: string
}

let world: World
let blocks: readonly Block[]
let folder: string

beforeAll(async () => {
  // Stores and limits of a server as it comes, so that the commands work for people too.
  world = await openWorld({
    stores: 'tables',
    env: {
      MENSHEN_SMS__LIMITS__PER_NUMBER:
        '[{ max: 1, seconds: 60 }, { max: 5, seconds: 3600 }, { max: 10, seconds: 86400 }]',
      MENSHEN_SMS__LIMITS__PER_IP: '[{ max: 20, seconds: 3600 }, { max: 100, seconds: 86400 }]',
    },
  })
  folder = await mkdtemp(join(tmpdir(), 'menshen-native-docs-'))
  const text = await readFile(page, 'utf8')
  blocks = [...text.matchAll(/^```(\w+) ?(.*)\n([\s\S]*?)^```$/gm)].map(
    ([, language = '', notes = '', block = '']) => ({
      language,
      notes,
      text: block.replaceAll('http://localhost:3000', world.issuer),
    }),
  )
})
afterAll(async () => {
  await world?.close()
  await rm(folder, { recursive: true })
})

/** The person of the section about passwords has one, as the page says. */
async function withPassword(phone: string, password: string): Promise<void> {
  await world.register({ clients: [{ ...nativeClients[1], client_id: 'mp' }] })
  const app = new NativeApp(world, 'mp')
  const { sub } = await app.claims(await app.exchange(await nativeSms(world, app, phone)))
  const own = hasher({ parameters: world.app.core.config.password.argon2, workers: 1, maxQueue: 4 })
  const hash = await own.hash(password).finally(() => own.close())
  await world.database.database.knex('passwords').insert({ user_id: sub, hash, updated_at: new Date() })
}

/** Runs the commands in one shell, which ends at the first failure; gives what each block printed. */
async function run(
  commands: readonly Block[],
): Promise<{ printed: readonly string[]; status: number | null; errors: string }> {
  const mark = randomBytes(8).toString('hex')
  const script = commands.map(({ text }) => `${text}\necho ${mark}\n`).join('')
  const { PATH = '', HOME = '' } = process.env
  const env = { HOME, PATH: `${dirname(process.execPath)}:${PATH}` }
  const child = spawn('sh', ['-e'], { cwd: folder, env, stdio: 'pipe' })
  const [out, errors]: [string[], string[]] = [[], []]
  child.stdout.setEncoding('utf8').on('data', (part: string) => out.push(part))
  child.stderr.setEncoding('utf8').on('data', (part: string) => errors.push(part))
  child.stdin.end(script)
  const status = await new Promise<number | null>((resolve) => child.on('close', resolve))
  return { printed: out.join('').split(`${mark}\n`), status, errors: errors.join('') }
}

test('every command of the page for app developers does what the page says', async () => {
  await withPassword('13800139000', 'ripe tea from 4 mountains')
  for (const { notes, text } of blocks) {
    const file = /^file=(\S+)$/.exec(notes)?.[1]
    if (file) await writeFile(join(folder, file), text)
  }
  const commands = blocks.filter(({ language }) => language === 'sh')
  expect(commands.length).toBeGreaterThan(25)
  const { printed, status, errors } = await run(commands)
  for (const [index, { notes, text }] of commands.entries()) {
    const says = /^says=(.+)$/.exec(notes)?.[1] ?? ''
    const output = printed[index] ?? `never run: ${errors}`
    const last = output.trimEnd().split('\n').at(-1) ?? ''
    expect(`${text}\n${output}\nsays ${says}: ${last.includes(says)}`).toMatch(/: true$/)
  }
  expect(status).toBe(0)
})

test('every way in, step and method of the endpoint is on the page', async () => {
  const text = await readFile(page, 'utf8')
  const served = (await (await fetch(`${world.issuer}/openapi.json`)).json()) as Record<string, unknown>
  const steps = [...JSON.stringify(served).matchAll(/"step":\{"type":"string","const":"(\w+)"/g)].map(
    ([, step]) => step,
  )
  expect(steps).toHaveLength(12)
  for (const step of steps) expect(text).toContain(`| \`${step}\` |`)
  for (const method of world.app.core.config.login.methods) expect(text).toContain(`method=${method}`)
  for (const method of ['one_tap', 'wechat_app', 'wechat_mini_program', 'qq_app', 'weibo_app', 'apple']) {
    expect(text).toContain(`method=${method}`)
  }
})

const AsyncFunction = (async () => {}).constructor as new (
  ...parts: string[]
) => (...given: unknown[]) => Promise<unknown>

test('the client of the page logs in and calls the API', async () => {
  const phone = '13700137099'
  const source = (blocks.find(({ notes }) => notes === 'run=client')?.text ?? '').replace('13800138000', phone)
  let stored: string | undefined
  const storage = {
    read: () => stored,
    write: (text: string) => {
      stored = text
    },
  }
  const show = async ({ step }: Challenge) => ({ [step ?? '']: await world.otp(`+86${phone}`) })
  const names = ['NativeClient', 'fetchTransport', 'storage', 'show', 'crypto', 'fetch']
  const program = new AsyncFunction(...names, `${source}\nreturn orders`)
  const orders = await program(NativeClient, fetchTransport, storage, show, crypto, fetch)
  expect(orders).toMatchObject({ status: 200 })
})

test('the proofs of the page serve the client of the page', async () => {
  const registered = parse(blocks.find(({ language }) => language === 'yaml')?.text ?? '') as {
    readonly clients: { readonly client_id: string; readonly scope: string }[]
    readonly resources: { readonly resource: string }[]
  }
  await world.register(registered)
  const source = blocks.find(({ notes }) => notes === 'run=proof')?.text ?? ''
  const names = ['generateKeyPair', 'exportJWK', 'SignJWT', 'base64url', 'sha256', 'crypto']
  const program = new AsyncFunction(...names, `${source}\nreturn proof`)
  const made = await program(generateKeyPair, exportJWK, SignJWT, base64url, sha256, crypto)
  const proof = made as NonNullable<NativeClientOptions['proof']>
  const { client_id: clientId = '', scope = '' } = registered.clients[0] ?? {}
  const app = install(world, byFetch, undefined, { clientId, scope, proof })
  await logIn(world, app, '13700137098')
  const own = await app.client.request({ url: `${world.issuer}/identities`, scope: 'openid identities' })
  expect(own.status).toBe(200)
})

test.each([
  ['iOS', 'ios', ['NSUUID', 'UUID', 'UUIDString']],
  ['Android', 'android', ['java.util.UUID', 'randomUUID', 'toString']],
] as const)(
  'the random bytes of the page on %s are those of two UUIDs, or there are none',
  async (name, side, calls) => {
    let next: () => string | null = randomUUID
    const made: string[] = []
    const native = {
      importClass: (each: string) => each,
      invoke(on: unknown, method: string) {
        made.push(`${on}.${method}`)
        return method === calls[1] ? `a ${calls[0]}` : next()
      },
    }
    const source = blocks.find(({ notes }) => notes === 'run=random')?.text ?? ''
    const program = new AsyncFunction('plus', 'sha256', `${source}\nreturn random`)
    const random = (await program({ os: { name }, [side]: native }, sha256)) as () => Uint8Array
    expect(random()).toHaveLength(32)
    expect(made.slice(0, 2)).toEqual([`${calls[0]}.${calls[1]}`, `a ${calls[0]}.${calls[2]}`])
    expect(random()).not.toEqual(random())
    for (const broken of [() => null, () => '00000000-0000-4000-8000-000000000000']) {
      next = broken
      expect(random).toThrow('no random source')
    }
  },
)
