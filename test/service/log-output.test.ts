import { spawn } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { expect, test } from 'vitest'

const log = fileURLToPath(new URL('../../src/ops/log.ts', import.meta.url))

/** What a process that logs and then ends in its own way has left on standard output, as the messages of its lines. */
async function messagesOf(ending: string): Promise<string[]> {
  const script = `
    import { createLog } from ${JSON.stringify(log)}
    const log = createLog({ level: 'info', format: 'json' })
    log.info('one')
    createLog({ level: 'info', format: 'json' }).info('two')
    ${ending}`
  const child = spawn(process.execPath, ['--input-type=module', '-e', script], { stdio: ['ignore', 'pipe', 'ignore'] })
  let text = ''
  child.stdout.setEncoding('utf8').on('data', (part: string) => {
    text += part
  })
  await new Promise((resolve) => child.on('close', resolve))
  const lines = text.split('\n').filter((line) => line !== '')
  return lines.map((line) => (JSON.parse(line) as { msg: string }).msg)
}

test.each([
  ['runs to its end', ''],
  ['is told to exit in the same turn', 'process.exit(3)'],
  ['dies of an error nobody caught', 'throw new Error("away")'],
])('no line is lost when the process %s', async (_, ending) => {
  expect(await messagesOf(ending)).toEqual(['one', 'two'])
})

test('a fatal line, and what came before it, is out before the process is killed', async () => {
  const ending = "log.fatal('three'); process.kill(process.pid, 'SIGKILL')"
  expect(await messagesOf(ending)).toEqual(['one', 'two', 'three'])
})
