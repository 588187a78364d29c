import type { OtpCodes } from '../../interactions/methods/otp.ts'
import type { Guard } from '../abuse/abuse-guard.ts'
import type { Act } from '../abuse/rules.ts'
import { asAppError } from '../base/errors.ts'
import type { MailSender } from '../mail/mail-sender.ts'
import type { Merging } from '../oidc/endings/merging.ts'
import type { Audit, AuditEvent, AuditEventName } from '../ops/audit.ts'
import type { Log } from '../ops/log.ts'
import type { Metrics } from '../ops/metrics.ts'

/** What an event says of something that was decided before. */
const outcomes: Partial<Readonly<Record<AuditEventName, readonly [act: Act, outcome: 'failed' | 'done']>>> = {
  'user.registered': ['registration', 'done'],
  'upstream.failed': ['upstream', 'failed'],
}

/**
 * An audit that also counts logins and registrations: by method, outcome and provider, and for rules that look at how
 * things came out.
 */
export function countedAudit(
  audit: Audit,
  { logins, registrations }: Metrics,
  guard: Pick<Guard<never>, 'told'>,
): Audit {
  /** Wrong passwords are counted where they are tried. */
  async function tellGuard({ event, ip, clientId }: AuditEvent): Promise<void> {
    const found = outcomes[event]
    if (ip === undefined || found === undefined) return
    const [act, outcome] = found
    await guard.told({ act, ip, clientId, isKnownDevice: false }, outcome).catch(() => {})
  }

  return {
    async write(event) {
      const method = String(event.detail?.['method'])
      if (event.event === 'login.succeeded') logins.inc({ method, outcome: 'succeeded' })
      if (event.event === 'login.failed') logins.inc({ method, outcome: String(event.detail?.['error']) })
      if (event.event === 'user.registered') registrations.inc({ provider: event.identityProvider ?? 'other' })
      await Promise.all([audit.write(event), tellGuard(event)])
    },
  }
}

/** Codes that are counted: those that were asked for and not refused, and those that were entered. */
export function countedCodes(codes: OtpCodes, { codes: counter }: Pick<Metrics, 'codes'>): OtpCodes {
  return {
    ...codes,
    async issue(request) {
      const issued = await codes.issue(request)
      counter.inc({ channel: request.target.channel, event: 'issued' })
      return issued
    },
    async verify(request) {
      await codes.verify(request)
      counter.inc({ channel: request.target.channel, event: 'entered' })
    },
  }
}

/** A mail server whose answers are counted, and logged where they were lost. */
export function countedMail(mail: MailSender, { mailSent }: Metrics, log: Pick<Log, 'warn'>): MailSender {
  return {
    async send(message) {
      try {
        const outcome = await mail.send(message)
        mailSent.inc({ outcome })
        if (outcome === 'unclear') log.warn('it is unclear whether the mail server took a mail')
        return outcome
      } catch (error) {
        mailSent.inc({ outcome: asAppError(error).code })
        throw error
      }
    },
  }
}

/** What makes one account of two, and what takes that back, counted. */
export function countedMerging(merging: Merging, { accountMerges }: Metrics): Merging {
  const counted = async <T>(act: 'merge' | 'undo', work: Promise<T>): Promise<T> => {
    try {
      const done = await work
      accountMerges.inc({ act, outcome: 'done' })
      return done
    } catch (error) {
      accountMerges.inc({ act, outcome: asAppError(error).code })
      throw error
    }
  }
  return {
    ...merging,
    merge: (...given) => counted('merge', merging.merge(...given)),
    unmerge: (...given) => counted('undo', merging.unmerge(...given)),
  }
}
