import { execFileSync } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { earlierTag } from '../support/earlier-version.ts'

test('the version before is the newest tag in the history of this one, and a shallow clone knows none', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'menshen-tags-'))
  onTestFinished(() => rmSync(folder, { recursive: true }))
  const [origin, shallow] = [join(folder, 'origin'), join(folder, 'shallow')]
  const git = (cwd: string, ...args: string[]) =>
    execFileSync('git', ['-c', 'user.name=Tea', '-c', 'user.email=tea@example.com', ...args], { cwd, stdio: 'ignore' })
  const release = (name: string) => {
    git(origin, 'commit', '--allow-empty', '-m', name)
    git(origin, 'tag', name)
  }
  git(folder, 'init', '-b', 'main', origin)
  git(origin, 'commit', '--allow-empty', '-m', 'begin')
  expect(await earlierTag(origin)).toBeUndefined()
  release('v1')
  expect(await earlierTag(origin)).toBeUndefined()
  release('v2')
  expect(await earlierTag(origin)).toBe('v1')
  git(origin, 'commit', '--allow-empty', '-m', 'work')
  expect(await earlierTag(origin)).toBe('v2')
  git(folder, 'clone', '--depth', '1', `file://${origin}`, shallow)
  expect(await earlierTag(shallow)).toBeUndefined()
  expect(await earlierTag(folder)).toBeUndefined()
})
