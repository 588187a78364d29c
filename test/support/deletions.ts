import { createServer, type IncomingHttpHeaders } from 'node:http'
import type { AddressInfo } from 'node:net'
import { expect } from 'vitest'
import { formToken } from './account.ts'
import type { Answer, Visitor } from './visitor.ts'
import type { World } from './world.ts'

/** Asks for the deletion of the account that is signed in, as its owner does at the page. */
export async function asksToLeave(visitor: Visitor): Promise<Answer> {
  const form_token = formToken(await visitor.get('/account/deletion'))
  return visitor.post('/account/deletion', { form_token, confirm: 'on' })
}

/** Every row of these tables that names a user by id, as text. */
export async function tracesOf(world: World, userId: string, tables: readonly string[]): Promise<string[]> {
  const knex = world.database.database.knex
  const found = await Promise.all(
    tables.map(async (table) => {
      const { rows } = await knex.raw(`select cast(row_to_json(t) as text) as text from ${table} t`)
      return rows.map(({ text }: { text: string }) => text).filter((text: string) => text.includes(userId))
    }),
  )
  return found.flat()
}

/** An operator's system that is asked whether anything stands in the way of a deletion. */
export interface HookPlay {
  readonly url: string
  readonly asked: { readonly headers: IncomingHttpHeaders; readonly body: string }[]
  /** What it answers next: status and body; undefined: it never answers. */
  says: { readonly status: number; readonly body: string } | undefined
  close(): Promise<void>
}

/** Plays that system on a port of its own. */
export async function playHook(): Promise<HookPlay> {
  const asked: HookPlay['asked'] = []
  const server = createServer(async (request, response) => {
    let body = ''
    for await (const chunk of request) body += chunk
    asked.push({ headers: request.headers, body })
    if (play.says) response.writeHead(play.says.status, { 'content-type': 'application/json' }).end(play.says.body)
  })
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done))
  const play: HookPlay = {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/may-leave`,
    asked,
    says: { status: 200, body: '{"allow":true}' },
    close: () =>
      new Promise((done) => {
        server.closeAllConnections()
        server.close(() => done())
      }),
  }
  return play
}

/** The page on which somebody is asked whether their account is to stay. */
export function expectsQuestion(page: Answer): void {
  expect(page.status, page.text.slice(0, 2000)).toBe(200)
  expect(page.text).toContain('value="undo_deletion"')
  expect(page.text).toContain('value="keep_deletion"')
}
