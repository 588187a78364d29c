import { connect } from 'node:net'
import { expect, onTestFinished, test } from 'vitest'
import { httpListener } from '../../src/http/server.ts'

test('whoever has not said all the headers after 10 seconds is cut off soon after', async () => {
  const listener = httpListener({ handler: () => (_, response) => response.end(), clean: () => {} })
  const { port } = await listener.listen({ port: 0, host: '127.0.0.1' })
  onTestFinished(() => listener.stop({ drainSeconds: 0, withinSeconds: 0 }))
  const began = performance.now()
  const [said, unsaid] = await Promise.all(['GET / HTTP/1.1\r\n', ''].map((text) => answerTo(port, text)))
  expect(said).toMatch(/^HTTP\/1\.1 408 /)
  expect(unsaid).toBe('')
  const seconds = (performance.now() - began) / 1000
  expect(seconds).toBeGreaterThan(9)
  // By itself Node looks only every 30 seconds.
  expect(seconds).toBeLessThan(30)
})

/** What a server answers to the beginning of a request until it closes the connection. */
async function answerTo(port: number, text: string): Promise<string> {
  const socket = connect(port, '127.0.0.1', () => socket.write(text))
  onTestFinished(() => void socket.destroy())
  let answer = ''
  socket.setEncoding('utf8').on('data', (part: string) => {
    answer += part
  })
  await new Promise((resolve) => socket.on('close', resolve))
  return answer
}
