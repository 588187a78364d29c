import { Readable } from 'node:stream'
import { describe, expect, test } from 'vitest'
import type { CommandContext, Flags, Input } from '../../src/cli/command.ts'
import { confirmed, reasonOf, withReason } from '../../src/cli/confirm.ts'

function contextWith(flags: Flags, stdin?: Input) {
  const said = { stdout: '', stderr: '' }
  const into = (name: keyof typeof said) => ({ write: (text: string) => (said[name] += text) })
  const context: CommandContext = {
    ...{ args: [], flags, env: {}, cwd: '/', stdout: into('stdout'), stderr: into('stderr') },
    ...(stdin ? { stdin } : {}),
  }
  return { context, said }
}

const terminal = (...typed: readonly string[]): Input => Object.assign(Readable.from(typed), { isTTY: true })

describe('what cannot be taken back', () => {
  async function ask(flags: Flags, stdin?: Input) {
    let isDone = false
    const { context, said } = contextWith(flags, stdin)
    const status = await confirmed(context, 'Delete usr_1?', async () => {
      isDone = true
      return 0
    })
    return { status, isDone, stderr: said.stderr }
  }

  test.each(['y\n', 'yes\n', ' Y \n', 'y'])('is done when somebody types %j at a terminal', async (typed) => {
    expect(await ask({}, terminal(typed))).toEqual({ status: 0, isDone: true, stderr: 'Delete usr_1? [y/N] ' })
  })

  test.each(['n\n', '\n', '', 'yep\n', 'n\ny\n'])('is not done when somebody types %j', async (typed) => {
    const { status, isDone, stderr } = await ask({}, terminal(typed))
    expect([status, isDone]).toEqual([1, false])
    expect(stderr).toContain('nothing was changed')
  })

  test('an answer may come letter by letter, and nothing after it is waited for', async () => {
    const stdin = Object.assign(
      Readable.from(
        (async function* () {
          yield 'y'
          yield '\n'
          await new Promise(() => {})
        })(),
      ),
      { isTTY: true },
    )
    expect((await ask({}, stdin)).isDone).toBe(true)
  })

  test('is not done by a script that has not said --yes, although its input says y', async () => {
    const { status, isDone, stderr } = await ask({}, Readable.from(['y\n']))
    expect([status, isDone]).toEqual([1, false])
    expect(stderr).toContain('--yes')
    expect((await ask({})).isDone).toBe(false)
  })

  test('is done with --yes, and tried with --dry-run, without a question', async () => {
    expect(await ask({ yes: true })).toEqual({ status: 0, isDone: true, stderr: '' })
    expect(await ask({ 'dry-run': true })).toEqual({ status: 0, isDone: true, stderr: '' })
  })

  test('a question steers no terminal', async () => {
    const { context, said } = contextWith({}, terminal('n\n'))
    await confirmed(context, 'Delete \u001b[2J?', async () => 0)
    expect(said.stderr).not.toContain('\u001b')
  })
})

test('a reason of blanks is none', async () => {
  expect(reasonOf({ flags: { why: '  ' } })).toBeUndefined()
  expect(reasonOf({ flags: { why: ' ticket 7 ' } })).toBe('ticket 7')
  const { context, said } = contextWith({ why: ' ' })
  expect(await withReason(context, async () => 0)).toBe(1)
  expect(said.stderr).toContain('--why')
})
