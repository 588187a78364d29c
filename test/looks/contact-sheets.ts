import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import type { Browser } from 'playwright-core'

/** A picture of one page in one brand, language, width and light. */
export interface Shot {
  readonly file: string
  readonly page: string
  /** What it shares with the others on its sheet: `tea.zh-CN.375.dark`. */
  readonly sheet: string
  readonly width: number
}

const style = `body{margin:16px;background:#888;font:14px sans-serif;color:#fff}
main{display:flex;flex-wrap:wrap;gap:16px;align-items:flex-start}
figure{margin:0}img{display:block;background:#fff}figcaption{padding:4px 0}a{color:#fff}`

/** More on one sheet could not be read by eye at once. */
const mostOnSheet = 12

/** Joins pictures into sheets, one HTML page and one PNG each, and writes an index of all. */
export async function writeSheets(folder: string, shots: readonly Shot[], browser: Browser): Promise<string[]> {
  const sheets = new Map<string, readonly Shot[]>()
  for (const [sheet, each] of Map.groupBy(shots, (shot) => shot.sheet)) {
    for (let at = 0; at < each.length; at += mostOnSheet) {
      sheets.set(`${sheet}.${at / mostOnSheet + 1}`, each.slice(at, at + mostOnSheet))
    }
  }
  const page = await browser.newPage({ viewport: { width: 2000, height: 1200 } })
  for (const [sheet, each] of sheets) {
    const name = join(folder, `sheet.${sheet}`)
    await writeFile(`${name}.html`, document(sheet, figures(each)))
    await page.goto(pathToFileURL(`${name}.html`).href, { waitUntil: 'load' })
    await page.screenshot({ path: `${name}.png`, fullPage: true })
  }
  await page.close()
  const links = [...sheets.keys()].map(
    (sheet) => `<li><a href="sheet.${sheet}.html">${sheet}</a> <a href="sheet.${sheet}.png">PNG</a></li>`,
  )
  await writeFile(join(folder, 'index.html'), document('Looks', `<ul>${links.join('\n')}</ul>`))
  return [...sheets.keys()].map((sheet) => `sheet.${sheet}.png`)
}

function figures(shots: readonly Shot[]): string {
  const drawn = shots.map(({ file, page, width }) => {
    const shown = width > 600 ? 620 : 300
    return `<figure><a href="${file}"><img src="${file}" width="${shown}" alt=""></a><figcaption>${page}</figcaption></figure>`
  })
  return `<main>${drawn.join('\n')}</main>`
}

function document(title: string, body: string): string {
  return `<!doctype html><html lang="en"><meta charset="utf-8"><title>${title}</title><style>${style}</style><h1>${title}</h1>${body}</html>`
}
