import { maskPhone } from '../base/mask.ts'
import { isNotice, type SmsSender } from './sms-sender.ts'

interface ConsoleDeps {
  readonly stream: { write(text: string): unknown }
}

/**
 * Prints codes in a box instead of sending them. SECURITY: sandbox only; whoever reads the stream can log in as
 * anybody.
 */
export function consoleSms({ stream }: ConsoleDeps): SmsSender {
  return {
    async send(message) {
      const { to, template } = message
      const text = isNotice(message)
        ? Object.values(message.values).filter(Boolean).join('  ')
        : `${message.otp}  valid ${message.ttlMinutes} min`
      const lines = [`SMS to ${maskPhone(to)}  ${template}`, text]
      const width = Math.max(...lines.map((line) => line.length))
      const rule = '─'.repeat(width + 2)
      const rows = lines.map((line) => `│ ${line.padEnd(width)} │`)
      stream.write(`${[`┌${rule}┐`, ...rows, `└${rule}┘`].join('\n')}\n`)
      return 'sent'
    },
  }
}
