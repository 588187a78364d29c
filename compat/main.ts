// Runs clients that nobody here wrote against this server: `npm run compat`, or `npm run compat -- auth-js authlib`.
import { clients } from './clients.ts'
import { launchBrowser } from './person.ts'
import { forgetResults, keepResults, type Result } from './results.ts'
import { runClient } from './run-client.ts'
import { runVerifier } from './run-verifier.ts'
import { startServer } from './server.ts'
import { issuedTokens } from './tokens.ts'
import { verifiers } from './verifiers.ts'

const wanted = process.argv.slice(2)
const unknown = wanted.filter((id) => ![...clients, ...verifiers].some((each) => each.id === id))
if (unknown.length > 0) throw new Error(`no client is named ${unknown.join(', ')}`)
if (wanted.length === 0) forgetResults()

const server = await startServer()
const browser = await launchBrowser()
try {
  for (const client of clients) {
    if (isWanted(client)) keep(client, await runClient(client, server, browser))
  }
  if (verifiers.some(isWanted)) {
    const tokens = await issuedTokens(server, browser)
    for (const each of verifiers) if (isWanted(each)) keep(each, await runVerifier(each, server, tokens))
  }
} finally {
  await browser.close()
  await server.close()
}

function isWanted({ id }: { readonly id: string }): boolean {
  return wanted.length === 0 || wanted.includes(id)
}

function keep({ id }: { readonly id: string }, result: Result): void {
  process.stdout.write(`${id.padEnd(26)} ${summary(result)}\n`)
  keepResults({ [id]: result })
}

function summary(result: Result): string {
  return Object.entries(result)
    .map(([tried, outcome]) => `${tried}: ${outcome}`)
    .join('   ')
}
