import { createReadStream } from 'node:fs'
import { unreadable } from './steady-file.ts'

/** The encodings that files are read in. */
export const charsets = ['utf-8', 'gbk', 'gb18030', 'big5'] as const
/** One of them. */
export type Charset = (typeof charsets)[number]

/** What the decoder writes where bytes are no text of that encoding. */
export const undecodable = '\uFFFD'

/**
 * A file as pieces of text, without the mark that some programs begin it with (BOM). Bytes that are no text become
 * `undecodable`, for the reader to find in the row they are in.
 */
export async function* textOf(path: string, charset: Charset): AsyncGenerator<string> {
  const decoder = new TextDecoder(charset)
  for await (const bytes of bytesOf(path)) {
    const text = decoder.decode(bytes, { stream: true })
    if (text !== '') yield text
  }
  const rest = decoder.decode()
  if (rest !== '') yield rest
}

async function* bytesOf(path: string): AsyncGenerator<Uint8Array> {
  try {
    for await (const bytes of createReadStream(path, { highWaterMark: 262_144 })) yield bytes as Uint8Array
  } catch (error) {
    throw unreadable(error, path)
  }
}
