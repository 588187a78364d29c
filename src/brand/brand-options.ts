import { resolve } from 'node:path'
import { z } from 'zod'
import { perLanguage } from '../base/per-language.ts'
import { parseColour } from './colour.ts'
import { isIcpFiling, isPoliceFiling } from './filings.ts'

const controls = /[\p{Cc}\u2028-\u202e\u2066-\u2069]/u
const shortText = z
  .string()
  .min(1)
  .max(40)
  .refine((text) => !controls.test(text), 'holds a character that cannot be seen')

/** A text, or one for each language. */
export const localizedName = z.union([shortText, perLanguage(shortText)], {
  error: (issue) => (issue.input === undefined ? undefined : 'expected text, or a text for each language'),
})

/** A colour of an operator. */
export const colourOption = z
  .string()
  .refine((text) => parseColour(text) !== undefined, 'is no colour; expected #rrggbb')
  .transform((text) => parseColour(text) ?? text)

const file = z.string().min(1)
const webAddress = z.url({ protocol: /^https?$/ })

/** Settings of what visitors see. Files are named relative to the file that names them. */
export const brandOptions = z.strictObject({
  name: localizedName
    .prefault({ 'zh-CN': '门神', 'zh-TW': '門神', en: 'Menshen' })
    .describe('Name on pages and in mails: one text, or one for each language, `{ zh-CN: …, en: … }`.'),
  logo: file
    .optional()
    .describe('Picture file (SVG, PNG, JPEG, WebP, 200 KB). One that is twice as wide as high is taken for the name.'),
  logo_dark: file.optional().describe('The same for dark screens.'),
  favicon: file.optional().describe('Picture file (SVG, PNG, ICO) of browser tabs. Absent: the logo, if it is square.'),
  touch_icon: file.optional().describe('Square PNG file, at least 120 pixels wide, for the home screens of phones.'),
  color: colourOption
    .optional()
    .describe('Colour of buttons and links, `#rrggbb`. It has to be read as text on the card: contrast 4.5.'),
  color_dark: colourOption.optional().describe('The same for dark screens. Absent: made from `color`.'),
  radius: z.int().min(0).max(24).optional().describe('Roundness of corners in pixels; 10 where nobody says.'),
  background: file
    .optional()
    .describe(
      'What lies under the card on wide screens: a colour `#rrggbb`, or a picture file (JPEG, PNG, WebP, 1 MB).',
    ),
  company: shortText.max(80).optional().describe('Name of the company, at the bottom of every page.'),
  home_url: webAddress.optional().describe('The operator’s own site.'),
  support_url: z
    .url({ protocol: /^(https?|mailto)$/ })
    .optional()
    .describe('Where people find help.'),
  icp: z
    .string()
    .refine(isIcpFiling, 'expected the number as the ministry writes it, such as 京ICP备12345678号-1')
    .optional()
    .describe('ICP filing number, with its link at the bottom of every page.'),
  police_filing: z
    .string()
    .refine(isPoliceFiling, 'expected the number as the police write it, such as 京公网安备11010502030143号')
    .optional()
    .describe('Filing number of the public security, with its link at the bottom of every page.'),
  theme: file
    .optional()
    .describe(
      'CSS file: custom properties and the classes that docs/brand.md lists. It loads nothing and hides nothing.',
    ),
  phrases: perLanguage(z.record(z.string(), z.string()))
    .optional()
    .describe('Sentences in other words, for each language: keys as in `views/locales`, with the same parameters.'),
  police_icon: file
    .optional()
    .describe('Picture file of the emblem that the public security hands out with the number.'),
})

/** The settings of a brand, after they were checked. */
export type BrandOptions = z.output<typeof brandOptions>

/** Settings that name files. A background may be a colour instead. */
const fileNames = ['logo', 'logo_dark', 'favicon', 'touch_icon', 'police_icon', 'background', 'theme'] as const

/** The same settings with the whole paths of their files. */
export function withPaths(options: BrandOptions, folderOf: (name: string) => string): BrandOptions {
  const named = fileNames.filter((name) => options[name] !== undefined && parseColour(options[name]) === undefined)
  const paths = named.map((name) => [name, resolve(folderOf(name), options[name] ?? '')] as const)
  return { ...options, ...Object.fromEntries(paths) }
}
