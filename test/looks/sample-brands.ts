import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { brandOptions } from '../../src/brand/brand-options.ts'
import { type Brand, loadBrand } from '../../src/brand/read-brand.ts'
import { png, svg } from '../support/brand-files.ts'

const wordMark = svg(
  '<path fill="#b3261e" d="M6 4h28v32H6zM46 8h8v24h-8zM62 8h20v6H68v4h12v6H68v8h-6zM90 8h6l8 14V8h6v24h-6l-8-14v14h-6z"/>',
  'viewBox="0 0 120 40"',
)
const wordMarkDark = wordMark.replace('#b3261e', '#ffb4a9')
const cloud = svg('<path fill="#5b2bd9" d="M30 32H11a9 9 0 0 1-1-18 11 11 0 0 1 21-1 9.600 9.600 0 0 1-1 19z"/>')

/**
 * Brands as operators may have them: none, one with a word mark and sharp corners, one with a long name, round corners
 * and a picture.
 */
export function sampleBrands(): Readonly<Record<'plain' | 'tea' | 'cloud', Brand>> {
  const folder = mkdtempSync(join(tmpdir(), 'menshen-brands-'))
  const file = (name: string, body: string | Buffer) => {
    writeFileSync(join(folder, name), body)
    return join(folder, name)
  }
  const brand = (settings: object) => loadBrand(brandOptions.parse(settings))
  try {
    return {
      plain: brand({ support_url: 'https://help.example.com/' }),
      tea: brand({
        name: { 'zh-CN': '云上茶园', en: 'Yunshang Tea' },
        logo: file('word.svg', wordMark),
        logo_dark: file('word-dark.svg', wordMarkDark),
        color: '#b3261e',
        radius: 2,
        background: '#f7efe6',
        company: '云上茶园（杭州）科技有限公司',
        home_url: 'https://tea.example.com/',
        support_url: 'https://tea.example.com/help',
        icp: '浙ICP备12345678号-1',
        police_filing: '浙公网安备33010602000001号',
      }),
      cloud: brand({
        name: { 'zh-CN': '彩云之南统一身份认证与便民服务平台', en: 'Caiyun Identity and Public Services' },
        logo: file('cloud.svg', cloud),
        color: '#5b2bd9',
        radius: 20,
        background: file('sky.png', png(64, 64, [214, 226, 255])),
      }),
    }
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}
