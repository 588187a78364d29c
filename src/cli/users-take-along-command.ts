import { writeFile } from 'node:fs/promises'
import { resolve } from 'node:path'
import { matching } from '../base/languages.ts'
import { buildFace } from '../build/face.ts'
import { archiveWriting } from '../build/own-archives.ts'
import { ownArchive, ownDataOf } from '../own-data/archive.ts'
import type { CommandContext } from './command.ts'
import { reasonOf } from './confirm.ts'
import { operatorOf, refuse } from './open-core.ts'
import { printJson } from './output.ts'
import { withUser } from './user-named.ts'

/**
 * `users export`: what is kept about one person, as they would get it: an archive in a file that only its owner can
 * read, or its data as JSON on standard output.
 */
export async function takeAlong(context: CommandContext): Promise<number> {
  const { flags, stdout, cwd } = context
  return withUser(context, async ({ user: { id } }, core) => {
    const face = buildFace(core.config)
    const wanted = typeof flags['lang'] === 'string' ? flags['lang'] : (face.i18n.locales[0] ?? '')
    const locale = matching(wanted, face.i18n.locales)
    if (!locale)
      return refuse(context, `there are no sentences in ${wanted}; there are: ${face.i18n.locales.join(', ')}`)
    const writing = archiveWriting(core, face)
    const nothing = `${id} is deleted; nothing is left to take along`
    const handedOut = () =>
      core.audit.write({
        event: 'export.fetched',
        userId: id,
        detail: { operator: operatorOf(context), why: reasonOf(context) },
      })
    if (flags['json'] === true) {
      const data = await ownDataOf([core, id], writing)
      if (!data) return refuse(context, nothing)
      await handedOut()
      printJson(stdout, data)
      return 0
    }
    const archive = await ownArchive([core, id], locale, writing)
    if (!archive) return refuse(context, nothing)
    const path = resolve(cwd, typeof flags['out'] === 'string' ? flags['out'] : `${id}.zip`)
    try {
      await writeFile(path, archive, { flag: 'wx', mode: 0o600 })
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error
      return refuse(context, `there is a file ${path} already`)
    }
    await handedOut()
    stdout.write(`${path}\n`)
    return 0
  })
}
