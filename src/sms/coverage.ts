import { type OwnerEvent, ownerEventNames, ownerEvents } from '../accounts/owner-events.ts'
import { callingCodeOf } from '../base/phone.ts'
import { aliyunLevels } from './aliyun.ts'
import { chosen, chosenNotice, isMainland, type Level, serves } from './destinations.ts'
import { smsTemplates } from './sms-sender.ts'
import type { SmsSenderOptions } from './sms-senders.ts'
import { tencentLevels } from './tencent.ts'

interface SmsSettings {
  readonly senders: readonly SmsSenderOptions[]
  readonly countries: readonly string[]
}

/** What is wrong with a setting, and how to mend it. */
interface Problem {
  readonly path: string
  readonly message: string
}

/**
 * Whatever keeps a message from leaving although each setting is valid by itself: a destination without a template or a
 * signature it needs, and a country that no sender serves.
 */
export function smsProblems({ senders, countries }: SmsSettings): Problem[] {
  return [
    ...senders.flatMap((sender, index) => senderProblems(sender, `sms.senders[${index}]`, countries)),
    ...countries.flatMap((country, index) => {
      if (callingCodeOf(country) !== undefined) return []
      return [{ path: `sms.countries[${index}]`, message: `${country} neither is a calling code nor begins with one` }]
    }),
    ...(senders.length === 0 ? [] : countryProblems({ senders, countries })),
  ]
}

/**
 * What owners of accounts are told of by mail alone, because no sender has a template for it in one of the countries.
 */
export function eventsWithoutSms({ senders, countries }: SmsSettings): OwnerEvent[] {
  const levels = senders.map((sender) => levelsOf(sender, countries))
  return ownerEventNames.filter((event) =>
    countries.some((country) => !levels.some((each) => chosenNotice(each, country, event))),
  )
}

/** Addresses of vendors that no message is sent to outside the sandbox, because it would go in the clear. */
export function plainEndpoints({ senders }: Pick<SmsSettings, 'senders'>): Problem[] {
  return endpointsIn(senders, 'sms.senders')
    .filter(({ address }) => !address.startsWith('https:'))
    .map(({ path }) => ({
      path,
      message: 'must be an https address outside the sandbox: it gets codes and signatures',
    }))
}

function endpointsIn(value: unknown, path: string): { readonly path: string; readonly address: string }[] {
  if (Array.isArray(value)) return value.flatMap((each, index) => endpointsIn(each, `${path}[${index}]`))
  if (typeof value !== 'object' || value === null) return []
  return Object.entries(value).flatMap(([name, each]) =>
    name === 'endpoint' && typeof each === 'string'
      ? [{ path: `${path}.endpoint`, address: each }]
      : endpointsIn(each, `${path}.${name}`),
  )
}

/** For whom a sender has what a message needs, in the order of the settings. */
export function servedBy(sender: SmsSenderOptions, countries: readonly string[]): readonly string[] {
  return [...new Set(levelsOf(sender, countries).flatMap(({ to }) => to))]
}

function countryProblems({ senders, countries }: SmsSettings): Problem[] {
  const levels = senders.map((sender) => levelsOf(sender, countries))
  return countries.flatMap((country, index) => {
    if (levels.some((each) => serves(each, country))) return []
    const kind = isMainland(country) ? 'mainland' : 'international'
    const remedy = `give a sender templates for it in \`destinations\` (to: ["${country}"] or [${kind}]), or take it off the list`
    return [{ path: `sms.countries[${index}]`, message: `no sender serves ${country}: ${remedy}` }]
  })
}

