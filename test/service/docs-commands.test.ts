import { spawn } from 'node:child_process'
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest'
import { createMetrics } from '../../src/ops/metrics.ts'
import { loginBySms, startLogin } from '../support/login.ts'
import { guarded } from '../support/run.ts'
import { startServer } from '../support/server-process.ts'
import { freePort } from '../support/services.ts'
import { Visitor } from '../support/visitor.ts'
import { openWorld, type World } from '../support/world.ts'

const root = fileURLToPath(new URL('../..', import.meta.url))

interface Block {
  readonly language: string
  /** What stands after the language: `run=app`, `exits=3`, `manual`. */
  readonly notes: string
  readonly text: string
}

async function blocksOf(file: string): Promise<Block[]> {
  const text = await readFile(join(root, file), 'utf8')
  return [...text.matchAll(/^```(\w+) ?(.*)\n([\s\S]*?)^```$/gm)].map(([, language = '', notes = '', block = '']) => ({
    language,
    notes,
    text: block,
  }))
}

async function blockOf(file: string, notes: string): Promise<Block> {
  const found = (await blocksOf(file)).find((block) => block.notes === notes)
  if (!found) throw new Error(`${file} has no block ${notes}`)
  return found
}

interface Done {
  readonly status: number | null
  readonly output: string
}

/** `npm run menshen --` is the command of this checkout, wherever the shell stands. */
const npm = `npm() { while [ "$1" != -- ]; do shift; done; shift; node "${join(root, 'src/menshen.js')}" "$@"; }`

/** Runs a block in a shell that stops at the first failure. */
function shell(script: string, cwd: string, env: Readonly<Record<string, string>>): Promise<Done> {
  const { PATH = '', HOME = '' } = process.env
  const path = `${dirname(process.execPath)}:${PATH}`
  const options = { cwd, detached: true, env: { HOME, ...env, PATH: path } }
  const child = guarded(spawn('sh', ['-ec', `${npm}\n${script}`], options))
  let output = ''
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding('utf8').on('data', (part: string) => {
      output += part
    })
  }
  return new Promise((resolve) => child.on('close', (status) => resolve({ status, output })))
}

