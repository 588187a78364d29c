import { compatibilityMarkdown } from '../../compat/page.ts'
import { openapi } from '../../interactions/native/openapi.ts'
import { commands } from '../../src/cli/command-table.ts'
import { claimsMarkdown } from './claims.ts'
import { clientsMarkdown } from './clients.ts'
import { commandsMarkdown } from './commands.ts'
import { configurationMarkdown } from './configuration.ts'
import { databaseMarkdown } from './database.ts'
import { errorsMarkdown } from './errors.ts'
import { nativeClient } from './native-client.ts'
import { observabilityMarkdown } from './observability.ts'

/** Stands in the description of the API where a server names itself. */
const exampleIssuer = 'https://id.example.com'

/** Every generated page, by its path in `docs/`. */
export function pages(): Readonly<Record<string, string>> {
  return {
    'configuration.md': configurationMarkdown(),
    'errors.md': errorsMarkdown(),
    'claims.md': claimsMarkdown(),
    'clients.md': clientsMarkdown(),
    'compatibility.md': compatibilityMarkdown(),
    'cli.md': commandsMarkdown(commands),
    'observability.md': observabilityMarkdown(),
    'openapi.json': `${JSON.stringify(openapi(exampleIssuer), null, 2)}\n`,
    'native-client.ts': nativeClient(),
    'contributing/database.md': databaseMarkdown(),
  }
}
