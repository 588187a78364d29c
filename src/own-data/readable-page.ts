import { escapeHtml } from '../../views/escape.ts'
import type { I18n } from '../base/i18n.ts'
import type { Locale } from '../base/languages.ts'
import { cellText } from './csv.ts'
import { listColumns, listNames, type OwnData } from './own-data.ts'

interface Dependencies {
  readonly translate: I18n['translate']
  /** Who keeps it. */
  readonly brandName: (locale: Locale) => string
}

/** Events that have words of their own in every language; of others the name is shown. */
export const eventsWithWords: ReadonlySet<string> = new Set([
  'login.disowned',
  'login.failed',
  'session.ended',
  'user.registered',
  'user.locked',
  'user.unlocked',
  'identity.bound',
  'identity.unbound',
  'identity.moved',
  'identity.refused',
  'identity.doubted',
  'identity.confirmed',
  'identity.freed',
  'profile.changed',
  'password.set',
  'password.changed',
  'password.reset',
  'consent.granted',
  'consent.refused',
  'consent.withdrawn',
  'grant.revoked',
  'grant.expired',
  'token.reused',
  'export.requested',
  'export.made',
  'export.fetched',
])
const providersWithWords: ReadonlySet<unknown> = new Set([
  ...['phone', 'email', 'username', 'wechat', 'qq', 'weibo', 'github', 'apple'],
])

/** The archive for people: one page without anything from elsewhere, in their language. */
export function readablePage(data: OwnData, locale: Locale, { translate, brandName }: Dependencies): string {
  const t = (key: string, params?: Readonly<Record<string, string>>) => escapeHtml(translate(locale, key, params))
  const title = t('own_data.archive_title', { brand: brandName(locale) })
  const profile = Object.entries(data.profile).map(([name, value]) => [name, shown(name, value)] as const)
  const facts = profile.map(([name, value]) => `<tr><th scope="row">${column(name)}</th><td>${value}</td></tr>`)

  function column(name: string): string {
    return t(`own_data.column.${name}`)
  }

  function shown(name: string, value: string | boolean | null | readonly string[]): string {
    if (typeof value === 'string' && (name === 'at' || name === 'since' || name.endsWith('_at')))
      return `<time datetime="${escapeHtml(value)}">${escapeHtml(value.slice(0, 19).replace('T', ' '))}</time>`
    if (name === 'event' && eventsWithWords.has(String(value))) return t(`own_data.event.${value}`)
    if (name === 'provider' && providersWithWords.has(value)) return t(`provider.${value}`)
    return `<bdi>${escapeHtml(cellText(value))}</bdi>`
  }

  const sections = listNames.map((list) => {
    const columns = listColumns[list]
    const rows: readonly Readonly<Record<string, string | null | readonly string[]>>[] = data[list]
    const head = columns.map((name) => `<th scope="col">${column(name)}</th>`).join('')
    const body = rows.map(
      (row) => `<tr>${columns.map((name) => `<td>${shown(name, row[name] ?? null)}</td>`).join('')}</tr>`,
    )
    const table = `<div class="wide"><table><thead><tr>${head}</tr></thead><tbody>${body.join('\n')}</tbody></table></div>`
    return `<h2>${t(`own_data.list.${list}`)}</h2>\n${rows.length === 0 ? `<p>${t('own_data.none')}</p>` : table}`
  })
  return `<!doctype html>
<html lang="${escapeHtml(locale)}" dir="${t('language.direction')}">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>${title}</title>
<style>
:root { color-scheme: light dark; font: 1rem/1.5 system-ui, sans-serif }
body { margin: 0 auto; max-width: 72rem; padding: 1rem }
.wide { overflow-x: auto }
table { border-collapse: collapse }
th, td { border: 1px solid #8888; padding: .25rem .5rem; text-align: start; vertical-align: top }
</style>
</head>
<body>
<h1>${title}</h1>
<p>${t('own_data.archive_about', { at: data.made_at.slice(0, 19).replace('T', ' ') })}</p>
<h2>${t('own_data.list.profile')}</h2>
<table><tbody>${facts.join('\n')}</tbody></table>
${sections.join('\n')}
${data.is_cut ? `<p>${t('own_data.cut')}</p>` : ''}
</body>
</html>
`
}
