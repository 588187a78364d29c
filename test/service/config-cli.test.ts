import { execFile } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { afterAll, expect, test } from 'vitest'

const cwd = mkdtempSync(join(tmpdir(), 'menshen-cli-'))
afterAll(() => rmSync(cwd, { recursive: true }))

const program = fileURLToPath(new URL('../../src/menshen.js', import.meta.url))

async function menshen(args: string[], env: Record<string, string> = {}) {
  const options = { cwd, env }
  try {
    return { status: 0, ...(await promisify(execFile)(process.execPath, [program, ...args], options)) }
  } catch (error) {
    const { code, stdout, stderr } = error as { code: number; stdout: string; stderr: string }
    return { status: code, stdout, stderr }
  }
}

test('config check is silent about nothing: status 1 and every problem', async () => {
  const env = { PORT: 'x', MENSHEN_NOPE: '1', MENSHEN_SECRET_KEY: 'canary' }
  const plain = await menshen(['config', 'check'], env)
  expect(plain).toMatchObject({ status: 1, stdout: '' })
  expect(plain.stderr).toMatch(/3 problems.*server\.port.*secret_key.*nope/s)
  const machine = await menshen(['config', 'check', '--json'], env)
  expect(machine).toMatchObject({ status: 1, stderr: '' })
  const paths = JSON.parse(machine.stdout).problems.map(({ path }: { path: string }) => path)
  expect(paths.toSorted()).toEqual(['nope', 'secret_key', 'server.port'])
  expect(plain.stderr + machine.stdout).not.toContain('canary')
})

test('config check of a fine configuration is status 0 and names what is not fit for production', async () => {
  const { status, stdout } = await menshen(['config', 'check', '--json'])
  expect(status).toBe(0)
  expect(JSON.parse(stdout)).toMatchObject({
    ok: true,
    problems: [],
    warnings: expect.arrayContaining([expect.objectContaining({ setting: 'database.url' })]),
  })
})

test('config print shows the merged values with their sources and no secret', async () => {
  writeFileSync(join(cwd, 'other.yaml'), 'redis: { url: "redis://:canary@h:6379" }\n')
  const args = ['config', 'print', '--config', 'other.yaml']
  const { status, stdout, stderr } = await menshen(args, { PORT: '4000' })
  expect({ status, stderr }).toEqual({ status: 0, stderr: '' })
  expect(stdout).toMatch(/^server\.port +4000 +env PORT$/m)
  expect(stdout).toMatch(/^redis\.url +\[redacted\] +other\.yaml$/m)
  expect(stdout).not.toContain('canary')
  expect(JSON.parse((await menshen([...args, '--json'])).stdout)).toContainEqual({
    path: 'redis.url',
    value: '[redacted]',
    source: 'other.yaml',
  })
})

test('config example is a file that config check accepts, config schema is JSON', async () => {
  const { stdout } = await menshen(['config', 'example'])
  writeFileSync(join(cwd, 'example.yaml'), stdout)
  expect(await menshen(['config', 'check', '--config', 'example.yaml'])).toMatchObject({ status: 0 })
  expect(JSON.parse((await menshen(['config', 'schema'])).stdout)).toMatchObject({
    type: 'object',
    additionalProperties: false,
  })
})

test('help needs no configuration and loads no command', async () => {
  const { status, stdout, stderr } = await menshen(['serve', '--help'], { PORT: 'x', MENSHEN_NOPE: '1' })
  expect({ status, stderr }).toEqual({ status: 0, stderr: '' })
  expect(stdout).toContain('usage: menshen serve')
})
