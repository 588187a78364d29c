import { createJimp } from '@jimp/core'
import jpeg from '@jimp/js-jpeg'
import png from '@jimp/js-png'
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import type { UserId } from '../../src/base/ids.ts'
import { formToken, signedIn } from '../support/account.ts'
import { clients, redirectUri } from '../support/clients.ts'
import { exchange, startLogin, subjectOf } from '../support/login.ts'
import { resetClock, walkTo } from '../support/time.ts'
import { errorIn, type Visitor } from '../support/visitor.ts'
import { openWorld, type World } from '../support/world.ts'

// Whoever is signed in may choose the picture that others see.

const Jimp = createJimp({ formats: [jpeg, png] })
const path = '/account/profile/picture'
let world: World
let numbers = 13700137000

beforeAll(async () => {
  world = await openWorld({ stores: 'tables' })
  await world.register({ clients })
})
afterEach(resetClock)
afterAll(() => world.close())

const knex = () => world.database.database.knex
const drawn = (type: 'image/jpeg' | 'image/png', width = 300, height = width, color = 0x3366ccff) =>
  new Jimp({ width, height, color }).getBuffer(type)
const arrives = () => signedIn(world, redirectUri, String(++numbers))
const tokenOf = async (visitor: Visitor) => formToken(await visitor.get('/account/profile'))

/** It says that it is larger than anything, and is small. */
async function bomb(): Promise<Buffer> {
  const file = await drawn('image/png', 10)
  file.writeUInt32BE(60_000, 16)
  file.writeUInt32BE(60_000, 20)
  return file
}

async function sends(visitor: Visitor, file: Buffer | string, more: Readonly<Record<string, string>> = {}) {
  const form = new FormData()
  form.set('form_token', more['form_token'] ?? (await tokenOf(visitor)))
  form.set('picture', new File([file], 'me.jpg', { type: 'image/jpeg' }))
  for (const [name, value] of Object.entries(more)) form.set(name, value)
  return visitor.upload(path, form)
}

/** Who it is, and the picture that apps are told. */
async function told(visitor: Visitor): Promise<{ readonly sub: UserId; readonly picture?: string }> {
  const back = await visitor.follow(
    await visitor.get(startLogin(world, 'plain', redirectUri, { scope: 'openid profile' })),
  )
  const tokens = await exchange(world, 'plain', redirectUri, back.location)
  const headers = { authorization: `Bearer ${tokens['access_token']}` }
  const { picture } = (await (await fetch(`${world.issuer}/me`, { headers })).json()) as { picture?: string }
  return { sub: subjectOf(tokens) as UserId, ...(picture !== undefined && { picture }) }
}

const audited = (userId: UserId) =>
  knex()('audit_events').where({ event: 'profile.changed', user_id: userId }).orderBy('id').select('detail')
const shownAt = (text: string) => /<img src="(\/pictures\/pic_\w+)" alt="" width="56"/.exec(text)?.[1]

test('a picture is chosen, made small and anew, shown, told to apps, and can be removed again', async () => {
  const visitor = await arrives()
  const saved = await visitor.follow(await sends(visitor, await drawn('image/jpeg', 800, 400)))
  expect(saved.text).toContain('头像已更新')
  const address = shownAt(saved.text) ?? ''
  const answer = await fetch(world.issuer + address)
  expect([answer.status, answer.headers.get('content-type')]).toEqual([200, 'image/jpeg'])
  const copy = await Jimp.fromBuffer(await answer.arrayBuffer())
  expect([copy.width, copy.height]).toEqual([256, 128])
  const { sub, picture } = await told(visitor)
  expect(picture).toBe(world.issuer + address)

  const removed = await visitor.follow(await sends(visitor, '', { choice: 'remove' }))
  expect(removed.text).toContain('头像已移除')
  expect(shownAt(removed.text)).toBeUndefined()
  expect((await visitor.get('/account/profile')).text).not.toContain('移除头像')
  expect((await fetch(world.issuer + address)).status).toBe(404)
  expect((await told(visitor)).picture).toBeUndefined()
  expect(await knex()('pictures').where({ user_id: sub })).toEqual([])
  expect(await audited(sub)).toEqual([{ detail: { fields: ['picture'] } }, { detail: { fields: ['picture'] } }])
})

