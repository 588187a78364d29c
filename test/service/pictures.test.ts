import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { crc32, deflateSync } from 'node:zlib'
import { createJimp } from '@jimp/core'
import jpeg from '@jimp/js-jpeg'
import png from '@jimp/js-png'
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { AccountDirectory } from '../../src/accounts/directory.ts'
import { reencoded } from '../../src/accounts/picture-codec.ts'
import { copyDuePictures } from '../../src/accounts/picture-copies.ts'
import type { UserId } from '../../src/base/ids.ts'
import { fetchPublic } from '../../src/base/public-fetch.ts'
import { clients, redirectUri } from '../support/clients.ts'
import { exchange, loginBySms, startLogin } from '../support/login.ts'
import { eventually } from '../support/patience.ts'
import { resetClock, walkTo } from '../support/time.ts'
import { openWorld, type World } from '../support/world.ts'

// Pictures are copied in the background, made anew, and served from here.

const Jimp = createJimp({ formats: [jpeg, png] })
let world: World
let vendor: Server
let at: string
let people = 0
let directory: AccountDirectory
/** What the vendor answers, by path. */
const files = new Map<string, Buffer>()

beforeAll(async () => {
  // It serves copies and makes none by itself, so that each test says when.
  world = await openWorld()
  const { database, clock } = world.app.core
  directory = new AccountDirectory({ database, clock, copiesPictures: true })
  vendor = createServer((request, response) => {
    const found = files.get(request.url ?? '')
    response.writeHead(found ? 200 : 404, { 'content-type': 'text/html' }).end(found)
  })
  await new Promise<void>((resolve) => vendor.listen(0, '127.0.0.1', resolve))
  at = `http://127.0.0.1:${(vendor.address() as AddressInfo).port}`
  files.set('/a.jpg', await drawn('image/jpeg', 800, 400))
  files.set('/b.png', await drawn('image/png', 40, 40))
  files.set('/page', Buffer.from('<script>alert(1)</script>'))
})
beforeEach(resetClock)
afterAll(async () => {
  await world?.close()
  vendor?.close()
})

const knex = () => world.database.database.knex
const drawn = (type: 'image/jpeg' | 'image/png', width: number, height: number) =>
  new Jimp({ width, height, color: 0x3366ccff }).getBuffer(type)

async function copy(): Promise<void> {
  const { database, clock } = world.app.core
  const make = async (address: string) =>
    reencoded(await fetchPublic(address, { timeoutMs: 30_000, maxBytes: 1_000_000, allowPrivate: true }))
  await copyDuePictures({ database, clock, make, onFailure: () => undefined })
}

const claim = (path: string) => ({
  provider: 'wechat',
  subjects: [`unionid:person-${people}`] as [string],
  profile: { picture: `${at}${path}` },
})

async function made(path: string): Promise<UserId> {
  people++
  return (await directory.register(claim(path), { ip: '203.0.113.7' })).user.id
}

const copyOf = async (userId: UserId) => (await directory.find(userId))?.user.pictureCopy
const get = (id: string | undefined) => fetch(`${world.issuer}/pictures/${id}`)
const due = async (userId: UserId) =>
  (await knex()('users').where({ id: userId }).first('picture_due_at')).picture_due_at

test('a picture is served from here: small, made anew, kept for long, and as nothing but a picture', async () => {
  const user = await made('/a.jpg')
  await copy()
  const answer = await get(await copyOf(user))
  expect(answer.status).toBe(200)
  expect(Object.fromEntries(answer.headers)).toMatchObject({
    'cache-control': 'public, max-age=31536000, immutable',
    'content-type': 'image/jpeg',
    'x-content-type-options': 'nosniff',
    'content-security-policy': expect.stringContaining('sandbox'),
  })
  const shown = await Jimp.fromBuffer(await answer.arrayBuffer())
  expect([shown.width, shown.height]).toEqual([256, 128])
  expect(await due(user)).toBeNull()
})

test('the server copies by itself, and the claim names the copy once it is there', async () => {
  const copying = await openWorld({ env: { MENSHEN_PICTURES__COPY: 'true' } })
  try {
    await copying.register({ clients })
    const phone = '13900660001'
    const { core } = copying.app
    const { user } = await core.directory.register(claim('/a.jpg'), { ip: '203.0.113.7' })
    const identity = { provider: 'phone', subjects: [`+86${phone}`] as [string], profile: {} }
    await core.directory.bind(user.id, identity, { ip: '203.0.113.7' })
    const url = startLogin(copying, 'plain', redirectUri, { scope: 'openid profile' })
    const { location } = await loginBySms(copying, copying.visitor(), url, phone)
    const { access_token } = await exchange(copying, 'plain', redirectUri, location)
    await eventually(async () => {
      const answer = await fetch(`${copying.issuer}/me`, { headers: { authorization: `Bearer ${access_token}` } })
      const { picture } = (await answer.json()) as { readonly picture?: string }
      const copyId = (await core.directory.find(user.id))?.user.pictureCopy
      expect(copyId).toBeDefined()
      expect(picture).toBe(`${copying.issuer}/pictures/${copyId}`)
    })
  } finally {
    await copying.close()
  }
})

