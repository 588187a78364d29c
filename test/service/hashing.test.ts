import { execFile } from 'node:child_process'
import { webcrypto } from 'node:crypto'
import { cpSync, mkdirSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import argon2 from 'argon2'
import { afterEach, describe, expect, onTestFinished, test } from 'vitest'
import { type Hasher, type HasherOptions, hasher } from '../../src/accounts/hashing.ts'

const parameters = { memory_kib: 19_456, time_cost: 2, parallelism: 1 }
const inNpm = { memoryCost: 19_456, timeCost: 2, parallelism: 1 }
const open: Hasher[] = []

function start(options: Partial<HasherOptions> = {}): Hasher {
  const made = hasher({ parameters, workers: 1, maxQueue: 64, ...options })
  open.push(made)
  return made
}

afterEach(async () => {
  await Promise.all(open.splice(0).map((each) => each.close()))
})

const statusOf = (result: PromiseSettledResult<unknown>) =>
  result.status === 'fulfilled' ? 'done' : (result.reason as { code: string }).code

/** The processes this one has started. */
function children(): string[] {
  return readFileSync(`/proc/self/task/${process.pid}/children`, 'utf8').split(' ').filter(Boolean)
}

function isAlive(pid: number): boolean {
  try {
    return process.kill(pid, 0)
  } catch {
    return false
  }
}

/** Our sources beside a package `argon2` that was changed. */
async function checkoutWith(change: (argon2: string) => void): Promise<string> {
  const root = fileURLToPath(new URL('../..', import.meta.url))
  const folder = await mkdtemp(join(tmpdir(), 'menshen-argon2-'))
  onTestFinished(() => rm(folder, { recursive: true }))
  const packages = join(folder, 'node_modules')
  cpSync(join(root, 'src'), join(folder, 'src'), { recursive: true })
  cpSync(join(root, 'node_modules/argon2'), join(packages, 'argon2'), { recursive: true })
  for (const name of readdirSync(join(root, 'node_modules'))) {
    if (name !== 'argon2') symlinkSync(join(root, 'node_modules', name), join(packages, name))
  }
  writeFileSync(join(folder, 'package.json'), '{ "type": "module" }')
  change(join(packages, 'argon2'))
  return folder
}

describe('a hash', () => {
  test('is a PHC string that npm argon2 verifies', async () => {
    const hash = await start().hash('correct horse 密码')
    expect(hash).toMatch(/^\$argon2id\$v=19\$m=19456,t=2,p=1\$[A-Za-z0-9+/]{22}\$[A-Za-z0-9+/]{43}$/)
    expect(await argon2.verify(hash, 'correct horse 密码')).toBe(true)
    expect(await argon2.verify(hash, 'correct horse')).toBe(false)
  })

  test.each([[inNpm], [{ memoryCost: 8192, timeCost: 5, parallelism: 4, hashLength: 48 }]])(
    'made by npm argon2 with %o is verified',
    async (options) => {
      const theirs = await argon2.hash('correct horse 密码', options)
      const ours = start()
      expect(await ours.verify(theirs, 'correct horse 密码')).toBe(true)
      expect(await ours.verify(theirs, 'correct horse 密碼')).toBe(false)
    },
  )

  test('of one password is another each time', async () => {
    const ours = start()
    expect(await ours.hash('same')).not.toBe(await ours.hash('same'))
  })

  test('takes every byte of a long password into account', async () => {
    const ours = start()
    const long = '长'.repeat(255)
    const hash = await ours.hash(`${long}a`)
    expect(await ours.verify(hash, `${long}b`)).toBe(false)
    expect(await ours.verify(hash, `${long}a`)).toBe(true)
  })

  test('is of the normalised password', async () => {
    const ours = start()
    const hash = await ours.hash('ｐａｓｓ cafe\u0301')
    expect(await ours.verify(hash, 'pass café')).toBe(true)
  })

  test.each([
    ['$2b$12$WApznUPhDubN0oeveSXHp.abcdefghijklmnopqrstuvwxyzABCDEFGHIJKL'],
    ['$P$B12345678abcdefghijklmnopqrstu'],
    ['$argon2i$v=19$m=19456,t=2,p=1$c29tZXNhbHRzb21lc2FsdA$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA'],
    ['$argon2id$v=16$m=19456,t=2,p=1$c29tZXNhbHRzb21lc2FsdA$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA'],
    ['$argon2id$v=19$m=9999999,t=2,p=1$c29tZXNhbHRzb21lc2FsdA$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA'],
    ['$argon2id$v=19$m=1,t=2,p=1$c29tZXNhbHRzb21lc2FsdA$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA'],
    ['$argon2id$v=19$m=19456,t=0,p=1$c29tZXNhbHRzb21lc2FsdA$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA'],
    ['$argon2id$v=19$m=19456,t=2,t=2$c29tZXNhbHRzb21lc2FsdA$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA'],
    ['$argon2id$v=19$m=19456,t=2,p=1$$'],
    ['plain'],
    [''],
    [undefined],
  ])('that reads %s is answered with false and kills no child', async (foreign) => {
    const ours = start()
    expect(await ours.verify(foreign, 'plain')).toBe(false)
    expect(foreign === undefined || ours.needsRehash(foreign)).toBe(true)
  })

  test('asks for a stronger one when the cost was raised, not when it was lowered', async () => {
    const hash = await argon2.hash('x', inNpm)
    const needs = (changed: Partial<typeof parameters>) =>
      start({ parameters: { ...parameters, ...changed } }).needsRehash(hash)
    expect(needs({})).toBe(false)
    expect(needs({ memory_kib: 20_000 })).toBe(true)
    expect(needs({ time_cost: 3 })).toBe(true)
    expect(needs({ parallelism: 2 })).toBe(true)
    expect(needs({ memory_kib: 12_288, time_cost: 2 })).toBe(false)
  })
})

describe('the hashing children', () => {
  test('refuse at once what the queue has no room for', async () => {
    const ours = start({ maxQueue: 2 })
    await ours.hash('warm')
    const accepted = [1, 2, 3].map((n) => ours.hash(`${n}`))
    expect(ours.waiting()).toBe(2)
    const refusal = ours.hash('4').catch((error) => error)
    // It waits for none of the hashes in front of it.
    const first = await Promise.race([...accepted.map((hash) => hash.then(() => 'hashed')), refusal])
    expect(first).toMatchObject({ code: 'password.busy', status: 429, params: { retryAfterSeconds: 1 } })
    expect(() => ours.refuseWhenFull()).toThrow('password.busy')
    expect((await Promise.allSettled(accepted)).map(statusOf)).toEqual(['done', 'done', 'done'])
    ours.refuseWhenFull()
  })

  test('have places for known devices that no crowd of strangers takes, in front of theirs', async () => {
    const ours = start({ maxQueue: 4 })
    const stored = await ours.hash('warm')
    const order: string[] = []
    const ask = (name: string, guest: 'known' | 'anybody') =>
      ours.verify(stored, 'warm', guest).then(() => order.push(name))
    const crowd = [1, 2, 3, 4, 5].map((n) => ask(`stranger ${n}`, 'anybody'))
    expect(() => ours.refuseWhenFull()).toThrow('password.busy')
    ours.refuseWhenFull('known')
    const known = ask('owner', 'known')
    expect(() => ours.refuseWhenFull('known')).toThrow('password.busy')
    await Promise.all([...crowd, known])
    expect(order.slice(0, 2)).toEqual(['stranger 1', 'owner'])
  })

  test('are replaced when one dies, and only its own job fails', async () => {
    const ours = start({ workers: 2 })
    await Promise.all([ours.hash('warm'), ours.hash('warm')])
    const before = children()
    expect(before).toHaveLength(2)
    const settling = Promise.allSettled([1, 2, 3, 4, 5].map((n) => ours.hash(`${n}`)))
    process.kill(Number(before[0]), 'SIGKILL')
    const settled = (await settling).map(statusOf)
    expect(settled.filter((status) => status === 'server.unavailable')).toHaveLength(1)
    expect(settled.filter((status) => status === 'done')).toHaveLength(4)
    expect(children().filter((pid) => before.includes(pid))).toEqual([before[1]])
  })

  test('do not end by what a terminal sends to the whole group, but with the process that started them', async () => {
    const script = `
      import { hasher } from ${JSON.stringify(new URL('../../src/accounts/hashing.ts', import.meta.url).href)}
      const ours = hasher({ parameters: ${JSON.stringify(parameters)}, workers: 1, maxQueue: 4 })
      await ours.hash('warm')
      const [child] = (await import('node:fs')).readFileSync('/proc/self/task/' + process.pid + '/children', 'utf8').split(' ')
      for (const signal of ['SIGINT', 'SIGTERM']) process.kill(Number(child), signal)
      await ours.hash('after')
      console.log(child)
      process.kill(process.pid, 'SIGKILL')`
    const { stdout } = await promisify(execFile)(process.execPath, ['--input-type=module', '-e', script]).catch(
      (error: { stdout: string }) => error,
    )
    const pid = Number(stdout)
    expect(pid).toBeGreaterThan(1)
    await expect.poll(() => isAlive(pid)).toBe(false)
  })

  test.each([
    ['was compiled for another machine', ['compiled>prebuilt'], false],
    ['cannot be loaded, nor the one the package brings', ['compiled>prebuilt', 'prebuilt>node'], true],
  ])('go on with the next binary when theirs %s', async (_, fallbacks, isWithoutPrebuilt) => {
    const folder = await checkoutWith((argon2) => {
      mkdirSync(join(argon2, 'build/Release'), { recursive: true })
      writeFileSync(join(argon2, 'build/Release/argon2.node'), 'no binary')
      if (isWithoutPrebuilt) rmSync(join(argon2, 'prebuilds'), { recursive: true })
    })
    const script = `
      import { hasher } from ${JSON.stringify(join(folder, 'src/accounts/hashing.ts'))}
      const said = []
      const onFallback = (from, to) => said.push(from + '>' + to)
      const ours = hasher({ parameters: ${JSON.stringify(parameters)}, workers: 2, maxQueue: 4, onFallback })
      const hashes = await Promise.all(['a', 'b', 'c'].map((each) => ours.hash(each)))
      await ours.close()
      console.log(JSON.stringify({ said, hashes }))`
    const { stdout } = await promisify(execFile)(process.execPath, ['--input-type=module', '-e', script])
    const { said, hashes } = JSON.parse(stdout) as { said: string[]; hashes: string[] }
    expect(said).toEqual(fallbacks)
    expect(await Promise.all(hashes.map((hash, n) => argon2.verify(hash, 'abc'[n] ?? '')))).toEqual([true, true, true])
  })

  test('leave token signing alone while 64 passwords are hashed', async () => {
    const { privateKey } = await webcrypto.subtle.generateKey({ name: 'ECDSA', namedCurve: 'P-256' }, true, ['sign'])
    const ours = start()
    await ours.hash('warm')
    let left = 64
    const storm = Promise.all(Array.from({ length: left }, () => ours.hash('storm').finally(() => left--)))
    let signatures = 0
    while (left > 0) {
      await webcrypto.subtle.sign({ name: 'ECDSA', hash: 'SHA-256' }, privateKey, Buffer.alloc(250))
      signatures += 1
    }
    await storm
    // Hashing in the shared pool would let one signature through for each hash or two.
    expect(signatures).toBeGreaterThan(64 * 4)
  })

  test('fail what is waiting when they are closed', async () => {
    const ours = start()
    const jobs = [1, 2, 3].map((n) => ours.hash(`${n}`))
    const settled = Promise.allSettled(jobs)
    await ours.close()
    expect((await settled).map(statusOf)).toEqual(Array.from({ length: 3 }, () => 'server.unavailable'))
    await expect(ours.hash('late')).rejects.toMatchObject({ code: 'server.unavailable' })
  })
})
