import { readdirSync, readFileSync } from 'node:fs'
import { join, relative } from 'node:path'
import { fileURLToPath } from 'node:url'
import { describe, expect, test } from 'vitest'
import { commands } from '../../src/cli/command-table.ts'
import { commandHelp, overview } from '../../src/cli/help.ts'

const root = fileURLToPath(new URL('../..', import.meta.url))
const text = /(\.(ts|js|mjs|json|md|eta|ya?ml|sh|css|svg|txt|sql)|(^|\/)(Dockerfile|run|\.[a-z]+ignore))$/
const foreign =
  /(^|\/)(node_modules|\.git|\.menshen[^/]*|coverage)(\/|$)|^package-lock\.json$|^test\/unit\/registry\.test\.ts$/

function filesBelow(folder: string): string[] {
  return readdirSync(folder, { withFileTypes: true }).flatMap((entry) => {
    const path = join(folder, entry.name)
    if (foreign.test(relative(root, path))) return []
    return entry.isDirectory() ? filesBelow(path) : text.test(path) ? [path] : []
  })
}

/** Runs what the name says from wherever a package of that name comes from. */
const runners: readonly RegExp[] = [
  /\bnpx\b(?! --no(-install)?\b)/,
  /\bnpm (exec|x|create|init [@\w])/,
  /\bnpm (i|install|add)\b[^\n]* (-g|--global)\b/,
  /\b(bunx|bun x|pnpx|pnpm (dlx|exec)|yarn dlx|deno run npm:)/,
]
/** Our name at a registry that is not ours. */
const ourName =
  /\b(npm (i|install|add)|yarn add|pnpm add|bun add|pip3? install|brew install|docker (run|pull)|podman (run|pull))\b[^\n]*\bmenshen\b/

function linesWith(patterns: readonly RegExp[], lines: readonly string[]): string[] {
  return lines.filter((line) => patterns.some((pattern) => pattern.test(line)))
}

describe('whoever does what we say runs nothing that somebody else could have put into a registry', () => {
  test('in any file: documents, messages, templates, scripts', () => {
    const files = filesBelow(root)
    expect(files.length).toBeGreaterThan(500)
    const found = files.flatMap((file) =>
      linesWith([...runners, ourName], readFileSync(file, 'utf8').split('\n')).map(
        (line) => `${relative(root, file)}: ${line.trim().slice(0, 120)}`,
      ),
    )
    expect(found).toEqual([])
  })

  test('in what the commands print of themselves', () => {
    const help = [overview(commands), ...commands.map(commandHelp)].join('\n').split('\n')
    expect(linesWith([...runners, ourName], help)).toEqual([])
  })

  test.each([
    'npx menshen clients apply seed.yaml',
    'run `npx -y tsc`',
    'npm exec menshen',
    'npm install -g menshen',
    'npm i --global x',
    'bunx menshen',
    'pnpm dlx menshen',
    'yarn dlx menshen',
    'docker run menshen',
    'npm i menshen',
  ])('%s would be found', (line) => expect(linesWith([...runners, ourName], [line])).toEqual([line]))

  test.each(['npm run menshen -- clients list', 'npx --no-install vitest run', 'npm ci', 'npm i openid-client jose'])(
    '%s would not',
    (line) => expect(linesWith([...runners, ourName], [line])).toEqual([]),
  )
})
