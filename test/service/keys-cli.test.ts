import { beforeEach, describe, expect, onTestFinished, test } from 'vitest'
import { Secret } from '../../src/base/secret.ts'
import { signsAfterSeconds } from '../../src/oidc/keys/key-life.ts'
import { ensureKeys } from '../../src/oidc/keys/key-rotation.ts'
import { sealer } from '../../src/store/seal.ts'
import { openShell, type Shell, secretKey } from '../support/cli.ts'

interface Key {
  readonly id: string
  readonly use: string
  readonly alg: string
  readonly state: string
  readonly created_at: string
  readonly next_step: { step: string; at: string } | null
}

const madeAt = Date.UTC(2026, 10, 20, 10)
let shell: Shell

beforeEach(async () => {
  shell = await openShell()
  const { close } = shell
  onTestFinished(close)
})

const makeKeys = () =>
  ensureKeys({
    database: shell.database.database,
    sealer: sealer({ keys: [new Secret(secretKey)] }),
    clock: () => madeAt,
    log: { error() {} },
  })
const list = async () => JSON.parse((await shell.run('keys', 'list', '--json')).stdout) as Key[]
const find = async (state: string, alg = 'ES256') =>
  (await list()).filter((key) => key.alg === alg && key.state === state)
const audited = async () =>
  (await shell.database.database.knex('audit_events').select('event', 'detail').orderBy('id')).map(
    ({ event, detail }) => `${event} ${detail.alg} ${detail.operator ?? 'server'}`,
  )

describe('keys list', () => {
  test('shows each key, its state and what happens next, never the key', async () => {
    expect(await shell.run('keys', 'list')).toEqual({
      status: 0,
      stdout: 'ID  FOR  ALGORITHM  STATE  SINCE  NEXT\n',
      stderr: 'the first start of the server makes the keys\n',
    })
    await makeKeys()
    const plain = await shell.run('keys', 'list')
    const published = new Date(madeAt + (90 * 86_400 - signsAfterSeconds) * 1000).toISOString()
    expect(plain.stdout).toMatch(
      new RegExp(`^\\S+ +tokens +ES256 +current +2026-11-20T10:00:00.000Z +successor published ${published}$`, 'm'),
    )
    expect(plain.stdout).toMatch(/^cookie-\S+ +cookies +HS256 +current /m)
    const without = await shell.runWith({ MENSHEN_KEYS__ROTATE_EVERY: 'none' }, 'keys', 'list')
    expect(without.stdout).toMatch(/ current +\S+ +signs until menshen keys rotate$/m)
    expect((await list()).map((key) => Object.keys(key))).toEqual(
      Array.from({ length: 5 }, () =>
        'id use alg state created_at activated_at retired_at remove_at next_step'.split(' '),
      ),
    )
    expect(await audited()).toEqual(
      ['ES256', 'RS256', 'EdDSA', 'PS256', 'HS256'].map((alg) => `key.created ${alg} server`),
    )
  })
})

describe('keys rotate', () => {
  test('publishes one successor of each algorithm, says when it signs, and does not begin twice', async () => {
    await makeKeys()
    const { status, stdout, stderr } = await shell.run('keys', 'rotate', '--json')
    expect(status).toBe(0)
    expect(stderr).not.toContain('under way')
    const begun = JSON.parse(stdout) as (Key & { signs_at: string })[]
    expect(begun.map(({ alg, state }) => `${alg} ${state}`).sort()).toEqual([
      'ES256 next',
      'EdDSA next',
      'PS256 next',
      'RS256 next',
    ])
    for (const { created_at, signs_at } of begun) {
      expect(Date.parse(signs_at) - Date.parse(created_at)).toBe(signsAfterSeconds * 1000)
    }
    const again = await shell.run('keys', 'rotate')
    const signsFirst = begun.map(({ signs_at }) => signs_at).toSorted()[0]
    expect(again.stderr).toContain(`a rotation is already under way; the next key signs at ${signsFirst}\n`)
    for (const { id, signs_at } of begun) expect(again.stdout).toMatch(new RegExp(`^${id} .* ${signs_at}$`, 'm'))
    expect(await list()).toHaveLength(9)
    expect((await audited()).filter((line) => line.endsWith('alice'))).toEqual([
      'key.created ES256 alice',
      'key.created RS256 alice',
      'key.created EdDSA alice',
      'key.created PS256 alice',
    ])
  })

  test('--cookies is about the keys for cookies only', async () => {
    await makeKeys()
    expect((await shell.run('keys', 'rotate', '--cookies')).status).toBe(0)
    expect(await find('next', 'HS256')).toHaveLength(1)
    expect(await list()).toHaveLength(6)
  })

  test('of five at once one begins', async () => {
    await makeKeys()
    const all = await Promise.all(Array.from({ length: 5 }, () => shell.run('keys', 'rotate')))
    expect(all.map(({ status }) => status)).toEqual([0, 0, 0, 0, 0])
    expect(new Set(all.map(({ stdout }) => stdout)).size).toBe(1)
    expect(await list()).toHaveLength(9)
  })

  test('under another master key nothing is made that the servers could not open', async () => {
    await makeKeys()
    const other = { MENSHEN_SECRET_KEY: Buffer.alloc(32, 8).toString('base64url') }
    const { status, stderr } = await shell.runWith(other, 'keys', 'rotate')
    expect(status).toBe(1)
    expect(stderr).toContain('master key')
    expect(await list()).toHaveLength(5)
  })
})

