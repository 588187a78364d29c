import { execFile } from 'node:child_process'
import { promisify } from 'node:util'
import { systemBinaries } from '../../src/store/postgres-binaries.ts'

const run = promisify(execFile)

/** The programs the tests need and do not bring along. */
export interface Tools {
  /** Folder of `initdb` and `postgres`; undefined when TEST_DATABASE_URL names a running server. */
  readonly postgres: string | undefined
  readonly redisServer: string
  readonly redisCli: string
  readonly openssl: string
  readonly chromium: string
}

interface Need {
  readonly name: string
  readonly packages: readonly string[]
  find(): Promise<string | undefined>
}

const withoutWindow = 'chromium-headless-shell'
const withWindow = ['chromium', 'chromium-browser', 'google-chrome', 'google-chrome-stable']

const needs = {
  postgres: {
    name: 'PostgreSQL',
    packages: ['postgresql'],
    find: async () => (process.env['TEST_DATABASE_URL'] ? 'given' : (await systemBinaries())?.folder),
  },
  redisServer: { name: 'redis-server', packages: ['redis-server'], find: () => onPath('redis-server') },
  redisCli: { name: 'redis-cli', packages: ['redis-tools'], find: () => onPath('redis-cli') },
  openssl: { name: 'openssl', packages: ['openssl'], find: () => onPath('openssl') },
  chromium:
    process.env['TEST_HEADED'] === '1'
      ? { name: 'Chromium', packages: ['chromium'], find: () => onPath(...withWindow) }
      : {
          name: 'Chromium',
          packages: [withoutWindow],
          // The whole browser does as well, for twice the processor time.
          find: () => onPath(withoutWindow, ...withWindow),
        },
  font: { name: 'a Chinese font', packages: ['fontconfig', 'fonts-noto-cjk'], find: chineseFont },
} satisfies Record<string, Need>

/** Finds the programs, or installs them where root may use apt, or throws with the command to run. Nothing is ever skipped. */
export async function findTools(): Promise<Tools> {
  const missing = await lookFor()
  if (missing.length > 0) {
    await install(missing.flatMap(({ packages }) => packages))
    const still = await lookFor()
    if (still.length > 0)
      throw new Error(`the tests need ${still.map(({ name }) => name).join(', ')}, not found after installing`)
  }
  const postgres = await needs.postgres.find()
  return {
    postgres: postgres === 'given' ? undefined : postgres,
    redisServer: (await needs.redisServer.find()) ?? '',
    redisCli: (await needs.redisCli.find()) ?? '',
    openssl: (await needs.openssl.find()) ?? '',
    chromium: (await needs.chromium.find()) ?? '',
  }
}

async function lookFor(): Promise<readonly Need[]> {
  const found = await Promise.all(Object.values(needs).map(async (need) => ({ need, path: await need.find() })))
  return found.filter(({ path }) => path === undefined).map(({ need }) => need)
}

async function install(packages: readonly string[]): Promise<void> {
  const command = `apt-get update && apt-get install -y --no-install-recommends ${packages.join(' ')}`
  const aptUsable = process.getuid?.() === 0 && (await onPath('apt-get')) !== undefined
  if (!aptUsable) {
    throw new Error(
      `the tests need ${packages.join(', ')}; on Debian and Ubuntu: sudo sh -c '${command}' (PostgreSQL may also run elsewhere: TEST_DATABASE_URL)`,
    )
  }
  process.stderr.write(`installing what the tests need: ${command}\n`)
  const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive' }
  await run('sh', ['-c', command], { env, maxBuffer: 1 << 26 })
}

async function onPath(...names: readonly string[]): Promise<string | undefined> {
  for (const name of names) {
    const found = await run('sh', ['-c', 'command -v "$0"', name]).catch(() => undefined)
    if (found !== undefined) return found.stdout.trim()
  }
  return undefined
}

async function chineseFont(): Promise<string | undefined> {
  const found = await run('fc-list', [':lang=zh', 'file']).catch(() => undefined)
  return found?.stdout.split('\n')[0] || undefined
}
