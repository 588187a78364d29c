import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { optimize } from 'svgo'

/**
 * The marks of vendors, by our names and by those of npm `simple-icons`, whose files are in the public domain (CC0
 * 1.0). What they show are trademarks, and only the button that leads to a vendor may carry its mark.
 */
const marks = {
  alipay: 'alipay',
  apple: 'apple',
  gitee: 'gitee',
  github: 'github',
  gitlab: 'gitlab',
  huawei: 'huawei',
  openid: 'openid',
  qq: 'qq',
  wechat: 'wechat',
  weibo: 'sinaweibo',
} as const

/** Our own drawing, for whoever has no mark in the set. */
const key =
  'M15.5 1a7.5 7.5 0 0 0-7.2 9.6L1 17.9V23h5.1v-2.6h2.6v-2.6h2.6l2.1-2.1A7.5 7.5 0 1 0 15.5 1m1.9 7.5a2 2 0 1 1 0-4 2 2 0 0 1 0 4'

/** At the size of a button a tenth of a unit is less than anybody sees, and the files are a third smaller. */
const decimals = 1

const icons = dirname(createRequire(import.meta.url).resolve('simple-icons/icons/qq.svg'))

/** Every icon of `views/assets/icons`, by its file name. A page draws the path, in the colour of the text around it. */
export function iconFiles(): ReadonlyMap<string, string> {
  const traced = Object.entries(marks).map(([name, mark]) => {
    const path = /\sd="([^"]+)"/.exec(readFileSync(join(icons, `${mark}.svg`), 'utf8'))?.[1]
    if (path === undefined) throw new Error(`simple-icons draws ${mark} with more than one path`)
    return [name, path] as const
  })
  return new Map([...traced, ['key', key] as const].map(([name, path]) => [`${name}.svg`, file(path)]))
}

function file(path: string): string {
  const svg = `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 24 24"><path id="i" d="${path}"/></svg>`
  const plugins = [{ name: 'convertPathData' as const, params: { floatPrecision: decimals } }]
  return `${optimize(svg, { plugins }).data}\n`
}

/** `npm run icons` writes them anew; a test compares. */
if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) {
  const folder = join(import.meta.dirname, '../views/assets/icons')
  rmSync(folder, { recursive: true, force: true })
  mkdirSync(folder, { recursive: true })
  for (const [name, text] of iconFiles()) writeFileSync(join(folder, name), text)
}