describe('what the documents tell people to do', () => {
  const phone = '13800138000'
  let world: World
  let folder: string

  beforeAll(async () => {
    world = await openWorld()
    folder = await mkdtemp(join(tmpdir(), 'menshen-docs-'))
    await writeFile(join(folder, 'seed.yaml'), (await blockOf('README.md', 'file=seed.yaml')).text)
  })
  afterAll(async () => {
    await world.close()
    await rm(folder, { recursive: true })
  })

  async function runAll(file: string, blocks: readonly Block[]): Promise<void> {
    for (const { text, notes } of blocks) {
      const { status, output } = await shell(text, folder, world.env)
      const expected = Number(/exits=(\d+)/.exec(notes)?.[1] ?? 0)
      expect(`${file}: ${text}${output}exit status ${status}`).toMatch(new RegExp(`exit status ${expected}$`))
    }
  }

  const isRunnable = ({ language, notes }: Block) => language === 'sh' && !/manual|run=/.test(notes)

  test('every command of the operations page works, in its order', async () => {
    const login = startLogin(world, 'sandbox-demo', `${world.issuer}/sandbox/callback`)
    await loginBySms(world, world.visitor(), login, phone)
    await runAll('docs/operations.md', (await blocksOf('docs/operations.md')).filter(isRunnable))
    await runAll('docs/scale.md', (await blocksOf('docs/scale.md')).filter(isRunnable))
  })

  test('the statements of the operations page are such as the database understands', async () => {
    const statements = (await blocksOf('docs/operations.md')).filter(({ language }) => language === 'sql')
    expect(statements).toHaveLength(4)
    for (const { text } of statements) await world.database.database.knex.raw(text)
  })

  test('every metric of the operations page exists, and none is left out', async () => {
    const page = await readFile(join(root, 'docs/operations.md'), 'utf8')
    const named = new Set(page.match(/menshen_[a-z_]+(?=[`"{])/g))
    const existing = createMetrics().registry.getMetricsAsArray()
    expect([...named].sort()).toEqual(
      existing
        .map(({ name }) => name)
        .filter((name) => name.startsWith('menshen_'))
        .sort(),
    )
  })

  test('the commands of the README register the app, and app and backend run as they stand there', async () => {
    const [appPort, apiPort] = [await freePort(), await freePort()]
    const addresses = { 3000: world.port, 8080: appPort, 8081: apiPort }
    await writeFile(join(folder, 'seed.yaml'), onPorts(addresses, (await blockOf('README.md', 'file=seed.yaml')).text))
    await runAll('README.md', (await blocksOf('README.md')).filter(isRunnable))
    await world.app.runtime.refresh()
    for (const name of ['app', 'api']) await example(name, addresses)

    const app = new Visitor(`http://localhost:${appPort}`, appPort)
    await expect
      .poll(() =>
        app.get('/').then(
          ({ status }) => status,
          () => 0,
        ),
      )
      .toBe(302)
    await expect
      .poll(() =>
        fetch(`http://localhost:${apiPort}/`).then(
          ({ status }) => status,
          () => 0,
        ),
      )
      .toBe(401)
    const left = await app.get('/')
    const back = await loginBySms(world, world.visitor(), new URL(left.location ?? ''), phone)
    const shown = JSON.parse((await app.get(back.location ?? '')).text)
    expect(shown.person).toMatchObject({ phone_number: `+86${phone}`, amr: ['sms', 'otp'] })
    expect(shown.orders).toEqual({ of: shown.person.sub, orders: [] })

    // Another browser cannot finish what this one began, and the backend believes no token that it cannot verify.
    const other = new Visitor(`http://localhost:${appPort}`, appPort)
    expect((await other.get(back.location ?? '')).status).toBe(400)
    const forged = await fetch(`http://localhost:${apiPort}/`, { headers: { authorization: 'Bearer a.b.c' } })
    expect(forged.status).toBe(401)
  })

  /** A text of the README with ports of the test in the place of those it shows. */
  function onPorts(ports: Readonly<Record<string, number>>, text: string): string {
    return Object.entries(ports).reduce((all, [shown, port]) => all.replaceAll(`:${shown}`, `:${port}`), text)
  }

  /** Starts an example as the README shows it, on ports of the test. */
  async function example(name: string, ports: Readonly<Record<string, number>>): Promise<void> {
    const file = `examples/${name}.mjs`
    const { text } = await blockOf('README.md', `file=${file}`)
    expect(await readFile(join(root, file), 'utf8')).toBe(text)
    const inside = await mkdtemp(
      join(dirname(createRequire(import.meta.url).resolve('jose/package.json')), '../.docs-'),
    )
    onTestFinished(() => rm(inside, { recursive: true }))
    await writeFile(
      join(inside, `${name}.mjs`),
      onPorts(ports, text).replace(/listen\((\d+)\)/, (_, shown) => `listen(${ports[shown]})`),
    )
    const child = guarded(spawn(process.execPath, [join(inside, `${name}.mjs`)], { detached: true, stdio: 'inherit' }))
    onTestFinished(() => void child.kill())
  }
})

describe('the first page', () => {
  test('npm start, in a shell, gives what the README shows', async () => {
    const data = await mkdtemp(join(tmpdir(), 'menshen-docs-'))
    onTestFinished(() => rm(data, { recursive: true, force: true, maxRetries: 5 }))
    const text = await readFile(join(root, 'README.md'), 'utf8')
    expect(text).toMatch(/```sh run=start\nnpm ci\nnpm start\n```/)
    const env = { MENSHEN_DATA_DIR: data, NO_UPDATE_NOTIFIER: '1' }
    const server = await startServer({ cwd: root, command: ['npm', 'start'], env })
    const shown = /```\n(Menshen is starting[\s\S]*?)```/.exec(text)?.[1] ?? 'nothing'
    expect(server.stdout()).toContain(shown.replaceAll(':3000', `:${server.port}`).replace('./.menshen', data))
    expect(await server.stop('SIGTERM')).toBe(0)
    await expect(fetch(`http://localhost:${server.port}/livez`)).rejects.toThrow()
  })

  test('npm run finds the command everywhere in a checkout', async () => {
    const { PATH = '', HOME = '' } = process.env
    const words = ['run', '--silent', 'menshen', '--', '--help']
    const child = spawn('npm', words, { cwd: join(root, 'docs'), env: { PATH, HOME }, stdio: 'pipe' })
    let output = ''
    child.stdout.setEncoding('utf8').on('data', (part: string) => {
      output += part
    })
    expect(await new Promise((resolve) => child.on('close', resolve))).toBe(0)
    expect(output).toContain('clients apply')
  })

  test('every link between the documents leads somewhere', async () => {
    const decisions = (await readdir(join(root, 'docs/decisions'))).map((name) => `docs/decisions/${name}`)
    const pages = [
      'README.md',
      'README.zh-CN.md',
      'ARCHITECTURE.md',
      'CONTRIBUTING.md',
      'CHANGELOG.md',
      'SECURITY.md',
      'docs/apps.md',
      'docs/backends.md',
      'docs/compatibility.md',
      'docs/operations.md',
      'docs/native-api.md',
      'docs/contributing/README.md',
      'docs/contributing/debugging.md',
      'docs/contributing/releasing.md',
      'clients/native/README.md',
    ]
    for (const page of [...pages, ...decisions]) {
      const text = (await readFile(join(root, page), 'utf8')).replaceAll(/^```[\s\S]*?^```/gm, '')
      const links = [...text.matchAll(/\]\((?!https?:)([^)#]+)\)|src="([^"]+)"/g)].map(([, a, b]) => a ?? b ?? '')
      for (const link of links) {
        const target = join(root, dirname(page), link)
        const found = await readFile(target).then(
          () => true,
          (error: NodeJS.ErrnoException) => error.code === 'EISDIR',
        )
        expect(`${page} -> ${link} ${found}`).toBe(`${page} -> ${link} true`)
      }
    }
  })

  test('every path that ARCHITECTURE.md names exists', async () => {
    const text = await readFile(join(root, 'ARCHITECTURE.md'), 'utf8')
    const named = [
      ...text.matchAll(/`((?:src|interactions|views|clients|sandbox|scripts|test|bench)\/[\w./-]+)`/g),
    ].map(([, path]) => path ?? '')
    expect(named.length).toBeGreaterThan(10)
    for (const path of named) {
      const error = await readFile(join(root, path)).then(
        () => undefined,
        (thrown: NodeJS.ErrnoException) => thrown.code,
      )
      expect(`${path} ${error === 'ENOENT'}`).toBe(`${path} false`)
    }
  })

  test('every dependency has its reason in CONTRIBUTING.md', async () => {
    const text = await readFile(join(root, 'CONTRIBUTING.md'), 'utf8')
    const manifest = JSON.parse(await readFile(join(root, 'package.json'), 'utf8'))
    const groups = [manifest.dependencies, manifest.optionalDependencies, manifest.devDependencies]
    const names = groups.flatMap((group: object) => Object.keys(group))
    const isNamed = (name: string) => text.includes(`\`${name}\``) || text.includes(`\`${name.split('/')[0]}/*\``)
    expect(names.filter((name) => !isNamed(name))).toEqual([])
  })
})
