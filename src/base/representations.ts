import { createHash } from 'node:crypto'
import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Context } from 'koa'
import { type Effort, type Encoding, encodingFor, packOnce } from './compression.ts'

/** Something that is sent as it is, again and again. */
export interface Bytes {
  readonly body: Buffer
  readonly type: string
  /** A strong tag, in quotes. */
  readonly etag: string
}

interface Representation {
  /**
   * One letter for each byte (latin1): Node sends a text together with the head, where bytes would be a piece of their
   * own.
   */
  readonly body: string
  readonly etag: string
  readonly headers: Readonly<Record<string, string>>
}

/** The same bytes, plain and packed. */
export interface Representations {
  readonly plain: Representation
  readonly packed: ReadonlyMap<Encoding, Representation>
}

const text = /^(text\/|image\/svg\+xml|application\/(.+\+)?json)/
const fewBytes = 256

/**
 * Bytes that will be sent often, packed where that makes them smaller. They are packed once, when they are asked for
 * first: all files together would hold up every start by a tenth of a second.
 */
export function representations(bytes: Bytes, effort?: Effort): Representations {
  let made: Representations | undefined
  const forms = () => {
    made ??= formsOf(bytes, effort)
    return made
  }
  return {
    get plain() {
      return forms().plain
    },
    get packed() {
      return forms().packed
    },
  }
}

/** Each form has a tag of its own: a strong tag stands for bytes and not for a meaning (RFC 9110 §8.8.3.3). */
function formsOf({ body, type, etag }: Bytes, effort: Effort | undefined): Representations {
  const forms = text.test(type) && body.length > fewBytes ? Object.entries(packOnce(body, effort)) : []
  const smaller = forms.filter(([, packed]) => packed.length < body.length) as [Encoding, Buffer][]
  const vary: Record<string, string> = smaller.length === 0 ? {} : { vary: 'Accept-Encoding' }
  return {
    plain: { body: body.toString('latin1'), etag, headers: { 'content-type': type, ...vary } },
    packed: new Map(
      smaller.map(([encoding, packed]) => [
        encoding,
        {
          body: packed.toString('latin1'),
          etag: `${etag.slice(0, -1)}-${encoding}"`,
          headers: { 'content-type': type, 'content-encoding': encoding, ...vary },
        },
      ]),
    ),
  }
}

/** A document that is the same for everybody. */
export function representationsOfJson(document: unknown): Representations {
  const body = Buffer.from(JSON.stringify(document))
  return representations({ body, type: 'application/json; charset=utf-8', etag: etagOf(body) })
}

/** Answers with `writeBytes`: koa's own way costs more than everything else that such a request needs. */
export function sendBytes(ctx: Context, forms: Representations, headers: Readonly<Record<string, string>>): void {
  ctx.respond = false
  writeBytes(ctx.req, ctx.res, forms, headers)
}

/** Writes the form that the client takes, or 304 where it has it. */
export function writeBytes(
  { method, headers: asked }: IncomingMessage,
  response: ServerResponse,
  { plain, packed }: Representations,
  headers: Readonly<Record<string, string>>,
): void {
  const encoding = packed.size === 0 ? undefined : encodingFor(asked['accept-encoding'], [...packed.keys()])
  const chosen = (encoding && packed.get(encoding)) ?? plain
  const { etag, body } = chosen
  if (isKnown(asked['if-none-match'], etag)) {
    const { vary } = chosen.headers
    response.writeHead(304, { etag, ...(vary && { vary }), ...headers }).end()
    return
  }
  response.writeHead(200, { etag, ...headers, ...chosen.headers, 'content-length': String(body.length) })
  response.end(method === 'HEAD' ? undefined : body, 'latin1')
}

/** Compares as RFC 9110 §13.1.2 wants it: a proxy that packs by itself has made the tag weak. */
function isKnown(header: string | undefined, etag: string): boolean {
  if (header === undefined) return false
  return header === etag || header.split(',').some((each) => ['*', etag].includes(each.trim().replace(/^W\//, '')))
}

/** The tag of bytes that have no other. */
export function etagOf(body: Buffer): string {
  return `"${createHash('sha256').update(body).digest('base64url').slice(0, 22)}"`
}
