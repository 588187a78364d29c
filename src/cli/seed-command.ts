import { exampleSeed } from '../oidc/clients/recipes.ts'
import { seedJsonSchema } from '../oidc/clients/seed-schema.ts'
import type { CommandContext } from './command.ts'
import { printJson } from './output.ts'

/** `clients schema`: always JSON. */
export async function schema({ stdout }: CommandContext): Promise<number> {
  printJson(stdout, seedJsonSchema())
  return 0
}

/** `clients example`: a file to start from. */
export async function example({ flags, stdout }: CommandContext): Promise<number> {
  if (flags['json'] === true) printJson(stdout, { example: exampleSeed() })
  else stdout.write(exampleSeed())
  return 0
}
