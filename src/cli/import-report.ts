import { basename } from 'node:path'
import { formatDuration } from '../base/duration.ts'
import type { Imported } from '../moving/account-import.ts'
import { type Finding, findingText, isProblem } from '../moving/findings.ts'
import type { Place } from '../moving/staging.ts'
import type { CommandContext } from './command.ts'
import { cellText } from './output.ts'

interface Files {
  readonly paths: readonly string[]
  readonly isDryRun: boolean
  readonly skipsInvalid: boolean
}

/** Tells of an import while it goes on: there may be millions of findings, and none is kept. */
export interface ImportTeller {
  finding(place: Place, finding: Finding): void
  end(imported: Imported): void
  /** Something went wrong on the way. What was told until then ends as JSON. */
  fail(reason: string): void
}

/** As lines for people, or as one JSON value. */
export function importTeller({ flags, stdout, stderr }: CommandContext, files: Files): ImportTeller {
  const nameOf = (file: number) => basename(files.paths[file] ?? '')
  if (flags['json'] !== true) {
    return {
      finding({ file, line }, finding) {
        const kind = isProblem(finding.code) ? 'problem' : 'note'
        stdout.write(`${nameOf(file)}:${line}: ${kind}: ${cellText(findingText(finding))} (${finding.code})\n`)
      },
      end: (imported) => {
        stdout.write(summaryText(imported, files))
        if (files.isDryRun) stderr.write('dry run: nothing was written\n')
      },
      fail: () => {},
    }
  }
  let count = 0
  const afterFindings = () => (count === 0 ? '{\n  "findings": []' : '\n  ]')
  return {
    fail(reason) {
      stdout.write(`${afterFindings()},\n  "error": ${JSON.stringify(reason)}\n}\n`)
    },
    finding({ file, line }, finding) {
      const kind = isProblem(finding.code) ? 'problem' : 'note'
      const told = { file: nameOf(file), line, kind, code: finding.code, text: findingText(finding) }
      stdout.write(`${count++ === 0 ? '{\n  "findings": [' : ','}\n    ${JSON.stringify(told)}`)
    },
    end(imported) {
      const { findings: counts, isApplied, wrapsPerSecond, differing, ...rest } = imported
      const members = Object.entries({
        ...{ applied: isApplied && !files.isDryRun, ...rest, differing, counts },
        wraps_per_second: wrapsPerSecond === undefined ? null : Math.round(wrapsPerSecond),
      })
      const text = members.map(([name, value]) => `,\n  ${JSON.stringify(name)}: ${JSON.stringify(value)}`)
      stdout.write(`${afterFindings()}${text.join('')}\n}\n`)
    },
  }
}

function summaryText(imported: Imported, { isDryRun, skipsInvalid }: Files): string {
  const { rows, unchanged, differing, problems, wrapped, wrapsPerSecond, isApplied } = imported
  const made = `${imported.imported} accounts ${isDryRun ? 'would be imported' : 'imported'}`
  const known = `${unchanged} unchanged${differing > 0 ? `, ${differing} left as they are here` : ''}`
  const lines = [`${rows} rows: ${made}, ${known}, ${problems} problems`]
  if (wrapped > 0 && wrapsPerSecond !== undefined) {
    const rate = `${Math.round(wrapsPerSecond)} a second`
    const left = formatDuration(Math.ceil(wrapped / wrapsPerSecond))
    const would = `${wrapped} weak hashes would be wrapped, ${rate}: about ${left}`
    lines.push(isDryRun ? would : `${wrapped} weak hashes wrapped, ${rate}`)
  }
  if (!isApplied) lines.push('nothing was imported: mend the rows, or say --skip-invalid to import all others')
  else if (problems > 0 && skipsInvalid) lines.push('rows with a problem were passed over')
  return `${lines.join('\n')}\n`
}
