import type { collectedPage } from '../../interactions/browser/collected.ts'
import { captchaSettings } from '../../interactions/challenges/captcha-vendors.ts'
import { inLanguage } from '../base/languages.ts'
import type { ArchiveWriting } from '../own-data/archive.ts'
import { OwnDataExports } from '../own-data/exports.ts'
import type { Core } from './core.ts'
import type { Face } from './face.ts'
import type { Logins } from './logins.ts'

const daySeconds = 86_400
/** Apps of others that the page names. */
const mostApps = 200

/** Builds what makes the archives that people take along. */
export function buildExports(core: Core, logins: Pick<Logins, 'limits'>, { i18n }: Pick<Face, 'i18n'>): OwnDataExports {
  const writing = archiveWriting(core, { i18n })
  return new OwnDataExports({ ...core, tell: core.queueOwnerMessage, limits: logins.limits, writing })
}

/** In whose name, and in which words, archives are written. */
export function archiveWriting({ config }: Pick<Core, 'config'>, { i18n }: Pick<Face, 'i18n'>): ArchiveWriting {
  const brandName = (locale: string) => inLanguage(config.brand.name, locale)
  return { issuer: config.issuer, words: { translate: i18n.translate, brandName } }
}

type CollectedOptions = Parameters<typeof collectedPage>[0]['options']

/** What the settings have this server keep of people, and hand to others. */
export function collectedFacts(
  { config }: Pick<Core, 'config'>,
  { connectors, channels, oneTap }: Pick<Logins, 'connectors' | 'channels' | 'oneTap'>,
): CollectedOptions['facts'] {
  const { login, sms, mail, phone, ops } = config
  const providers = [...new Set(connectors.map(({ provider }) => provider))]
  const senders = [...new Set(sms.senders.map(({ type }) => type))]
  const days = ops.audit_retention === 'none' ? undefined : Math.ceil(ops.audit_retention / daySeconds)
  const when = <Item>(isSo: boolean, item: Item): Item[] => (isSo ? [item] : [])
  return {
    kept: [
      ...when(channels.includes('sms'), { kind: 'phone' as const }),
      ...when(channels.includes('email'), { kind: 'email' as const }),
      ...when(login.methods.includes('password'), { kind: 'password' as const }),
      { kind: 'nickname' },
      ...providers.map((provider) => ({ kind: 'upstream' as const, provider })),
      ...when(oneTap.length > 0, { kind: 'carrier' as const }),
      { kind: 'consent' },
      { kind: 'log', days },
    ],
    shared: [
      ...senders.map((vendor) => ({ kind: 'sms' as const, vendor })),
      ...when(mail !== undefined, { kind: 'mail' as const }),
      ...oneTap.map((vendor) => ({ kind: 'carrier' as const, vendor })),
      ...phone.carrier_check.map(({ vendor }) => ({ kind: 'number_check' as const, vendor })),
      ...when(captchaSettings(config) !== undefined, { kind: 'captcha' as const }),
      ...providers.map((provider) => ({ kind: 'upstream' as const, provider })),
    ],
  }
}

/** Ids of the apps of others that people can log in to. */
export async function appsOfOthers({ database }: Pick<Core, 'database'>): Promise<readonly string[]> {
  const rows: readonly { client_id: string }[] = await database
    .knex('clients')
    .whereRaw(`coalesce(metadata ->> 'first_party', 'false') <> 'true'`)
    .whereRaw(
      `(metadata -> 'grant_types' is null or exists (
        select from jsonb_array_elements_text(metadata -> 'grant_types') kind where kind = any(?)))`,
      [['authorization_code', 'urn:ietf:params:oauth:grant-type:device_code']],
    )
    .orderBy('client_id')
    .limit(mostApps)
    .select('client_id')
  return rows.map(({ client_id }) => client_id)
}
