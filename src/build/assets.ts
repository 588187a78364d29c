import type { Middleware } from 'koa'
import { assets } from '../../views/engine.ts'
import { paths } from '../base/paths.ts'
import type { Bytes } from '../base/representations.ts'
import type { Brand } from '../brand/read-brand.ts'
import { customaryPaths } from '../http/customary-paths.ts'
import { assetBytes } from '../http/static-bytes.ts'

/** What serves the files of the pages: the product's own and the operator's. */
export function buildAssets(brand: Brand): readonly Middleware[] {
  const folder = `${paths.assets}/`
  const files = new Map([...assets(), ...brand.files.map((file) => [`${folder}${file.name}`, file] as const)])
  // Whose own logo stands on the pages does not want ours on the tab.
  const icon = (own: Bytes | undefined, name: string) => own ?? (brand.logo ? undefined : files.get(`${folder}${name}`))
  return [
    assetBytes(files),
    customaryPaths({
      favicon: icon(brand.favicon, 'favicon.ico'),
      touchIcon: icon(brand.touchIcon, 'apple-touch-icon.png'),
    }),
  ]
}
