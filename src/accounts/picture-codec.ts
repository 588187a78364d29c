import { Worker } from 'node:worker_threads'

/** A picture that was made here. */
export interface Picture {
  readonly type: 'image/jpeg' | 'image/png'
  readonly bytes: Buffer
}

const mostPixels = 16_000_000
const timeoutMs = 10_000

/**
 * The same picture, at most 256 pixels wide and high, decoded and encoded again. SECURITY: in a thread of its own with
 * bounds of time and memory, because a stranger may have made it; whatever else the file held, a script, a place, a
 * second format, is gone. Throws for what is neither JPEG nor PNG.
 */
export async function reencoded(bytes: Buffer): Promise<Picture> {
  const type = pictureType(bytes)
  if (!type) throw new Error('neither JPEG nor PNG')
  if (type === 'image/png' && pngPixels(bytes) > mostPixels) throw new Error('too many pixels')
  const resourceLimits = { maxOldGenerationSizeMb: 256, maxYoungGenerationSizeMb: 32 }
  const worker = new Worker(new URL('./picture-worker.ts', import.meta.url), {
    workerData: { bytes, type },
    resourceLimits,
    stderr: true,
  })
  const timer = setTimeout(() => worker.terminate(), timeoutMs)
  try {
    const made = await new Promise<Uint8Array>((resolve, reject) => {
      worker.once('message', resolve)
      worker.once('error', reject)
      worker.once('exit', () => reject(new Error('the picture took too long')))
    })
    return { type, bytes: Buffer.from(made) }
  } finally {
    clearTimeout(timer)
    await worker.terminate()
  }
}

/** What a file is by its first bytes, whatever its name or a server says. */
export function pictureType(bytes: Buffer): Picture['type'] | undefined {
  if (bytes.subarray(0, 3).toString('hex') === 'ffd8ff') return 'image/jpeg'
  const isPng = bytes.length > 24 && bytes.subarray(0, 8).toString('hex') === '89504e470d0a1a0a'
  return isPng ? 'image/png' : undefined
}

/** The decoder of JPEG has a limit of its own. */
function pngPixels(bytes: Buffer): number {
  return bytes.readUInt32BE(16) * bytes.readUInt32BE(20)
}
