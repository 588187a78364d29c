import { z } from 'zod'
import type { OwnerEvent } from '../accounts/owner-events.ts'
import { destinationName, destinationNames } from '../base/destination-names.ts'
import type { SmsTemplate } from './sms-sender.ts'

const mainlandCode = '86'

/** Whom a part of a sender's settings is for. */
export const destinationKeys = z
  .array(
    z.string().regex(destinationName, 'expected mainland, hmt, international or a calling code such as 852, in quotes'),
  )
  .min(1)
  .describe(
    'Whom it is for: `mainland`, `hmt` (Hong Kong, Macau, Taiwan), `international` (all outside the mainland), calling codes such as `"44"`, or the digits numbers begin with, such as `"1809"`. The narrowest entry wins.',
  )

type Templates<Content> = Partial<Readonly<Record<SmsTemplate, Content>>>
type Notices<Content> = Partial<Readonly<Record<OwnerEvent, Content>>>

/** A part of a sender's settings, whom it is for, and the templates it has: for codes, and for messages to owners. */
export type Level<Content, Notice = Content> = {
  readonly to: readonly string[]
  readonly templates?: Templates<Content> | undefined
  readonly notices?: Notices<Notice> | undefined
}

type ContentOf<Given extends Level<object>> = NonNullable<NonNullable<Given['templates']>[SmsTemplate]>
type NoticeOf<Given extends Level<object>> = NonNullable<NonNullable<Given['notices']>[OwnerEvent]>

/** What a message to one destination is sent with. */
interface Choice<Given extends Level<object>, Content = ContentOf<Given>> {
  readonly content: Content
  /** What the levels say beside their templates, the narrowest of each. */
  readonly given: Partial<Given>
}

interface SenderSettings<Given> {
  readonly destinations: readonly Given[]
}

/**
 * The levels of a sender. What stands at the sender itself is for the mainland, or, where the mainland is not served,
 * for everybody: vendors keep the templates of the mainland and of the rest of the world apart.
 */
export function levelsOf<Given extends Level<unknown>>(
  { destinations }: SenderSettings<Given>,
  own: Omit<Given, 'to'>,
  countries: readonly string[],
): readonly Given[] {
  if (own.templates === undefined) return destinations
  const to = countries.some((country) => country.startsWith(mainlandCode)) ? ['mainland'] : ['international']
  return [...destinations, { ...own, to } as unknown as Given]
}

/** Whether the levels say anything for numbers that begin with these digits, or for a class. */
export function serves(levels: readonly Level<unknown>[], destination: string): boolean {
  return chainOf(levels, destination).length > 0
}

/**
 * The one place that decides what a message is sent with: each thing comes from the narrowest level that has it, and
 * within one level what is said for the purpose goes before what is said for all. `undefined` when no level has a
 * template for it.
 */
export function chosen<Given extends Level<object>>(
  levels: readonly Given[],
  destination: string,
  template: SmsTemplate,
): Choice<Given> | undefined {
  return choose(levels, destination, ({ templates }) => templates?.[template] as ContentOf<Given> | undefined)
}

/** The same for a message to the owner of an account; most settings have a template for some events only. */
export function chosenNotice<Given extends Level<object>>(
  levels: readonly Given[],
  destination: string,
  event: OwnerEvent,
): Choice<Given, NoticeOf<Given>> | undefined {
  return choose(levels, destination, ({ notices }) => notices?.[event] as NoticeOf<Given> | undefined)
}

function choose<Given extends Level<object>, Content extends object>(
  levels: readonly Given[],
  destination: string,
  contentIn: (level: Given) => Content | undefined,
): Choice<Given, Content> | undefined {
  const chain = chainOf(levels, destination)
  const content = chain.map(contentIn).find((each) => each !== undefined)
  if (content === undefined) return undefined
  const parts = chain.toReversed().flatMap((level) => [level, contentIn(level) ?? {}].map(said))
  return { content, given: Object.assign({}, ...parts) }
}

function said(part: object): object {
  return Object.fromEntries(Object.entries(part).filter(([, value]) => value !== undefined))
}

/** The levels for a destination, the narrowest first. */
function chainOf<Given extends Level<unknown>>(levels: readonly Given[], destination: string): readonly Given[] {
  return destinationNames(destination).flatMap((key) => levels.filter(({ to }) => to.includes(key)))
}

/** Whether numbers of a destination are in the mainland, whose templates and signatures no other place shares. */
export function isMainland(destination: string): boolean {
  return destination === 'mainland' || destination.startsWith(mainlandCode)
}
