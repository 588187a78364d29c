import { crc32, deflateRawSync } from 'node:zlib'

/** A file of an archive. */
export interface ZipFile {
  /** With `/` between folders. */
  readonly name: string
  readonly content: string | Uint8Array
}

/** What unpacking it takes: 2.0, for deflate. */
const version = 20
/** Names are UTF-8 (APPNOTE 4.4.4, bit 11). */
const flags = 0x0800
const deflate = 8
const u32Max = 0xffff_ffff

/**
 * Packs files as ZIP (PKWARE APPNOTE 6.3), without the extensions for more than 4 GB or 65535 files; throws a
 * `RangeError` for those. All of them have one time, which has no zone there: it is UTC.
 */
export function zip(files: readonly ZipFile[], at: Date): Buffer {
  const time = dosTime(at)
  const locals: Buffer[] = []
  const entries: Buffer[] = []
  let offset = 0
  for (const { name, content } of files) {
    const nameBytes = Buffer.from(name)
    const bytes = Buffer.from(content as Uint8Array)
    const packed = deflateRawSync(bytes)
    const common = Buffer.alloc(26)
    common.writeUInt16LE(version, 0)
    common.writeUInt16LE(flags, 2)
    common.writeUInt16LE(deflate, 4)
    common.writeUInt32LE(time, 6)
    common.writeUInt32LE(crc32(bytes), 10)
    common.writeUInt32LE(packed.length, 14)
    common.writeUInt32LE(bytes.length, 18)
    common.writeUInt16LE(nameBytes.length, 22)
    locals.push(signature(0x0403_4b50), common, nameBytes, packed)
    const rest = Buffer.alloc(14)
    rest.writeUInt32LE(offset, 10)
    entries.push(signature(0x0201_4b50), u16(version), common, rest, nameBytes)
    offset += 4 + common.length + nameBytes.length + packed.length
  }
  const directory = Buffer.concat(entries)
  if (offset + directory.length > u32Max) throw new RangeError('an archive of more than 4 GB')
  const end = Buffer.alloc(18)
  end.writeUInt16LE(files.length, 4)
  end.writeUInt16LE(files.length, 6)
  end.writeUInt32LE(directory.length, 8)
  end.writeUInt32LE(offset, 12)
  return Buffer.concat([...locals, directory, signature(0x0605_4b50), end])
}

function signature(value: number): Buffer {
  const bytes = Buffer.alloc(4)
  bytes.writeUInt32LE(value)
  return bytes
}

function u16(value: number): Buffer {
  const bytes = Buffer.alloc(2)
  bytes.writeUInt16LE(value)
  return bytes
}

/** Date and time as MS-DOS wrote them, to two seconds: the time is the lower half. */
function dosTime(at: Date): number {
  const date = ((at.getUTCFullYear() - 1980) << 9) | ((at.getUTCMonth() + 1) << 5) | at.getUTCDate()
  const time = (at.getUTCHours() << 11) | (at.getUTCMinutes() << 5) | (at.getUTCSeconds() >> 1)
  return ((date << 16) | time) >>> 0
}
