import { rm } from 'node:fs/promises'
import { connect, createServer, type Server } from 'node:net'
import { join } from 'node:path'
import type pg from 'pg'
import { lockSpace } from './embedded-session.ts'
import { errorCode } from './unavailable.ts'

/** The second number of the lock that is held while a claim is made; see `lockSpace` for the first. */
const claiming = 2
const socketName = 'serving.sock'
const mostAnswerMs = 1000

/** The right to be the only server of a data folder. */
export interface ServingClaim {
  /** Gives the right back. */
  release(): Promise<void>
}

/**
 * Makes this process the only server of the folder. The claim is a socket that this process listens on: it ends with
 * the process, however that ends, and outlives a crash of PostgreSQL, when nobody else may take the folder. Who claims
 * holds an advisory lock meanwhile, so that two who find a dead server's socket do not both replace it.
 * Throws an error with the process id of the server that has the folder.
 */
export async function claimServing(
  session: pg.Client,
  socketFolder: string,
  dataDir: string,
  pid: number,
): Promise<ServingClaim> {
  const path = join(socketFolder, socketName)
  await session.query('select pg_advisory_lock($1, $2)', [lockSpace, claiming])
  try {
    const holder = await holderOf(path)
    if (holder !== undefined) throw new Error(`the data folder ${dataDir} is in use by process ${holder}`)
    await rm(path, { force: true })
    const server = await listen(path, pid)
    return { release: () => new Promise((resolve) => server.close(() => resolve())) }
  } finally {
    await session.query('select pg_advisory_unlock($1, $2)', [lockSpace, claiming]).catch(() => {})
  }
}

async function listen(path: string, pid: number): Promise<Server> {
  const server = createServer((socket) => {
    socket.on('error', () => {})
    // Who asked and does not hang up, because it stands still, must not keep this server from ending.
    socket.end(`${pid}`, () => socket.destroy())
  })
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject)
    server.listen(path, resolve)
  })
  return server.unref()
}

/** The process id that the listening server tells; undefined when nobody listens. */
async function holderOf(path: string): Promise<string | undefined> {
  const socket = connect(path)
  const giveUp = setTimeout(() => socket.destroy(), mostAnswerMs)
  let answer = ''
  try {
    for await (const part of socket) answer += part
  } catch (error) {
    const code = errorCode(error) ?? ''
    if (['ENOENT', 'ECONNREFUSED'].includes(code)) return undefined
    if (code !== 'ERR_STREAM_PREMATURE_CLOSE') throw error
  } finally {
    clearTimeout(giveUp)
  }
  return /^\d+$/.test(answer) ? answer : 'that does not answer'
}