test('what is hidden behind the pixels is gone', async () => {
  const plain = await drawn('image/jpeg', 10, 10)
  const hidden = Buffer.from('<script>alert(1)</script>')
  const comment = Buffer.concat([Buffer.from([0xff, 0xfe, 0, hidden.length + 2]), hidden])
  files.set('/evil.jpg', Buffer.concat([plain.subarray(0, 2), comment, plain.subarray(2), hidden]))
  const user = await made('/evil.jpg')
  await copy()
  const answer = await get(await copyOf(user))
  expect(answer.headers.get('content-type')).toBe('image/jpeg')
  expect(Buffer.from(await answer.arrayBuffer()).includes('script')).toBe(false)
})

test('the next one takes its place, and the address of the one before leads nowhere', async () => {
  const user = await made('/a.jpg')
  await copy()
  const before = await copyOf(user)
  await directory.resolve(claim('/b.png'), { ip: '203.0.113.7' })
  await copy()
  const after = await copyOf(user)
  expect(after).not.toBe(before)
  expect([(await get(before)).status, (await get(after)).status]).toEqual([404, 200])
  expect(await knex()('pictures').where({ user_id: user })).toHaveLength(1)
})

/** A PNG of these chunks. */
function pngOf(chunks: readonly (readonly [string, Buffer])[]): Buffer {
  const framed = [...chunks, ['IEND', Buffer.alloc(0)] as const].map(([name, held]) => {
    const named = Buffer.concat([Buffer.from(name), held])
    const [length, sum] = [Buffer.alloc(4), Buffer.alloc(4)]
    length.writeUInt32BE(held.length)
    sum.writeUInt32BE(crc32(named))
    return Buffer.concat([length, named, sum])
  })
  return Buffer.concat([Buffer.from('89504e470d0a1a0a', 'hex'), ...framed])
}

/** The size of a grey picture of eight bits. */
function sized(width: number, height: number, interlaced = 0): readonly [string, Buffer] {
  const held = Buffer.from([0, 0, 0, 0, 0, 0, 0, 0, 8, 0, 0, 0, interlaced])
  held.writeUInt32BE(width, 0)
  held.writeUInt32BE(height, 4)
  return ['IHDR', held]
}

const data = (length: number) => ['IDAT', deflateSync(Buffer.alloc(length))] as const

test('an interlaced PNG is copied, and one that unpacks to more than its size is not unpacked', async () => {
  const passes = 79
  expect((await reencoded(pngOf([sized(8, 8, 1), data(passes)]))).type).toBe('image/png')
  await expect(reencoded(pngOf([sized(8, 8, 1), data(1_000_000)]))).rejects.toThrow('larger than')
})

describe('what cannot be copied', () => {
  test('is not tried once more where a server stopped while it tried for the last time', async () => {
    const user = await made('/a.jpg')
    await knex()('users').where({ id: user }).update({ picture_tries: 3 })
    await copy()
    expect([await due(user), await copyOf(user)]).toEqual([null, undefined])
  })

  test.each(['/page', '/nothing'])('is tried three times and then shown at its own address: %s', async (path) => {
    const user = await made(path)
    for (let tried = 0; tried < 3; tried++) {
      expect(await due(user)).not.toBeNull()
      await copy()
      walkTo((tried + 1) * 301_000)
    }
    expect(await due(user)).toBeNull()
    await directory.resolve(claim(path), { ip: '203.0.113.7' })
    expect(await due(user)).toBeNull()
    expect(await copyOf(user)).toBeUndefined()
  })

  test.each([
    [
      'many pixels',
      async () => {
        const bomb = await drawn('image/png', 10, 10)
        bomb.writeUInt32BE(60_000, 16)
        bomb.writeUInt32BE(60_000, 20)
        return bomb
      },
    ],
    ['a second size, which is too large', async () => pngOf([sized(8, 8), sized(5000, 5000), data(5000 * 5001)])],
    ['half of a picture', async () => (await drawn('image/png', 100, 100)).subarray(0, 60)],
    ['no picture', async () => Buffer.from('GIF89a')],
  ])('is refused: %s', async (_, bytes) => {
    await expect(reencoded(await bytes())).rejects.toThrow()
  })
})

test('a picture of before is copied at the next login that tells it', async () => {
  const user = await made('/a.jpg')
  await knex()('users').where({ id: user }).update({ picture_due_at: null })
  await directory.resolve(claim('/a.jpg'), { ip: '203.0.113.7' })
  await copy()
  expect(await copyOf(user)).toBeDefined()
})

test('two servers copy a picture once', async () => {
  const user = await made('/b.png')
  await Promise.all([copy(), copy()])
  expect(await knex()('pictures').where({ user_id: user })).toHaveLength(1)
  expect((await get(await copyOf(user))).status).toBe(200)
})

test('nothing of it is left of a deleted user', async () => {
  const user = await made('/b.png')
  await copy()
  const id = await copyOf(user)
  await directory.setStatus(user, 'deleted')
  expect((await get(id)).status).toBe(404)
  expect(await knex()('pictures').where({ user_id: user })).toEqual([])
})

test.each(['pic_nothing', 'usr_00000000000000000000000000', '..%2f..%2fetc'])('there is no picture %s', async (id) => {
  expect((await get(id)).status).toBe(404)
})
