import { appendFile, mkdir, open } from 'node:fs/promises'
import { join } from 'node:path'
import type { Clock } from '../src/base/clock.ts'
import type { MailNotice, MailSender } from '../src/mail/mail-sender.ts'
import { isNotice, type SmsNotice, type SmsSender, tooSoon } from '../src/sms/sms-sender.ts'

/** One message as `/sandbox/outbox` shows it: with its code, or with what it tells the owner of an account. */
export interface OutboxEntry {
  readonly to: string
  readonly channel: 'sms' | 'email'
  readonly template: string
  /** Empty in a message that tells something. */
  readonly otp: string
  readonly text?: string
  readonly at: string
}

/** Keeps what would have been sent. */
export interface Outbox {
  smsSender(): SmsSender
  mailSender(): MailSender
  /** Lists the newest first, at most 200; `to` keeps only messages to that phone number or address. */
  list(filter?: { readonly to?: string | undefined }): Promise<OutboxEntry[]>
}

interface OutboxDeps {
  readonly dataDir: string
  readonly clock: Clock
  /** What a mail says that tells something; without it, the name of the event. */
  readonly write?: (message: MailNotice) => string
}

/** Numbers that fail on purpose, so that each failure can be seen in the sandbox. */
export const specialNumbers: Readonly<Record<'rateLimited' | 'neverDelivered' | 'late' | 'answerLost', string>> = {
  rateLimited: '+8613800000001',
  neverDelivered: '+8613800000002',
  late: '+8613800000003',
  answerLost: '+8613800000004',
}

const lateBySeconds = 20
const listedAtMost = 200
const tailBytes = 512 * 1024

/** A line of the file; `listed_from` says from when on a late message is listed. */
interface Line extends OutboxEntry {
  readonly listed_from?: string
}

/**
 * Keeps what would have been sent in `<dataDir>/outbox.jsonl`, readable by its owner only. A message is one append of
 * one line, so several processes may share the file. SECURITY: sandbox only; the file holds live codes.
 */
export function outbox({ dataDir, clock, write = ({ template }) => template }: OutboxDeps): Outbox {
  const file = join(dataDir, 'outbox.jsonl')

  const append = async (entry: Omit<OutboxEntry, 'at'>, delaySeconds = 0) => {
    const now = clock()
    const line: Line = {
      ...entry,
      at: new Date(now).toISOString(),
      ...(delaySeconds === 0 ? {} : { listed_from: new Date(now + delaySeconds * 1000).toISOString() }),
    }
    await mkdir(dataDir, { recursive: true, mode: 0o700 })
    await appendFile(file, `${JSON.stringify(line)}\n`, { mode: 0o600 })
  }

  return {
    smsSender: () => ({
      async send(message) {
        const { to, template } = message
        if (to === specialNumbers.rateLimited) throw tooSoon('SANDBOX', undefined, 60)
        if (to === specialNumbers.neverDelivered) return 'sent'
        const content = isNotice(message) ? { otp: '', text: told(message) } : { otp: message.otp }
        await append({ to, channel: 'sms', template, ...content }, to === specialNumbers.late ? lateBySeconds : 0)
        return to === specialNumbers.answerLost ? 'unclear' : 'sent'
      },
    }),
    mailSender: () => ({
      async send(message) {
        const { to, template } = message
        const content = 'otp' in message ? { otp: message.otp } : { otp: '', text: write(message) }
        await append({ to, channel: 'email', template, ...content })
        return 'sent'
      },
    }),
    async list({ to } = {}) {
      const now = clock()
      return (await readTail(file))
        .split('\n')
        .reverse()
        .flatMap(parseLine)
        .filter((line) => to === undefined || line.to === to)
        .filter((line) => line.listed_from === undefined || Date.parse(line.listed_from) <= now)
        .slice(0, listedAtMost)
        .map(({ listed_from: _, ...entry }) => entry)
    },
  }
}

/** For programs: the newest entry has the newest code, and what tells something comes after all codes. */
export function codesFirst(entries: readonly OutboxEntry[]): OutboxEntry[] {
  return [...entries.filter(({ otp }) => otp !== ''), ...entries.filter(({ otp }) => otp === '')]
}

/** What a vendor would fill into its template. */
function told({ values }: SmsNotice): string {
  return Object.values(values)
    .filter((value) => value !== '')
    .join(' · ')
}

/** A line that was cut off, by a crash or because reading began in the middle of it, is not an entry. */
function parseLine(text: string): Line[] {
  try {
    return [JSON.parse(text) as Line]
  } catch {
    return []
  }
}

async function readTail(file: string): Promise<string> {
  try {
    await using handle = await open(file, 'r')
    const { size } = await handle.stat()
    const start = Math.max(0, size - tailBytes)
    const { buffer, bytesRead } = await handle.read(Buffer.alloc(size - start), 0, size - start, start)
    return buffer.toString('utf8', 0, bytesRead)
  } catch (thrown) {
    if (thrown instanceof Error && 'code' in thrown && thrown.code === 'ENOENT') return ''
    throw thrown
  }
}
