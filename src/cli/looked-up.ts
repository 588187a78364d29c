import type { UserId } from '../base/ids.ts'
import type { Core } from '../build/core.ts'
import type { CommandContext } from './command.ts'
import { reasonOf } from './confirm.ts'
import { operatorOf, refuse } from './open-core.ts'

/** What an operator has looked at. */
interface Look {
  readonly command: string
  /** Whose data it was, where it was one person's. */
  readonly userId?: UserId | undefined
  /** What was asked for; nothing in it is a whole number or address. */
  readonly asked?: Readonly<Record<string, unknown>>
  /** How many rows were shown. */
  readonly shown: number
}

/** Notes in the audit that an operator has looked at what is personal, and why. */
export async function noteLook({ audit }: Core, context: CommandContext, look: Look): Promise<void> {
  const { command, userId, asked = {}, shown } = look
  const isFull = context.flags['full'] === true
  const why = reasonOf(context)
  const detail = { command, operator: operatorOf(context), ...(why === undefined ? {} : { why }), full: isFull, shown }
  await audit.write({ event: 'support.looked', ...(userId ? { userId } : {}), detail: { ...detail, ...asked } })
}

/** Whether the operator has asked for whole numbers and addresses without saying why. Refuses then. */
export function refusesFull(context: CommandContext): number | undefined {
  if (context.flags['full'] !== true || reasonOf(context) !== undefined) return undefined
  return refuse(context, 'say why you need all of it: --why TEXT, for the audit')
}
