import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { icons } from '../../interactions/upstreams/connection-base.ts'
import { iconFiles } from '../../scripts/icons.ts'
import { viewsFolder } from '../../views/engine.ts'

const folder = join(viewsFolder, 'assets/icons')

test('the icons are those of the pinned set, and `npm run icons` would write them again', () => {
  const written = readdirSync(folder).map((name) => [name, readFileSync(join(folder, name), 'utf8')])
  expect(Object.fromEntries(written)).toEqual(Object.fromEntries(iconFiles()))
})

test('there is an icon for each name that the settings take', () => {
  expect(icons.map((name) => `${name}.svg`)).toEqual([...iconFiles().keys()].toSorted())
})

test('the icon of a button weighs less than a kilobyte and is nothing but one path', () => {
  for (const [name, text] of iconFiles()) {
    expect(text.length, name).toBeLessThan(1024)
    expect(text, name).toMatch(/^<svg xmlns="[^"]+" viewBox="0 0 24 24"><path id="i" d="[^"<>]+"\/><\/svg>\n$/)
  }
})
