import { inflateSync } from 'node:zlib'

const firstChunkAt = 8
/** Length and name in front of what a chunk holds, and the checksum behind it. */
const frameBytes = 12
/** Four channels of sixteen bits. */
const mostBytesAPixel = 8
/** The seven passes of an interlaced picture have no more lines than twice its height and one each. */
const passes = 7

/**
 * Throws for a PNG that names its size twice, or holds more than a picture of that size can. SECURITY: the decoder
 * believes the last size it reads, and inflates all that an interlaced picture holds, a thousand times the file.
 */
export function requireBounded(png: Buffer): void {
  const held: Buffer[] = []
  let sizes = 0
  for (let at = firstChunkAt; at + frameBytes <= png.length; at += png.readUInt32BE(at) + frameBytes) {
    const name = png.toString('latin1', at + 4, at + 8)
    if (name === 'IEND') break
    if (name === 'IHDR') sizes += 1
    if (name === 'IDAT') held.push(png.subarray(at + 8, at + 8 + png.readUInt32BE(at)))
  }
  if (sizes !== 1) throw new Error('not one size')
  const [width, height] = [png.readUInt32BE(16), png.readUInt32BE(20)]
  const lineBytes = (2 * height + passes) * 2
  inflateSync(Buffer.concat(held), { maxOutputLength: width * height * mostBytesAPixel + lineBytes })
}
