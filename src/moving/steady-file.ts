import { stat } from 'node:fs/promises'
import { basename } from 'node:path'

/** Why a file cannot be read, in a sentence for the operator. */
export class UnreadableFile extends Error {
  override readonly name = 'UnreadableFile'
}

/** A file as it was when the reading began. */
export interface SteadyFile {
  /** Throws `UnreadableFile` when the file has become another one: half of what was read would be of another day. */
  requireUnchanged(): Promise<void>
}

/** Throws `UnreadableFile` for what is not there, may not be read, or is a folder. A pipe never changes. */
export async function steadyFile(path: string): Promise<SteadyFile> {
  const before = await look(path)
  if (before.isDirectory()) throw new UnreadableFile(`${path} is a folder: name the files in it`)
  return {
    async requireUnchanged() {
      if (!before.isFile()) return
      const after = await look(path)
      if (after.size === before.size && after.mtimeMs === before.mtimeMs && after.ino === before.ino) return
      throw new UnreadableFile(`${basename(path)} was changed while it was read: nothing was imported`)
    },
  }
}

const reasons: Readonly<Record<string, (path: string) => string>> = {
  ENOENT: (path) => `there is no file ${path}`,
  ENOTDIR: (path) => `there is no file ${path}`,
  EACCES: (path) => `this user may not read ${path}`,
  EPERM: (path) => `this user may not read ${path}`,
}

/** The sentence of an error of the file system, as `UnreadableFile`; everything else stays what it is. */
export function unreadable(error: unknown, path: string): unknown {
  const sentence = reasons[(error as NodeJS.ErrnoException).code ?? '']
  return sentence ? new UnreadableFile(sentence(path), { cause: error }) : error
}

async function look(path: string) {
  try {
    return await stat(path)
  } catch (error) {
    throw unreadable(error, path)
  }
}
