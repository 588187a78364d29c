import type { Middleware } from 'koa'
import { assets } from '../../views/engine.ts'
import { paths } from '../base/paths.ts'
import type { Bytes } from '../base/representations.ts'
import type { Brand } from '../brand/read-brand.ts'
import { customaryPaths } from '../http/customary-paths.ts'
import { assetBytes } from '../http/static-bytes.ts'
import type { ClientLooks } from '../oidc/clients/client-looks.ts'

interface Sources {
  readonly brand: Brand
  /** Asked at each request, because clients come and go. */
  readonly looks: () => ClientLooks
}

/** What serves the files of the pages: the product's own, the operator's and those of the clients. */
export function buildAssets({ brand, looks }: Sources): readonly Middleware[] {
  const folder = `${paths.assets}/`
  const files = new Map([...assets(), ...brand.files.map((file) => [`${folder}${file.name}`, file] as const)])
  // Whose own logo stands on the pages does not want ours on the tab.
  const icon = (own: Bytes | undefined, name: string) => own ?? (brand.logo ? undefined : files.get(`${folder}${name}`))
  return [
    assetBytes(files, (path) => looks().file(path.slice(folder.length))),
    customaryPaths({
      favicon: icon(brand.favicon, 'favicon.ico'),
      touchIcon: icon(brand.touchIcon, 'apple-touch-icon.png'),
    }),
  ]
}
