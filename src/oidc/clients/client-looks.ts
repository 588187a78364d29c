import { createHash } from 'node:crypto'
import type { Localized } from '../../base/languages.ts'
import { accentCss } from '../../brand/brand-css.ts'
import type { Colour } from '../../brand/colour.ts'
import type { ClientWear } from '../../brand/drawn-brand.ts'
import { type BrandFile, type BrandPicture, cssFile, pictureFile } from '../../brand/read-brand.ts'
import type { ClientBrand } from './client-brand.ts'
import type { ClientSeed } from './client-schema.ts'
import { checkedPicture } from './seed-brand.ts'

/** What the registered clients add to our pages, and the files for it. */
export interface ClientLooks {
  of(clientId: string | undefined): ClientWear | undefined
  file(name: string): BrandFile | undefined
  /** What was made of a brand, by the digest of its content. */
  made(digest: string): ClientWear | undefined
}

/** Makes the looks of all clients that have one. Only a brand that was not there `before` is judged. */
export function clientLooks(seeds: readonly ClientSeed[], before?: Pick<ClientLooks, 'made'>): ClientLooks {
  const looks = new Map<string, ClientWear>()
  const made = new Map<string, ClientWear>()
  const files = new Map<string, BrandFile>()
  for (const { client_id: id, brand, first_party: isFirstParty } of seeds) {
    if (!brand) continue
    const digest = createHash('sha256')
      .update(JSON.stringify([brand, isFirstParty]))
      .digest('base64')
    const look = before?.made(digest) ?? made.get(digest) ?? lookOf(brand, isFirstParty)
    made.set(digest, look)
    looks.set(id, look)
    for (const file of [look.logo, look.logoDark, look.stylesheet]) if (file) files.set(file.name, file)
  }
  return {
    of: (id) => (id === undefined ? undefined : looks.get(id)),
    file: (name) => files.get(name),
    made: (digest) => made.get(digest),
  }
}

function lookOf({ name, logo, logo_dark: logoDark, ...brand }: ClientBrand, isFirstParty: boolean): ClientWear {
  const css = accentCss({ color: brand.color as Colour | undefined, colorDark: brand.color_dark as Colour | undefined })
  return {
    isFirstParty,
    name: name as Localized | undefined,
    logo: picture(logo),
    logoDark: picture(logoDark),
    stylesheet: cssFile(css),
  }
}

/** SECURITY: what somebody wrote into the database by hand is judged like a file; what is no picture is not served. */
function picture(address: string | undefined): BrandPicture | undefined {
  if (address === undefined) return undefined
  try {
    return pictureFile(checkedPicture(address))
  } catch {
    return undefined
  }
}
