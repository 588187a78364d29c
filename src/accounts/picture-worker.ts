import { parentPort, workerData } from 'node:worker_threads'
import { createJimp } from '@jimp/core'
import jpeg from '@jimp/js-jpeg'
import png from '@jimp/js-png'
import { methods } from '@jimp/plugin-resize'
import { requireBounded } from './png-bounds.ts'

/** A thread that decodes one picture, makes it small and encodes it again: nothing but its pixels is left. */
const Jimp = createJimp({ formats: [jpeg, png], plugins: [methods] })
const decoding = { 'image/jpeg': { maxMemoryUsageInMB: 128, maxResolutionInMP: 16 } }
/** Pixels of the longer side. */
const side = 256

interface Given {
  readonly bytes: Uint8Array
  readonly type: 'image/jpeg' | 'image/png'
}

async function made({ bytes, type }: Given): Promise<Buffer> {
  const file = Buffer.from(bytes)
  if (type === 'image/png') requireBounded(file)
  const image = await Jimp.fromBuffer(file, decoding)
  if (Math.max(image.width, image.height) > side) image.scaleToFit({ w: side, h: side })
  return image.getBuffer(type)
}

if (parentPort) parentPort.postMessage(await made(workerData as Given))
