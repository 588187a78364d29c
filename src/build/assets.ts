import type { Middleware } from 'koa'
import type { Connector } from '../../interactions/upstreams/connector.ts'
import { paths } from '../base/paths.ts'
import type { Bytes } from '../base/representations.ts'
import { customaryPaths } from '../http/customary-paths.ts'
import { assetBytes } from '../http/static-bytes.ts'
import type { ClientLooks } from '../oidc/clients/client-looks.ts'
import type { Face } from './face.ts'

interface Sources {
  readonly face: Pick<Face, 'assets' | 'brand'>
  readonly connectors: readonly Pick<Connector, 'icon'>[]
  /** Asked at each request, because clients come and go. */
  readonly looks: () => ClientLooks
}

/** What serves the files of the pages: the product's own, the operator's and those of the clients. */
export function buildAssets({ face: { assets, brand }, connectors, looks }: Sources): readonly Middleware[] {
  const folder = `${paths.assets}/`
  const icons = connectors.flatMap(({ icon: own }) => (typeof own === 'object' ? [own] : []))
  const own = [...brand.files, ...icons].map((file) => [`${folder}${file.name}`, file] as const)
  const files = new Map<string, Bytes>([...assets, ...own])
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
