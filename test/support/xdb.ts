import { isIPv4 } from 'node:net'

/** A range of addresses within one pair of first bytes, and the line that is stored for it. */
export interface XdbRange {
  readonly from: string
  readonly to: string
  readonly line: string
}

const headerBytes = 256
const vectorBytes = 256 * 256 * 8

/**
 * A file of places as the maker of ip2region writes it, structure 3; ranges in ascending order. The last of all addresses are in every
 * file.
 */
export function xdb(family: 4 | 6, known: readonly XdbRange[]): Buffer {
  const last = family === 4 ? '255.255.255.255' : 'ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff'
  const ranges = [...known, { from: last, to: last, line: '' }]
  const size = family === 4 ? 14 : 38
  const lines = ranges.map(({ line }) => Buffer.from(line))
  const firstIndex = headerBytes + vectorBytes + lines.reduce((sum, { length }) => sum + length, 0)
  const file = Buffer.alloc(firstIndex + ranges.length * size)
  file.writeUInt16LE(3, 0)
  file.writeUInt16LE(1, 2)
  file.writeUInt32LE(firstIndex, 8)
  file.writeUInt32LE(file.length - size, 12)
  file.writeUInt16LE(family, 16)
  file.writeUInt16LE(4, 18)
  let linePtr = headerBytes + vectorBytes
  ranges.forEach(({ from, to }, position) => {
    const line = lines[position] as Buffer
    line.copy(file, linePtr)
    const at = firstIndex + position * size
    const [first, last] = [bytesOf(from), bytesOf(to)]
    const written = (bytes: Buffer) => (family === 4 ? Buffer.from(bytes).reverse() : bytes)
    written(first).copy(file, at)
    written(last).copy(file, at + first.length)
    file.writeUInt16LE(line.length, at + 2 * first.length)
    file.writeUInt32LE(linePtr, at + 2 * first.length + 2)
    linePtr += line.length
    const vector = headerBytes + ((first[0] ?? 0) * 256 + (first[1] ?? 0)) * 8
    if (file.readUInt32LE(vector) === 0) file.writeUInt32LE(at, vector)
    file.writeUInt32LE(at + size, vector + 4)
  })
  return file
}

function bytesOf(address: string): Buffer {
  if (isIPv4(address)) return Buffer.from(address.split('.').map(Number))
  const [head = '', tail = ''] = address.split('::')
  const groups = (text: string) => text.split(':').filter(Boolean)
  const missing = 8 - groups(head).length - groups(tail).length
  const all = [...groups(head), ...Array<string>(missing).fill('0'), ...groups(tail)]
  return Buffer.from(all.map((group) => group.padStart(4, '0')).join(''), 'hex')
}
