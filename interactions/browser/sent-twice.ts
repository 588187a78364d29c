import type { Context } from 'koa'
import type { Interaction } from 'oidc-provider'
import type { Form } from '../form.ts'
import { leave } from './leave.ts'

/** The name of the digest of the form that answered an interaction, beside the answer. */
const answeredBy = 'form'
/** For as long it is known that a form was the last one: a second may have looked at the interaction before that. */
const knownMs = 10_000

/**
 * A form that comes a second time, as by a double click without script. The browser waits for the answer to the second
 * one only, and what the form brings was used up by the first: so the second goes where the first has led, and nothing
 * is done twice. SECURITY: that holds for the very same form alone, code and password included, and for the browser
 * that the interaction belongs to; what the form says is kept as a keyed digest.
 */
export class SentTwice {
  readonly #mac: (text: string) => string
  /** The forms that are being answered in this process, or have ended a login just now, and where each leads. */
  readonly #underWay = new Map<string, Promise<string | undefined>>()

  constructor(mac: (text: string) => string) {
    this.#mac = mac
  }

  /** What is kept beside the answer to an interaction, so that the form which gave it is known again. */
  mark(uid: string, form: Form): Readonly<Record<string, string>> {
    return { [answeredBy]: this.#nameOf(uid, form) }
  }

  /** Leads on where this form has led already, or answers it. */
  async answerOnce(ctx: Context, found: Interaction, form: Form, answer: () => Promise<void>): Promise<void> {
    const name = this.#nameOf(found.uid, form)
    if (found.result?.[answeredBy] === name) return leave(ctx, found.returnTo)
    const before = this.#underWay.get(name)
    const led = before && (await before)
    if (led !== undefined) return leave(ctx, led)
    const answered = answer()
    const leads = answered.then(
      () => (ctx.status === 303 ? ctx.response.get('location') : undefined),
      () => undefined,
    )
    this.#underWay.set(name, leads)
    const forget = () => this.#underWay.delete(name)
    // A step may be taken again: whoever comes back from a vendor presses the same button.
    void leads.then((to) => (to === found.returnTo ? setTimeout(forget, knownMs).unref() : forget()))
    await answered
  }

  #nameOf(uid: string, { fields, list }: Form): string {
    return this.#mac(JSON.stringify([uid, fields, list]))
  }
}
