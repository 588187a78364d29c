import type { PictureRule } from './picture-file.ts'
import { type BrandPicture, readPicture } from './read-brand.ts'

const rule: PictureRule = { kinds: ['svg', 'png', 'webp'], maxBytes: 50_000, minPixels: 48, isSquare: true }

/** Reads an operator's own icon for the button of a connection. Throws with its path and the reason. */
export function readButtonIcon(path: string): BrandPicture {
  return readPicture(path, rule)
}

/** What is wrong with such a file; undefined: nothing. */
export function buttonIconFault(path: string): string | undefined {
  try {
    readButtonIcon(path)
    return undefined
  } catch (error) {
    return (error as Error).message
  }
}
