import { readFileSync, statSync } from 'node:fs'
import { whenNeeded } from '../base/when-needed.ts'
import { readSvg, type Size } from './svg.ts'

const library = whenNeeded<typeof import('image-size')>('image-size')

/** Kinds of pictures that every browser draws. */
export type PictureKind = 'svg' | 'png' | 'jpeg' | 'webp' | 'ico'

/** A picture that was read and checked. */
export interface PictureFile extends Size {
  readonly kind: PictureKind
  readonly type: string
  readonly bytes: Buffer
}

/** What a picture at one place may be. */
export interface PictureRule {
  readonly kinds: readonly PictureKind[]
  readonly maxBytes: number
  /** Pixels of the shorter side, at least. */
  readonly minPixels?: number
  readonly isSquare?: boolean
}

const types: Readonly<Record<PictureKind, string>> = {
  svg: 'image/svg+xml',
  png: 'image/png',
  jpeg: 'image/jpeg',
  webp: 'image/webp',
  ico: 'image/x-icon',
}
/** More would only cost the visitor's memory. */
const mostPixels = 16_000_000

/** Reads a file whose size is looked at before its bytes. Throws with the reason, in words for the operator. */
export function readBounded(path: string, maxBytes: number): Buffer {
  const found = statSync(path, { throwIfNoEntry: false })
  if (!found) throw new Error('there is no such file')
  if (!found.isFile()) throw new Error('is no file')
  if (found.size > maxBytes) throw new Error(`has ${sizeText(found.size)}; at most ${sizeText(maxBytes)} are allowed`)
  if (found.size === 0) throw new Error('is empty')
  try {
    return readFileSync(path)
  } catch {
    throw new Error('cannot be read')
  }
}

/** Checks a picture by its bytes, whatever its name says. Throws with the reason. */
export function checkPicture(
  bytes: Buffer,
  { kinds, maxBytes, minPixels = 1, isSquare = false }: PictureRule,
): PictureFile {
  if (bytes.length > maxBytes)
    throw new Error(`has ${sizeText(bytes.length)}; at most ${sizeText(maxBytes)} are allowed`)
  const kind = kindOf(bytes)
  if (kind === undefined || !kinds.includes(kind)) {
    throw new Error(
      `is ${kind === undefined ? 'no picture known here' : nameOf(kind)}; expected ${kinds.map(nameOf).join(', ')}`,
    )
  }
  const { width, height } = kind === 'svg' ? readSvg(bytes) : sizeIn(bytes)
  if (kind !== 'svg' && width * height > mostPixels)
    throw new Error(`has ${width} × ${height} pixels, which is too many`)
  if (kind !== 'svg' && Math.min(width, height) < minPixels) {
    throw new Error(`has ${width} × ${height} pixels; at least ${minPixels} × ${minPixels} are needed`)
  }
  if (isSquare && Math.abs(width - height) > 1) throw new Error(`is ${width} × ${height} and has to be square`)
  return { kind, type: types[kind], bytes, width, height }
}

/** By the first bytes. An SVG is text that begins like one; whether it is one is seen when it is read. */
function kindOf(bytes: Buffer): PictureKind | undefined {
  const head = bytes.subarray(0, 12).toString('hex')
  if (head.startsWith('89504e470d0a1a0a')) return 'png'
  if (head.startsWith('ffd8ff')) return 'jpeg'
  if (head.startsWith('52494646') && head.endsWith('57454250')) return 'webp'
  if (head.startsWith('00000100')) return 'ico'
  return /^\ufeff?\s*<(\?xml|svg|!--|!doctype svg)/i.test(bytes.subarray(0, 200).toString('utf8')) ? 'svg' : undefined
}

function sizeIn(bytes: Buffer): Size {
  try {
    const { width, height, orientation = 1 } = library().imageSize(bytes)
    // A camera that was held upright writes a picture that lies on its side.
    return orientation >= 5 ? { width: height, height: width } : { width, height }
  } catch {
    throw new Error('does not say how large it is, so it is broken')
  }
}

function nameOf(kind: PictureKind): string {
  return kind.toUpperCase()
}

function sizeText(bytes: number): string {
  return bytes >= 1_000_000 ? `${(bytes / 1_000_000).toFixed(1)} MB` : `${Math.ceil(bytes / 1000)} KB`
}
