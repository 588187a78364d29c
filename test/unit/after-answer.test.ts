import { createServer, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { setTimeout as delay } from 'node:timers/promises'
import { expect, onTestFinished, test } from 'vitest'
import { type AfterAnswer, afterAnswer } from '../../src/base/after-answer.ts'

async function serve(work: AfterAnswer, request: (response: ServerResponse) => Promise<void>): Promise<string> {
  const server = createServer((_, response) => void work.during(response, () => request(response)))
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  onTestFinished(() => {
    server.closeAllConnections()
    server.close()
  })
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`
}

test('a job begins after the answer has left, however long the answer takes', async () => {
  const events: string[] = []
  const work = afterAnswer({ report: () => {}, pauseMs: 0 })
  const url = await serve(work, async (response) => {
    work.do(async () => void events.push('job'))
    await delay(100)
    events.push('answer')
    response.end('answered')
  })
  await (await fetch(url)).text()
  await expect.poll(() => events).toEqual(['answer', 'job'])
})

test('a job whose visitor has hung up is done all the same', async () => {
  const done: string[] = []
  const work = afterAnswer({ report: () => {}, pauseMs: 0 })
  const url = await serve(work, async (response) => {
    await new Promise((resolve) => response.once('close', resolve))
    work.do(async () => void done.push('job'))
  })
  const controller = new AbortController()
  const visit = fetch(url, { signal: controller.signal }).catch(() => {})
  await delay(50)
  controller.abort()
  await visit
  await expect.poll(() => done).toEqual(['job'])
})

test('closing begins what waits and waits for it; a failure and a job too many are reported', async () => {
  const reported: unknown[] = []
  const done: number[] = []
  const work = afterAnswer({ report: (error) => reported.push((error as Error).message), pauseMs: 60_000, room: 3 })
  work.do(async () => {
    await delay(50)
    done.push(1)
  })
  work.do(() => Promise.reject(new Error('not sent')))
  work.do(async () => void done.push(2))
  work.do(async () => void done.push(3))
  expect(reported).toEqual(['there is no room for more work in the background'])
  await work.close()
  expect(done).toEqual([2, 1])
  expect(reported).toEqual(['there is no room for more work in the background', 'not sent'])
})