describe('keys retire', () => {
  test('replaces the key that signs in the way that breaks nothing', async () => {
    await makeKeys()
    const [signing] = await find('current')
    const { status, stdout, stderr } = await shell.run('keys', 'retire', signing?.id ?? '')
    expect({ status, stdout }).toEqual({ status: 0, stdout: `retiring ${signing?.id}\n` })
    const [successor] = await find('next')
    expect(stderr).toContain(`${successor?.id} takes over at ${successor?.next_step?.at}`)
    expect(await find('current')).toMatchObject([{ id: signing?.id }])
    expect(await find('next', 'RS256')).toEqual([])
  })

  test('--now takes a stolen key away at once, another one signs, and it says what that breaks', async () => {
    await makeKeys()
    const [stolen] = await find('current')
    const { status, stdout, stderr } = await shell.run('keys', 'retire', stolen?.id ?? '', '--now')
    expect({ status, stdout }).toEqual({ status: 0, stdout: `removed ${stolen?.id}\n` })
    expect(stderr).toMatch(/signs from now on\n.*within 5m.*id_token_hint\n.*may refuse new tokens/s)
    const left = await find('current')
    expect(left).toHaveLength(1)
    expect(left[0]?.id).not.toBe(stolen?.id)
    expect(await list()).toHaveLength(5)
    expect((await audited()).slice(5)).toEqual(['key.retired ES256 alice', 'key.created ES256 alice'])
  })

  test('--now lets a successor that is published already take over, because some know it', async () => {
    await makeKeys()
    await shell.run('keys', 'rotate')
    const [[stolen], [next]] = [await find('current'), await find('next')]
    await shell.run('keys', 'retire', stolen?.id ?? '', '--now')
    expect(await find('current')).toMatchObject([{ id: next?.id }])
    expect([...(await find('next')), ...(await find('previous'))]).toEqual([])
  })

  test('of five at once that take the same key away one does, and one key signs', async () => {
    await makeKeys()
    const [stolen] = await find('current')
    const all = await Promise.all(
      Array.from({ length: 5 }, () => shell.run('keys', 'retire', stolen?.id ?? '', '--now')),
    )
    expect(all.map(({ status }) => status).sort()).toEqual([0, 1, 1, 1, 1])
    expect(await find('current')).toHaveLength(1)
    expect(await list()).toHaveLength(5)
  })

  test('withdraws a successor that has signed nothing', async () => {
    await makeKeys()
    await shell.run('keys', 'rotate')
    const [next] = await find('next')
    const { stdout, stderr } = await shell.run('keys', 'retire', next?.id ?? '')
    expect({ stdout, stderr }).toEqual({ stdout: `removed ${next?.id}\n`, stderr: 'it has signed nothing\n' })
    expect(await find('next')).toEqual([])
  })

  test('refuses a key it does not know, and one that only waits for its tokens to end', async () => {
    await makeKeys()
    expect(await shell.run('keys', 'retire', 'nobody', '--now')).toMatchObject({ status: 1 })
    const [key] = await find('current')
    await shell.database.database
      .knex('keys')
      .where({ id: key?.id ?? '' })
      .update({ state: 'previous', remove_at: new Date(madeAt) })
    const refused = await shell.run('keys', 'retire', key?.id ?? '')
    expect(refused.status).toBe(1)
    expect(refused.stderr).toContain('is removed at 2026-11-20T10:00:00.000Z, or now with --now')
    expect((await shell.run('keys', 'retire', key?.id ?? '', '--now')).status).toBe(0)
    expect(await find('previous')).toEqual([])
    expect(await find('current')).toHaveLength(1)
  })
})
