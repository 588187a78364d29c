import { readFileSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import { AppError } from '../../src/base/errors.ts'
import { main } from '../../src/cli/commands.ts'
import { printError, tableText } from '../../src/cli/output.ts'

async function run(...argv: string[]) {
  const written = { stdout: '', stderr: '' }
  const to = (name: 'stdout' | 'stderr') => ({ write: (text: string) => (written[name] += text) })
  const status = await main({ argv, stdout: to('stdout'), stderr: to('stderr'), env: {}, cwd: '/' })
  return { status, ...written }
}

function printed(thrown: unknown, debug = false): string {
  let text = ''
  printError({ write: (part) => (text += part) }, thrown, { debug })
  return text
}

describe('the dispatcher', () => {
  test('help is a result: standard output, status 0', async () => {
    for (const argv of [
      ['--help'],
      ['help'],
      ['clients', '--help'],
      ['clients', 'apply', '--help'],
      ['help', 'clients', 'apply'],
    ]) {
      const { status, stdout, stderr } = await run(...argv)
      expect([status, stderr]).toEqual([0, ''])
      expect(stdout).toContain('usage: menshen')
    }
    expect((await run('clients', 'apply', '--help')).stdout).toMatch(
      /<file>\.\.\..*--dry-run.*--prune.*--config FILE.*--json.*3 with --dry-run/s,
    )
  })

  test.each([
    [[], 'usage: menshen <command>'],
    [['--nosuch'], '--nosuch stands where a command is expected\nusage: menshen <command>'],
    [['users', '--nosuch'], '--nosuch stands where a command is expected\nusage: menshen <command>'],
    [['clients'], 'clients apply'],
    [['client', 'list'], 'did you mean "clients list"?'],
    [['clients', 'aply', 'x.yaml'], 'did you mean "clients apply"?'],
    [['sevre'], 'did you mean "serve"?'],
    [['xyzzy'], 'there is no command "xyzzy"'],
    [['clients', 'apply'], 'something is missing'],
    [['clients', 'show', 'a', 'b'], '"b" is too much'],
    [['clients', 'apply', 'x.yaml', '--dry-rum'], 'did you mean --dry-run?'],
    [['config', 'print', '--json=yes'], "Option '--json' does not take an argument"],
    [['config', 'print', '--config'], 'argument missing'],
  ])('%j is wrong usage and says why', async (argv, expected) => {
    const { status, stdout, stderr } = await run(...argv)
    expect([status, stdout]).toEqual([2, ''])
    expect(stderr).toContain(expected)
  })

  test.each(['--version', 'version'])('%s tells the version of the package', async (word) => {
    const { version } = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8')) as {
      version: string
    }
    expect(await run(word)).toEqual({ status: 0, stdout: `menshen ${version}\n`, stderr: '' })
  })

  test('what a command throws is printed without a stack and is status 1', async () => {
    const { status, stdout, stderr } = await run('config', 'check', '--config', '/does/not/exist.yaml')
    expect([status, stdout]).toEqual([1, ''])
    expect(stderr).toBe('error: the configuration has one problem:\n  /does/not/exist.yaml cannot be read\n')
  })
})

describe('errors', () => {
  test('one thrown on purpose is a sentence and its code', () => {
    const text = printed(new AppError('server.unavailable', { params: { reason: 'run menshen migrate up' } }))
    expect(text).toContain('run menshen migrate up')
    expect(text).toContain('(server.unavailable)')
    expect(text).not.toContain(' at ')
  })

  test('nothing of a template stays unfilled', () => {
    const wait = printed(new AppError('password.locked', { params: { retryAfterSeconds: 30 } }))
    expect(wait).toContain('in 30 s')
    expect(wait + printed(new AppError('server.unavailable'))).not.toMatch(/\{\{|undefined| \./)
  })

  test('causes are told in order, and the stack only on request', () => {
    const refused = Object.assign(new Error('connect ECONNREFUSED 127.0.0.1:5432'), { code: 'ECONNREFUSED' })
    const error = new AppError('server.unavailable', { cause: new AggregateError([refused]) })
    const text = printed(error)
    expect(text).toContain('  because: connect ECONNREFUSED 127.0.0.1:5432: nothing listens at that address\n')
    expect(text).toContain('LOG_LEVEL=debug')
    expect(text).not.toContain('cli-output.test.ts')
    expect(printed(error, true)).toContain('cli-output.test.ts')
  })

  test('a secret in a message of a third party is not printed', () => {
    expect(printed(new Error('cannot open postgres://u:canary@db/x for 13800138000'), true)).not.toMatch(
      /canary|13800138000/,
    )
  })

  test('something that is no error at all is printed too', () => {
    expect(printed('text')).toContain('error: text\n')
  })
})

describe('tables', () => {
  test('columns line up, Chinese and emoji included', () => {
    const text = tableText(
      ['name', 'n'],
      [
        ['门神', 1],
        ['abc', 22],
        ['👍', undefined],
      ],
    )
    expect(text).toBe('NAME  N\n门神  1\nabc   22\n👍    -\n')
  })

  test('control characters of a value do not reach the terminal', () => {
    expect(tableText(['name'], [['a\u001b[2Jb\nc\u202e']])).toBe('NAME\na [2Jb c\n')
  })
})
