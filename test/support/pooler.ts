import { once } from 'node:events'
import { type AddressInfo, connect, createServer, type Socket } from 'node:net'
import { pairSockets } from './paired-sockets.ts'

/** What becomes of LISTEN: poolers that lend a connection for one transaction refuse it, or take it in vain. */
export type Listens = 'passed' | 'refused' | 'swallowed'

/**
 * Something between a server and PostgreSQL that gives connections numbers of its own and passes everything else on, except
 * for LISTEN as it is told.
 */
export interface Pooler {
  readonly url: string
  listens: Listens
  /** What was asked through it: texts of statements, with the names they were given. */
  readonly asked: string[]
  close(): Promise<void>
}

/** Starts one in front of the database of this address. */
export async function startPooler(databaseUrl: string, listens: Listens): Promise<Pooler> {
  const { hostname, port } = new URL(databaseUrl)
  const sockets = new Set<Socket>()
  const server = createServer((client) => {
    const database = connect(Number(port), hostname)
    pairSockets(sockets, client, database)
    const renumber = byMessages((message) => client.write(message[0] === letter('K') ? ownNumber(message) : message), 1)
    database.on('data', renumber)
    client.on(
      'data',
      byMessages((message) => {
        const isQuery = message[0] === letter('Q')
        if (isQuery || message[0] === letter('P')) pooler.asked.push(message.toString('utf8', 5))
        const isListen = isQuery && /^listen /i.test(message.toString('utf8', 5))
        if (!isListen || pooler.listens === 'passed') database.write(message)
        else client.write(pooler.listens === 'refused' ? Buffer.concat([refusal, ready]) : Buffer.concat([done, ready]))
      }),
    )
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const url = new URL(databaseUrl)
  url.host = `127.0.0.1:${(server.address() as AddressInfo).port}`
  const pooler: Pooler = {
    url: url.href,
    listens,
    asked: [],
    async close() {
      for (const socket of sockets) socket.destroy()
      server.close()
      await once(server, 'close')
    },
  }
  return pooler
}

function letter(name: string): number {
  return name.charCodeAt(0)
}

/** Puts what arrives together to the messages of PostgreSQL's protocol: a client's first one has no letter before its length. */
function byMessages(take: (message: Buffer) => void, firstLengthAt: 0 | 1 = 0): (bytes: Buffer) => void {
  let held = Buffer.alloc(0)
  let lengthAt: number = firstLengthAt
  return (bytes) => {
    held = Buffer.concat([held, bytes])
    while (held.length >= lengthAt + 4) {
      const end = lengthAt + held.readUInt32BE(lengthAt)
      if (held.length < end) return
      take(held.subarray(0, end))
      held = held.subarray(end)
      lengthAt = 1
    }
  }
}

/** The answer that tells a client the number of its connection, with another number. */
function ownNumber(message: Buffer): Buffer {
  const changed = Buffer.from(message)
  changed.writeInt32BE(message.readInt32BE(5) ^ 0x40000000, 5)
  return changed
}

function message(name: string, body: string): Buffer {
  const head = Buffer.alloc(5)
  head.write(name)
  head.writeUInt32BE(4 + Buffer.byteLength(body), 1)
  return Buffer.concat([head, Buffer.from(body)])
}

const refusal = message('E', 'SERROR\0VERROR\0C0A000\0MLISTEN is not supported here\0\0')
const done = message('C', 'LISTEN\0')
const ready = message('Z', 'I')
