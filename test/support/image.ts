import { spawnSync } from 'node:child_process'
import { chmodSync, copyFileSync, cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { basename, join } from 'node:path'
import { fileURLToPath } from 'node:url'

const root = fileURLToPath(new URL('../..', import.meta.url))

/** What the Dockerfile makes, without an engine: a folder that stands for the root of the file system. */
export interface Image {
  readonly folder: string
  readonly workdir: string
  readonly env: Readonly<Record<string, string>>
  readonly user: string
  readonly command: readonly [string, ...string[]]
  readonly healthcheck: readonly [string, ...string[]]
  remove(): void
}

interface Stage {
  readonly folder: string
  workdir: string
  readonly env: Record<string, string>
  user: string
  command: readonly string[]
  healthcheck: readonly string[]
}

/**
 * Performs the steps of the Dockerfile in empty folders: copies exactly what COPY names, as far as `.dockerignore` lets it
 * through, and runs what RUN says. An instruction it does not know is an error, so that file and test cannot drift apart.
 */
export function buildImage(): Image {
  const top = mkdtempSync(join(tmpdir(), 'menshen-image-'))
  chmodSync(top, 0o755)
  const stages = new Map<string, Stage>()
  let stage: Stage | undefined
  try {
    for (const { instruction, rest } of instructions(readFileSync(join(root, 'Dockerfile'), 'utf8'))) {
      if (instruction === 'FROM') {
        const [base = '', , name = 'last'] = rest.split(/\s+/)
        stage = openStage(join(top, name), base)
        stages.set(name, stage)
      } else if (stage) perform(stage, instruction, rest, stages)
      else throw new Error(`${instruction} before FROM`)
    }
    if (!stage || stage.command.length === 0) throw new Error('the Dockerfile starts nothing')
    const [command, healthcheck] = [stage.command, stage.healthcheck] as unknown as [Image['command'], Image['command']]
    const { folder, workdir, env, user } = stage
    return { folder, workdir: join(folder, workdir), env, user, command, healthcheck, remove: () => remove(top) }
  } catch (error) {
    remove(top)
    throw error
  }
}

function remove(folder: string): void {
  rmSync(folder, { recursive: true, force: true })
}

function instructions(text: string): { instruction: string; rest: string }[] {
  return text
    .split('\n')
    .map((line) => line.trim())
    .filter((line) => line !== '' && !line.startsWith('#'))
    .map((line) => ({ instruction: line.split(' ', 1)[0] ?? '', rest: line.slice(line.indexOf(' ') + 1) }))
}

/** The base image is played by a folder with nothing but the Node that runs the tests. */
function openStage(folder: string, base: string): Stage {
  const major = process.versions.node.split('.')[0]
  if (!base.startsWith(`node:${major}-`)) throw new Error(`the tests run on Node ${major}, the image on ${base}`)
  mkdirSync(join(folder, 'bin'), { recursive: true })
  copyFileSync(process.execPath, join(folder, 'bin/node'))
  return { folder, workdir: '/', env: {}, user: 'root', command: [], healthcheck: [] }
}

function perform(stage: Stage, instruction: string, rest: string, stages: ReadonlyMap<string, Stage>): void {
  switch (instruction) {
    case 'WORKDIR':
      stage.workdir = rest
      mkdirSync(join(stage.folder, rest), { recursive: true })
      break
    case 'ENV': {
      const [, name = '', value = ''] = /^(\w+)="?(.*?)"?$/.exec(rest) ?? []
      stage.env[name] = value
      break
    }
    case 'COPY':
      copy(stage, rest, stages)
      break
    case 'RUN':
      run(stage, rest)
      break
    case 'USER':
      stage.user = rest
      break
    case 'EXPOSE':
      break
    case 'HEALTHCHECK':
      stage.healthcheck = JSON.parse(rest.slice(rest.indexOf('CMD ') + 4))
      break
    case 'CMD':
      stage.command = JSON.parse(rest)
      break
    default:
      throw new Error(`the test cannot perform ${instruction}`)
  }
}

function copy(stage: Stage, rest: string, stages: ReadonlyMap<string, Stage>): void {
  const words = rest.split(/\s+/)
  const from = words[0]?.startsWith('--from=') ? words.shift()?.slice(7) : undefined
  const target = words.pop() ?? ''
  for (const source of words) {
    if (from === undefined && !isSent(source)) throw new Error(`.dockerignore keeps ${source} from the builder`)
    const origin = from === undefined ? root : stages.get(from)?.folder
    if (origin === undefined) throw new Error(`there is no stage ${from}`)
    const to = target.endsWith('/') ? join(target, basename(source)) : target
    cpSync(join(origin, source), join(stage.folder, stage.workdir, to), { recursive: true })
  }
}

/** Understands the list of exceptions that `.dockerignore` is; the last line that matches decides, as it does for Docker. */
export function isSent(path: string): boolean {
  const lines = readFileSync(join(root, '.dockerignore'), 'utf8').split('\n')
  let isIgnored = false
  for (const pattern of lines.filter((line) => line !== '' && !line.startsWith('#'))) {
    const name = pattern.replace(/^!/, '')
    if (!/^(\*|[\w.-]+)$/.test(name)) throw new Error(`the test does not understand ${pattern} in .dockerignore`)
    if (name === '*' || name === path.split('/')[0]) isIgnored = !pattern.startsWith('!')
  }
  return !isIgnored
}

/** With the environment of the tests, because a proxy or a registry may be named there. */
function run(stage: Stage, command: string): void {
  const { NODE_ENV: _, NODE_OPTIONS: __, ...inherited } = process.env
  const path = `${join(stage.folder, 'bin')}:${inherited['PATH']}`
  const { status, stderr, stdout } = spawnSync('sh', ['-c', command], {
    cwd: join(stage.folder, stage.workdir),
    env: { ...inherited, PATH: path, npm_config_prefer_offline: 'true', ...stage.env },
    encoding: 'utf8',
  })
  if (status !== 0) throw new Error(`${command}: ${stdout}${stderr}`)
}
