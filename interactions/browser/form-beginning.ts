import type { Interaction } from 'oidc-provider'
import type { Country, TypedValues } from '../../views/form-values.ts'
import type { RegisterKind } from '../../views/views.ts'
import { isSwitching } from './known-person.ts'
import { type LoginHint, loginHint } from './login-hint.ts'
import { carriedTo, isTyped, kindOf, type WhoForm } from './typed.ts'

/** What a form begins with, and the kind of account that fits it. */
export interface Beginning {
  readonly of: (form: WhoForm, countries: readonly Country[]) => TypedValues
  readonly kind: () => RegisterKind | undefined
}

/** It begins with what was posted, else with what was typed before, else with what the app hints at. */
export function beginning(interaction: Interaction, posted: TypedValues, kept: TypedValues = {}): Beginning {
  const hint = hintOf(interaction)
  const known = isTyped(kept) || !hint ? kept : { identifier: hint.text, agreed: kept.agreed }
  return {
    of: (form, countries) => (isTyped(posted) ? posted : carriedTo(form, known, countries)),
    kind: () => kindOf(isTyped(posted) ? posted : known),
  }
}

/** Whom the app expects; nobody, where the person wants to be somebody else. */
export function hintOf(interaction: Interaction): LoginHint | undefined {
  return isSwitching(interaction) ? undefined : loginHint(interaction.params['login_hint'])
}