test('what was chosen stays, whatever an upstream tells later, also when it was chosen to have none', async () => {
  const visitor = await arrives()
  const { sub } = await told(visitor)
  const { directory } = world.app.core
  const use = { ip: '203.0.113.7' }
  const claim = (picture: string) => ({
    ...{ provider: 'wechat', subjects: [`unionid:${sub}`] as [string] },
    profile: { picture: `https://img.example.com/${picture}` },
  })
  await directory.bind(sub, claim('a'), use)
  await directory.resolve(claim('a'), use)
  expect((await told(visitor)).picture).toBe('https://img.example.com/a')

  await sends(visitor, await drawn('image/png'))
  await directory.resolve(claim('b'), use)
  const { picture } = await told(visitor)
  expect(picture).toMatch(/\/pictures\/pic_/)
  expect((await fetch(picture ?? '')).status).toBe(200)

  await sends(visitor, '', { choice: 'remove' })
  await directory.resolve(claim('c'), use)
  expect((await told(visitor)).picture).toBeUndefined()
})

test('the picture that an upstream told can be removed, although it was never shown here', async () => {
  const visitor = await arrives()
  const { sub } = await told(visitor)
  await knex()('users').where({ id: sub }).update({ picture: 'https://img.example.com/a' })
  expect((await visitor.get('/account/profile')).text).toContain('移除头像')
  await sends(visitor, '', { choice: 'remove' })
  expect((await told(visitor)).picture).toBeUndefined()
})

test('of several choices at once one is whole, and logins beside them change nothing of it', async () => {
  const visitor = await arrives()
  const { sub } = await told(visitor)
  const { directory } = world.app.core
  const use = { ip: '203.0.113.7' }
  const subjects = [`unionid:${sub}`] as [string]
  await directory.bind(sub, { provider: 'wechat', subjects, profile: {} }, use)
  const files = await Promise.all([20, 30, 40, 50].map((side) => drawn('image/png', side)))
  const logins = Array.from({ length: 20 }, (_, index) =>
    directory.resolve({ provider: 'wechat', subjects, profile: { picture: `https://img.example.com/${index}` } }, use),
  )
  await Promise.all([...files.map((file) => sends(visitor, file)), ...logins])
  const row = await knex()('users').where({ id: sub }).first()
  expect(row).toMatchObject({ picture: null, picture_from: null, picture_due_at: null, picture_chosen: true })
  expect(await knex()('pictures').where({ user_id: sub }).pluck('id')).toEqual([row.picture_copy])
})

describe('is refused in words, and nothing is stored:', () => {
  const marks = Buffer.from('ffd8ffe0', 'hex')
  /** A header of 64 KB, again and again, and no picture behind it. */
  const headers = Buffer.concat([
    Buffer.from('ffd8', 'hex'),
    ...Array.from({ length: 30 }, () => Buffer.concat([Buffer.from('ffe1ffff', 'hex'), Buffer.alloc(65_533)])),
  ])

  test.each<[string, () => Promise<Buffer> | Buffer | string, string, number]>([
    ['no file', () => '', 'picture.missing', 400],
    ['an SVG', () => '<svg xmlns="http://www.w3.org/2000/svg"><script/></svg>', 'picture.unsupported', 415],
    ['a GIF', () => Buffer.from('GIF89a\u0001\u0000\u0001\u0000'), 'picture.unsupported', 415],
    ['a page', () => '<!doctype html><script>alert(1)</script>', 'picture.unsupported', 415],
    ['half of a PNG', async () => (await drawn('image/png')).subarray(0, 60), 'picture.broken', 400],
    ['half of a JPEG', async () => (await drawn('image/jpeg')).subarray(0, 300), 'picture.broken', 400],
    ['the mark of a JPEG alone', () => marks, 'picture.broken', 400],
    ['headers of 64 KB without a picture', () => headers, 'picture.broken', 400],
    ['more than 2 MB', () => Buffer.concat([marks, Buffer.alloc(2_000_000)]), 'picture.too_large', 413],
    ['50 MB', () => Buffer.concat([marks, Buffer.alloc(50_000_000)]), 'picture.too_large', 413],
    ['a PNG of many pixels', bomb, 'picture.broken', 400],
  ])('%s', async (_, file, code, status) => {
    const visitor = await arrives()
    const answer = await sends(visitor, await file())
    expect([answer.status, errorIn(answer)]).toEqual([status, code])
    expect(answer.text).toMatch(/<input id="f-picture"[^>]* aria-invalid="true"/)
    const { sub, picture } = await told(visitor)
    expect(picture).toBeUndefined()
    expect(await knex()('pictures').where({ user_id: sub })).toEqual([])
    expect(await audited(sub)).toEqual([])
  })
})

