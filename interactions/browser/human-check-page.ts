import type { Context } from 'koa'
import type { Interaction } from 'oidc-provider'
import { AppError } from '../../src/base/errors.ts'
import { interactionPath } from '../../src/base/paths.ts'
import type { RequestState } from '../../src/oidc/request-state.ts'
import type { Level } from '../challenges/human-challenge.ts'
import { type HumanChecks, isCaptchaAway, levelOf, wantedBy } from '../challenges/human-checks.ts'
import { answerField } from '../challenges/question.ts'
import type { Input, LoginMethod } from '../methods/method.ts'
import { repeatedForm } from './agree.ts'
import { type carriedPasswords, whoFields } from './carried-passwords.ts'
import { leave } from './leave.ts'
import type { Renderer } from './render.ts'

interface Dependencies {
  readonly checks: HumanChecks
  readonly renderer: Renderer
  readonly carried: ReturnType<typeof carriedPasswords>
}

/** A form as it was sent. */
interface Sent {
  readonly method: LoginMethod | undefined
  readonly input: Input
}

/** The field that says that our own challenge is to take the place of a vendor's captcha. */
const insteadField = 'instead'
/** The field that counts how often a page has been drawn for one form. */
const roundField = 'round'
/** So often the script of the page begins by itself: a page that never does would go round and round. */
const ownRounds = 3

/**
 * The page that asks whether a person is there, before a form that was sent is looked at once more. With script it
 * solves a proof of work and goes on by itself; without, it asks a question.
 */
export function humanCheckPages({ checks, renderer, carried }: Dependencies) {
  return (ctx: Context, { uid }: Pick<Interaction, 'uid'>, { method, input }: Sent) => {
    const { ip, clientName } = ctx.state as RequestState
    const locale = renderer.locale(ctx)
    const wanted = wantedBy(uid, method, input)
    let isRefused = false
    /** What the page leads to besides; undefined: the form that was sent. */
    let others: readonly string[] | undefined

    function shownForm(given: Input, sealed: string | undefined): ReturnType<typeof repeatedForm> {
      const form = repeatedForm({ method, input: given, carried: sealed, locale })
      return { ...form, back: others?.[0] ?? form.back }
    }

    const statusOf = () => (others ? 200 : 400)

    /**
     * The page of a vendor's captcha, unless whoever is there has left it, or it cannot judge. SECURITY: what was typed
     * is in it sealed, because the script of somebody else could read it.
     */
    function drawCaptcha(): boolean {
      const { captcha } = checks
      if (!captcha?.page || captcha.isResting() || input[insteadField] !== undefined) return false
      const sealed = carried.pack(uid, input, whoFields)
      const bare = Object.fromEntries(Object.entries(input).filter(([name]) => !isWho(name)))
      const { fields, back } = shownForm(bare, sealed)
      const { name: vendor, fields: answer, page, widget } = captcha
      const form = { fields, back }
      const error = isRefused ? renderer.pageError(ctx, new AppError('captcha.required')) : undefined
      const view = { ...form, vendor, script: page.script, widget: JSON.stringify(widget), answer, error }
      renderer.render(ctx, 'captcha', view, { status: statusOf(), clientName, widget: page })
      return true
    }

    async function draw(level: Level): Promise<void> {
      const { work, text, question } = await checks.forPage({ ...wanted, level, ip, locale })
      const round = Number(input[roundField]) || 0
      const form = shownForm(input, carried.pack(uid, input))
      const instead = checks.captcha ? [{ name: insteadField, value: 'own' }] : []
      const fields = [...form.fields, { name: roundField, value: String(round + 1) }, ...instead]
      const isWrong = isRefused && input[answerField] !== undefined && input[answerField].trim() !== ''
      const error = isWrong ? new AppError('challenge.wrong', { field: answerField }) : undefined
      const mayWork = error === undefined && round >= 0 && round < ownRounds
      const view = { ...form, fields, text, question, ...(mayWork ? { work } : {}) }
      const shown = error && renderer.pageError(ctx, error)
      renderer.render(ctx, 'human-check', { ...view, error: shown }, { status: statusOf(), clientName })
    }

    return {
      /** How much the form has proved with it; undefined: nothing. Throws as `HumanChecks.given` does. */
      async proven(): Promise<Level | undefined> {
        const given = await checks.given({ ...wanted, fields: input, ip })
        isRefused = given.isRefused
        return given.level
      },

      /**
       * Draws the page for what waits in the attempt, which nobody has sent a form for that could be sent again. Who
       * wants none of it is led to the first of the `ways`.
       */
      async ask({ level }: { readonly level: number }, ways: readonly string[]): Promise<void> {
        others = ways
        const untold = await this.drawn(new AppError('challenge.required', { params: { level } }))
        if (untold !== undefined) throw untold
      },

      /**
       * Draws the page if that is what a refusal asks for, or leads to the one of what waits; otherwise answers what is
       * still to be told.
       */
      async drawn(thrown: unknown): Promise<unknown> {
        const level = thrown instanceof AppError ? levelOf(thrown) : undefined
        if (level === undefined) return thrown
        if (thrown instanceof AppError && thrown.params['isKept']) return leave(ctx, interactionPath(uid))
        try {
          const isAway = thrown instanceof AppError && isCaptchaAway(thrown)
          if (isAway || !drawCaptcha()) await draw(checks.levelOfOwn(level))
          return undefined
        } catch (error) {
          return error
        }
      },
    }
  }
}

function isWho(name: string): boolean {
  return whoFields.some((each) => each === name)
}
