import { jeecgDigest } from './jeecg-digest.ts'
import { type FormulaInput, lengthOfFormula, parseFormula } from './password-formula.ts'
import { portableDigest } from './phpass.ts'

/** The recipe of portable hashes of PHP, whose salt is their setting. */
export const portableRecipe = 'phpass'
/** The recipe of JeecgBoot, whose salt has the user name behind it. Every other recipe is a formula. */
export const jeecgRecipe = 'jeecgboot'

/**
 * The digest that another system had stored of a password, as it is wrapped: nobody can log in with the digest itself,
 * and no stored value tells it. Undefined for a recipe that nobody can read.
 */
export function formerDigest(recipe: string, input: FormulaInput): Uint8Array | undefined {
  if (recipe === jeecgRecipe) return jeecgDigest(input.password, input.salt)
  if (recipe !== portableRecipe) return parseFormula(recipe)?.(input)
  const digest = portableDigest(input.password, Buffer.from(input.salt).toString())
  return digest === undefined ? undefined : Buffer.from(digest)
}

/** How long every digest of a formula is; undefined for a formula that nobody can read. */
export function digestLength(recipe: string): number | undefined {
  const formula = parseFormula(recipe)
  return formula && lengthOfFormula(formula)
}
