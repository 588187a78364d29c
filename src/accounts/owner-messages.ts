import { randomUUID } from 'node:crypto'
import type { Knex } from 'knex'
import type { UserId } from '../base/ids.ts'
import type { Place } from '../ops/ip-places.ts'
import { wholeColumn } from '../store/reseal.ts'
import type { Sealer } from '../store/seal.ts'
import { mutableEvents, type NamedBy, type OwnerEvent } from './owner-events.ts'
import type { Identity } from './user.ts'

/** A way in, a device or an app as its owner recognises it; nothing in it is a whole number or address. */
export interface Named {
  /** Of a way in; its name stands before the label. */
  readonly provider?: string
  /** Absent: it has no name. */
  readonly label?: string | undefined
  /** Of a device: where it was used. */
  readonly place?: Place
  /** Whether the account was never used there before. */
  readonly isNewPlace?: boolean
}

interface Facts {
  readonly what: Named
  readonly until: Date
}

type Told = Pick<Identity, 'provider' | 'subjects' | 'verifiedAt'>

/** What the owner of an account is to be told. */
export type OwnerMessage<Event extends OwnerEvent = OwnerEvent> = Event extends OwnerEvent
  ? {
      readonly userId: UserId
      readonly event: Event
      /** When it happened. */
      readonly at: Date
      /** Where to tell besides: an identity that has just gone, or is to come. */
      readonly also?: readonly Told[]
    } & Pick<Facts, NamedBy<Event>>
  : never

/**
 * Has the owner of an account told, in the transaction of what happened: at every proved number and address the account
 * has at this moment. So it is called before something is added, which needs no message to itself; what has gone is
 * handed over. Nobody waits for a vendor. What happens in no transaction of ours is told outside of one.
 */
export type QueueOwnerMessage = (transaction: Knex, message: OwnerMessage) => Promise<void>

/** For parts that tell nobody. */
export const tellNobody: QueueOwnerMessage = async () => {}

/** What a queued message names. */
export interface MessageDetail {
  readonly what?: Named
  /** ISO 8601. */
  readonly until?: string
}

/** Where somebody can be told. */
export type MessageChannel = 'sms' | 'email'

const addressContext = 'owner_message'

/** Where the addresses of messages are sealed. */
export const sealedOwnerMessages = wholeColumn({
  name: 'messages to owners',
  table: 'owner_messages',
  id: 'id',
  column: 'address',
  context: () => addressContext,
})

/** SECURITY: one account with hundreds of addresses must not send hundreds of messages. The ones used last count. */
const mostChannels = 10

const longestLabel = 80

const readOwner = `
  select
    (select muted_messages from users where id = :userId) as muted,
    (select last_used_locale from identities where user_id = :userId order by last_used_at desc limit 1) as locale,
    (select coalesce(jsonb_agg(found), '[]') from (
      select i.provider, s.subject
      from identities i join identity_subjects s on s.identity_id = i.id
      where i.user_id = :userId and i.provider in ('phone', 'email') and i.verified_at is not null
      order by i.last_used_at desc limit ${mostChannels}) as found) as reached`

interface Owner {
  readonly muted: readonly string[] | null
  readonly locale: string | null
  readonly reached: readonly Reached[]
}

interface Reached {
  readonly provider: string
  readonly subject: string
}

interface Dependencies {
  readonly sealer: Pick<Sealer, 'seal' | 'open'>
}

/** Makes the function that queues messages, and the one that opens an address to send to. */
export function ownerMessages({ sealer }: Dependencies): {
  readonly queue: QueueOwnerMessage
  readonly open: (address: string) => string
} {
  return {
    open: (address) => sealer.open(address, addressContext),
    async queue(transaction, message) {
      const { userId, event, at, also = [] } = message
      const { what = undefined, until = undefined } = message as Partial<Facts>
      const { rows } = await transaction.raw<{ rows: readonly Owner[] }>(readOwner, { userId })
      const { muted, locale = null, reached = [] } = rows[0] ?? {}
      if (mutableEvents.includes(event) && muted?.includes(event)) return
      const others = also.flatMap(({ provider, subjects, verifiedAt }) =>
        verifiedAt === undefined ? [] : subjects.map((subject) => ({ provider, subject })),
      )
      const named: MessageDetail = {
        ...(what && { what: storable(what) }),
        ...(until && { until: until.toISOString() }),
      }
      const common = { user_id: userId, event, detail: JSON.stringify(named), locale, happened_at: at, created_at: at }
      // A clock that is ahead must not put a message off.
      const due_at = transaction.raw('least(?::timestamptz, now())', [at])
      const messages = channelsOf([...others, ...reached]).map(({ channel, address }) => ({
        ...{ id: randomUUID(), ...common, channel, due_at },
        address: sealer.seal(address, addressContext),
      }))
      if (messages.length > 0) await transaction('owner_messages').insert(messages)
    },
  }
}

/** An app may give its device any name. */
function storable({ provider, label, ...where }: Named): Named {
  const text = label?.replaceAll('\0', '').slice(0, longestLabel).toWellFormed()
  return { ...(provider === undefined ? {} : { provider }), ...(text === undefined ? {} : { label: text }), ...where }
}

function channelsOf(found: readonly Reached[]) {
  const channels = new Map<string, { readonly channel: MessageChannel; readonly address: string }>()
  for (const { provider, subject } of found) {
    if (provider === 'phone') channels.set(subject, { channel: 'sms', address: subject })
    if (provider === 'email') channels.set(subject, { channel: 'email', address: subject })
  }
  return [...channels.values()]
}
