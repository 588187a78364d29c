import { z } from 'zod'
import { inLanguage, type Locale } from '../../base/languages.ts'
import { colourOption, localizedName } from '../../brand/brand-options.ts'

const pictureFile = z.string().min(1).max(60_000)

/** How a client looks on our pages. A seed names picture files beside it; what is stored holds the pictures. */
export const clientBrandSchema = z.strictObject({
  name: localizedName
    .optional()
    .describe('What people read as its name: one text, or one for each language. Without it `client_name`.'),
  logo: pictureFile
    .optional()
    .describe('A picture file beside the seed (SVG, PNG, JPEG, WebP, 32 KB), or the same as a `data:` address.'),
  logo_dark: pictureFile.optional().describe('The same for dark screens.'),
  color: colourOption.optional().describe('Colour of buttons and links on its login and consent pages, `#rrggbb`.'),
  color_dark: colourOption.optional().describe('The same for dark screens; without it made from `color`.'),
})

/** The brand of a client as a seed describes it, after it was checked. */
export type ClientBrand = z.output<typeof clientBrandSchema>

/** A client as the library has it. */
interface NamedClient {
  readonly clientId: string
  readonly clientName?: string | undefined
  readonly [key: string]: unknown
}

/** What people read as the name of a client. */
export function shownName(client: NamedClient, locale: Locale): string {
  const { name } = Object(client['brand']) as ClientBrand
  return inLanguage(name ?? client.clientName ?? client.clientId, locale)
}

/** What people read as the name of a client that may be gone: then its id. */
export function shownNameOf(clientId: string, client: NamedClient | undefined, locale: Locale): string {
  return client ? shownName(client, locale) : clientId
}