describe('the form', () => {
  test('needs a login that is fresh, and its own token', async () => {
    const file = await drawn('image/png', 20)
    expect((await sends(world.visitor(), file, { form_token: 'x' })).location).toMatch(/^\/auth\?/)
    const [visitor, other] = [await arrives(), await arrives()]
    expect((await sends(visitor, file, { form_token: await tokenOf(other) })).status).toBe(403)
    const form_token = await tokenOf(visitor)
    walkTo(601_000)
    const { location } = await sends(visitor, file, { form_token })
    expect(location).toContain('prompt=login')
    expect(new URL(location ?? '', world.issuer).searchParams.get('state')).toBe('/account/profile')
  })

  test.each<[string, (form: FormData) => void]>([
    ['a second file', (form) => form.append('picture', new File(['x'], 'b.png'))],
    ['a file by another name', (form) => form.append('other', new File(['x'], 'b.png'))],
    ['a field twice', (form) => form.append('form_token', 'x')],
    ['a field of 8 KB', (form) => form.append('more', 'x'.repeat(8192))],
    ['a name of 8 KB', (form) => form.set('picture', new File(['x'], 'x'.repeat(8192)))],
    ['thirty fields', (form) => Array.from({ length: 30 }, (_, index) => form.append(`f${index}`, ''))],
    ['no file at all', (form) => form.delete('picture')],
    ['text in the place of the file', (form) => form.set('picture', 'x')],
  ])('is taken only as the page makes it: %s', async (_, change) => {
    const visitor = await arrives()
    const form = new FormData()
    form.set('form_token', await tokenOf(visitor))
    form.set('picture', new File([await drawn('image/png', 20)], 'a.png'))
    change(form)
    expect((await visitor.upload(path, form)).status).toBe(400)
  })

  test('that is no form with a file is of no type that is taken', async () => {
    const visitor = await arrives()
    const form_token = await tokenOf(visitor)
    expect((await visitor.post(path, { form_token, choice: 'remove' })).status).toBe(415)
  })

  test('may bring twenty pictures in an hour', async () => {
    const visitor = await arrives()
    const form_token = await tokenOf(visitor)
    const file = await bomb()
    for (let count = 0; count < 20; count++) expect((await sends(visitor, file, { form_token })).status).toBe(400)
    const refused = await sends(visitor, file, { form_token })
    expect([refused.status, errorIn(refused)]).toEqual([429, 'request.too_many'])
    expect(Number(refused.headers['retry-after'])).toBeGreaterThan(0)
    expect((await sends(visitor, '', { form_token, choice: 'remove' })).status).toBe(303)
  })
})

test('a photo that was taken upright stands upright, and says nothing of where it was taken', async () => {
  const plain = await drawn('image/jpeg', 40, 20)
  // An EXIF block with one entry: orientation 6, a quarter turn.
  const exif = Buffer.from(
    'ffe1002245786966000049492a00080000000100120103000100000006000000000000000000',
    'hex',
  ).subarray(0, 36)
  const place = Buffer.from('GPS 30.27415 120.15515')
  const comment = Buffer.concat([Buffer.from([0xff, 0xfe, 0, place.length + 2]), place])
  const photo = Buffer.concat([plain.subarray(0, 2), exif, comment, plain.subarray(2)])
  const visitor = await arrives()
  const address = shownAt((await visitor.follow(await sends(visitor, photo))).text)
  const bytes = Buffer.from(await (await fetch(`${world.issuer}${address}`)).arrayBuffer())
  const { width, height } = await Jimp.fromBuffer(bytes)
  expect([width, height]).toEqual([20, 40])
  expect(bytes.includes('GPS')).toBe(false)
  expect(bytes.includes('Exif')).toBe(false)
})