function senderProblems(sender: SmsSenderOptions, path: string, countries: readonly string[]): Problem[] {
  const own: Problem[] = []
  if (sender.templates === undefined && sender.destinations.length === 0) {
    own.push({ path: `${path}.templates`, message: 'is missing; set it, or destinations' })
  }
  if (sender.templates === undefined && sender.notices !== undefined) {
    own.push({ path: `${path}.notices`, message: 'are for nobody without `templates` beside them; see destinations' })
  }
  const named = new Set<string>()
  const levels = levelsOf(sender, countries)
  return own.concat(
    noticeProblems(sender, path),
    sender.destinations.flatMap((each, index) => noticeProblems(each, `${path}.destinations[${index}]`)),
    levels.flatMap((level, index) => {
      const isOwn = index === sender.destinations.length
      const at = isOwn ? path : `${path}.destinations[${index}]`
      return level.to.flatMap((key) => {
        if (!isOwn && named.has(key)) return [{ path: `${at}.to`, message: `names ${key} twice in one sender` }]
        named.add(key)
        return destinationProblems(sender, isOwn ? [level] : levels, key, at)
      })
    }),
  )
}

function destinationProblems(
  sender: SmsSenderOptions,
  levels: ReturnType<typeof levelsOf>,
  key: string,
  at: string,
): Problem[] {
  if (/^\d/.test(key) && callingCodeOf(key) === undefined) {
    return [{ path: `${at}.to`, message: `names ${key}, which no calling code is or begins` }]
  }
  const lacking = smsTemplates.filter((template) => chosen(levels, key, template) === undefined)
  if (lacking.length > 0) {
    return [{ path: `${at}.templates`, message: `has no ${lacking.join(', ')} for ${key}, and nothing wider has` }]
  }
  return smsTemplates.flatMap((template) => {
    const choice = chosen(levels, key, template)
    if (choice === undefined) return []
    const isText = 'text' in choice.content
    if (isText && isMainland(key)) {
      const message = `has a text for ${template}, and SendMessageToGlobe sends nothing to the mainland; name a template code`
      return [{ path: `${at}.templates`, message }]
    }
    const isSigned =
      choice.given.sign_name !== undefined || (sender.type === 'aliyun' && sender.sign_name !== undefined)
    const mustBeSigned = sender.type === 'aliyun' ? !isText : isMainland(key)
    return mustBeSigned && !isSigned
      ? [{ path: `${at}.sign_name`, message: `is missing: messages to ${key} need a signature` }]
      : []
  })
}

type Notices = SmsSenderOptions['notices'] | SmsSenderOptions['destinations'][number]['notices']

/** A vendor refuses a message whose template takes something that the event does not name: it would be empty. */
function noticeProblems(
  { notices = {}, to = ['mainland'] }: { readonly notices?: Notices; readonly to?: readonly string[] },
  at: string,
): Problem[] {
  return ownerEventNames.flatMap((event) => {
    const notice = notices[event]
    if (notice === undefined) return []
    const path = `${at}.notices.${event}`
    const known: readonly string[] = ['time', ...ownerEvents[event].names]
    const wrong = namesIn(notice).filter((name) => !known.includes(name))
    if (wrong.length > 0) {
      return [{ path, message: `names ${wrong.join(', ')}; ${event} has ${known.join(' and ')}` }]
    }
    return 'text' in notice && to.some(isMainland)
      ? [{ path, message: 'has a text, and SendMessageToGlobe sends nothing to the mainland; name a template code' }]
      : []
  })
}

function namesIn(notice: object): readonly string[] {
  const {
    text,
    params,
    variables = {},
  } = notice as Partial<{
    text: string
    params: readonly string[]
    variables: Readonly<Record<string, string>>
  }>
  if (text !== undefined) return Array.from(text.matchAll(/\{(\w+)\}/g), ([, name = '']) => name)
  return params ?? Object.keys(variables)
}

type AnyLevel = Level<object> & { readonly sign_name?: string | undefined }

function levelsOf(sender: SmsSenderOptions, countries: readonly string[]): readonly AnyLevel[] {
  return sender.type === 'aliyun' ? aliyunLevels(sender, countries) : tencentLevels(sender, countries)
}
