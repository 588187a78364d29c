import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { parse } from 'yaml'
import { brandOptions } from '../../src/brand/brand-options.ts'
import type { Answer } from '../support/visitor.ts'
import { openWorld, type World } from '../support/world.ts'

let world: World
beforeAll(async () => {
  world = await openWorld({ stores: 'tables' })
})
afterAll(() => world?.close())

const at = (path: string, query: Readonly<Record<string, string>>) =>
  world.visitor().get(`${path}?${new URLSearchParams(query)}`, { 'accept-language': 'en' })
const settings = ({ text }: Answer) =>
  parse((/<code id="settings">([^<]*)<\/code>/.exec(text)?.[1] ?? '').replaceAll('&#34;', '"').replaceAll('&#39;', "'"))

describe('the page on which a brand is tried', () => {
  test('prints the settings for what was picked, as the configuration takes them, and nothing of what is configured', async () => {
    const page = await at('/sandbox/brand', { name: 'Tea "Garden"', color: '#8a1c3c', color_dark: '', radius: '4' })
    expect(page.status).toBe(200)
    const shown = settings(page)
    expect(shown).toEqual({ brand: { name: 'Tea "Garden"', color: '#8a1c3c', radius: 4 } })
    expect(brandOptions.safeParse(shown.brand).success).toBe(true)
    expect(settings(await at('/sandbox/brand', {}))).toEqual({ brand: {} })
  })

  test.each([
    [{ color: '#ffd400' }, 'brand.color', 'the nearest colour that can is'],
    [{ color: 'teal' }, 'brand.color', 'is no colour; expected #rrggbb'],
    [{ radius: '99' }, 'brand.radius', '24'],
    [{ radius: 'x' }, 'brand.radius', ''],
    [{ name: 'x'.repeat(41) }, 'brand.name', '40'],
    [{ background: '#333333' }, 'brand.background', 'the nearest ground is'],
  ])('says what is wrong with %j', async (query, path, reason) => {
    const { status, text } = await at('/sandbox/brand', query)
    expect(status).toBe(200)
    const alert = /<div class="alert" role="alert">(.*?)<\/div>/s.exec(text)?.[1] ?? ''
    expect(alert).toContain(path)
    expect(alert).toContain(reason)
  })

  test('names no files of this machine, whatever a visitor types', async () => {
    const { text } = await at('/sandbox/brand', {
      background: '/etc/passwd',
      logo: '/etc/passwd',
      theme: '/etc/passwd',
    })
    expect(text).not.toMatch(/root:|there is no such file|cannot be read|is no picture/)
  })

  test('shows the chosen page in the brand, framed by nobody but itself', async () => {
    const query = { name: 'Tea <b>Garden</b>', color: '#8a1c3c', page: 'login-1' }
    const picker = await at('/sandbox/brand', query)
    expect(String(picker.headers['content-security-policy'])).toMatch(/frame-ancestors 'none'.*frame-src 'self'$/)
    const [, source = ''] = /<iframe [^>]*src="([^"]+)"/.exec(picker.text) ?? []
    const page = await world.visitor().get(source.replaceAll('&#38;', '&'), { 'accept-language': 'en' })
    expect(page.text).toContain('Sign in to Tea &#60;b&#62;Garden&#60;/b&#62;')
    expect(String(page.headers['content-security-policy'])).toContain("frame-ancestors 'self'")
    expect(page.headers['x-frame-options']).toBeUndefined()
    const sheets = [...page.text.matchAll(/<link rel="stylesheet" href="([^"]+)"/g)].map(([, href = '']) => href)
    const css = await world.visitor().get(sheets.at(-1)?.replaceAll('&#38;', '&') ?? '')
    expect([css.status, css.headers['content-type']]).toEqual([200, 'text/css; charset=utf-8'])
    expect(css.text).toContain('--accent:#8a1c3c')
  })
})
