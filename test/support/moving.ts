import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { Shell } from './cli.ts'

/** A hash of bcrypt, and one of MD5. */
export const bcrypt = '$2y$10$abcdefghijklmnopqrstuu2RRISaFFsMay99U/VeFeGqbiIynCieq'
export const md5 = 'bca034aa9ecbeedd573fac73e98eaac1'

/** Imports files, and answers what was told and every account that came; an identity that is not proved ends with `~`. */
export async function moveIn(shell: Shell, from: string, files: Readonly<Record<string, string>>, ...more: string[]) {
  for (const [name, text] of Object.entries(files)) await writeFile(join(shell.cwd, name), text)
  const { status, stdout, stderr } = await shell.run(
    'users',
    'import',
    ...Object.keys(files),
    '--from',
    from,
    '--json',
    ...more,
  )
  if (!stdout) throw new Error(stderr)
  const { findings } = JSON.parse(stdout) as { findings: readonly { file: string; line: number; code: string }[] }
  const { rows } = await shell.database.database.knex.raw(`
    select i.external_id as id, u.nickname, u.status, to_char(u.created_at at time zone 'UTC', 'YYYY-MM-DD') as day, (
        select string_agg(n.provider || '=' || s.subject || case when n.verified_at is null then '~' else '' end, ' '
          order by n.provider, s.position) from identities n join identity_subjects s on s.identity_id = n.id
        where n.user_id = u.id) as ways, (select split_part(hash, '$', 3) from passwords p where p.user_id = u.id) as hash
    from imported_accounts i join users u on u.id = i.user_id order by i.external_id`)
  return { status, told: findings.map(({ file, line, code }) => `${file}:${line} ${code}`), rows }
}

/** Rows as JSON lines. */
export const lines = (...rows: readonly object[]) => rows.map((row) => `${JSON.stringify(row)}\n`).join('')
/** Rows as columns. */
export const csv = (...rows: readonly (readonly string[])[]) => rows.map((row) => `${row.join(',')}\n`).join('')
