import { readdirSync, readFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { fileURLToPath } from 'node:url'
import { describe, expect, test } from 'vitest'
import { parse, parseAllDocuments } from 'yaml'
import { paths } from '../../src/base/paths.ts'
import { type Config, loadConfig } from '../../src/config/config.ts'

const root = fileURLToPath(new URL('../..', import.meta.url))
const read = (path: string) => readFileSync(`${root}${path}`, 'utf8')
const folders = ['deploy/kubernetes/base', 'deploy/kubernetes/overlays/example']

interface Container {
  readonly name: string
  readonly command?: readonly string[]
  readonly ports?: readonly { readonly name: string; readonly containerPort: number }[]
  readonly resources: { readonly limits: Readonly<Record<string, string>> }
  readonly [field: string]: unknown
}

interface Template {
  readonly metadata: { readonly labels: object; readonly annotations?: Readonly<Record<string, string>> }
  readonly spec: { readonly containers: readonly [Container]; readonly [field: string]: unknown }
}

/** A manifest, as far as these tests read it. */
interface Manifest {
  readonly apiVersion: string
  readonly kind: string
  readonly metadata: { readonly name: string }
  readonly spec: { readonly template: Template; readonly [field: string]: unknown }
}

interface Kustomization {
  readonly resources: readonly string[]
  readonly configMapGenerator: readonly [{ readonly literals: readonly string[] }]
}

const kustomization = (folder: string): Kustomization => parse(read(`${folder}/kustomization.yaml`))
const filesOf = (folder: string) =>
  kustomization(folder)
    .resources.filter((name) => name.endsWith('.yaml'))
    .map((name) => `${folder}/${name}`)
const manifests = new Map<string, Manifest>(
  folders.flatMap(filesOf).map((path) => {
    const manifest: Manifest = parse(read(path))
    return [manifest.kind, manifest]
  }),
)

function manifest(kind: string): Manifest {
  const found = manifests.get(kind)
  if (!found) throw new Error(`there is no ${kind}`)
  return found
}

const server = manifest('Deployment').spec.template
const [container] = server.spec.containers

/** What `NAME=value` lines say. */
const pairs = (lines: readonly string[]) =>
  Object.fromEntries(
    lines.filter((line) => /^\w+=/.test(line)).map((line) => [line.replace(/=.*/, ''), line.replace(/^\w+=/, '')]),
  )

const dockerfile = read('Dockerfile')
/** The instructions of the last stage that begin so. */
const instruction = (name: string) =>
  dockerfile
    .slice(dockerfile.lastIndexOf('\nFROM '))
    .split('\n')
    .filter((line) => line.startsWith(`${name} `))
    .map((line) => line.slice(name.length + 1))
const imageEnv: Readonly<Record<string, string>> = pairs(instruction('ENV').map((line) => line.replaceAll('"', '')))

/** The configuration that a pod of the example finds, with a key put in. */
function podConfig(): Config {
  const given = folders.flatMap((folder) => kustomization(folder).configMapGenerator[0].literals)
  const secrets = read('deploy/kubernetes/overlays/example/secret.env').split('\n')
  const env = { ...imageEnv, ...pairs(given), ...pairs(secrets), MENSHEN_SECRET_KEY: 'k'.repeat(43) }
  return loadConfig({ env, cwd: tmpdir() }).config
}

/** Of a unit of systemd: what a name is set to. */
const unitLines = (name: string) =>
  read('deploy/systemd/menshen.service')
    .split('\n')
    .filter((line) => line.startsWith(`${name}=`))
    .map((line) => line.slice(name.length + 1))

const mebibytes = (text: string | undefined) => Number(/^(\d+)Mi$/.exec(text ?? '')?.[1])
const heapMebibytes = (options: string | undefined) => Number(/--max-old-space-size=(\d+)/.exec(options ?? '')?.[1])

describe('the manifests for Kubernetes', () => {
  test.each(folders)('each file of %s is one of its kustomization, is one object and has a name', (folder) => {
    const there = readdirSync(`${root}${folder}`).filter(
      (name) => name.endsWith('.yaml') && name !== 'kustomization.yaml',
    )
    expect(there.map((name) => `${folder}/${name}`).sort()).toEqual(filesOf(folder).sort())
    for (const path of filesOf(folder)) {
      const documents = parseAllDocuments(read(path), { uniqueKeys: true })
      expect(documents.map(({ errors }) => errors)).toEqual([[]])
      const { apiVersion, kind, metadata }: Manifest = parse(read(path))
      expect([apiVersion, kind, metadata.name].every((text) => text.length > 0)).toBe(true)
    }
  })

  test('the example is fit for production as soon as it has a key', () => {
    expect(podConfig()).toMatchObject({ issuer: 'https://login.example.com', sandbox: false })
    const withoutKey = () => loadConfig({ env: { NODE_ENV: 'production' }, cwd: tmpdir() })
    expect(withoutKey).toThrow('secret_key')
    expect(read('deploy/kubernetes/overlays/example/secret.env')).toMatch(/^MENSHEN_SECRET_KEY=$/m)
  })

  test('ports are those at which the program listens, and no others are let in', () => {
    const { server: listener, ops } = podConfig()
    const metricsPort = Number(ops.metrics.split(':').at(-1))
    expect(container.ports).toEqual([
      { name: 'http', containerPort: listener.port },
      { name: 'metrics', containerPort: metricsPort },
    ])
    expect(instruction('EXPOSE')).toEqual([String(listener.port)])
    expect(server.metadata.annotations).toMatchObject({ 'prometheus.io/port': String(metricsPort) })
    expect(manifest('Service').spec['ports']).toMatchObject([{ targetPort: 'http' }])
    const letIn = manifest('NetworkPolicy').spec['ingress'] as { ports: { port: number }[] }[]
    expect(letIn.flatMap(({ ports }) => ports.map(({ port }) => port))).toEqual([listener.port, metricsPort])
  })

  test('probes ask what the program answers: being alive looks at no store', () => {
    const asked = (name: string) => (container[name] as { httpGet: unknown }).httpGet
    expect(asked('startupProbe')).toEqual({ path: paths.livez, port: 'http' })
    expect(asked('livenessProbe')).toEqual({ path: paths.livez, port: 'http' })
    expect(asked('readinessProbe')).toEqual({ path: paths.readyz, port: 'http' })
  })

  test('objects find the pods they are for', () => {
    const { labels } = server.metadata
    const selectors = [
      (manifest('Deployment').spec['selector'] as { matchLabels: object }).matchLabels,
      (manifest('PodDisruptionBudget').spec['selector'] as { matchLabels: object }).matchLabels,
      manifest('Service').spec['selector'] as object,
      ...(server.spec['topologySpreadConstraints'] as { labelSelector: { matchLabels: object } }[]).map(
        ({ labelSelector }) => labelSelector.matchLabels,
      ),
    ]
    for (const selector of selectors) expect(selector).toEqual(labels)
    const { matchLabels } = manifest('NetworkPolicy').spec['podSelector'] as { matchLabels: object }
    for (const { metadata } of [server, manifest('Job').spec.template])
      expect(metadata.labels).toMatchObject(matchLabels)
  })

  test.each(['Deployment', 'Job'])('the container of the %s may do nothing but run', (kind) => {
    const { spec } = manifest(kind).spec.template
    const securityContext = { runAsNonRoot: true, runAsUser: Number(instruction('USER')) }
    expect(spec).toMatchObject({ automountServiceAccountToken: false, securityContext })
    expect(spec.containers[0]['securityContext']).toEqual({
      allowPrivilegeEscalation: false,
      readOnlyRootFilesystem: true,
      capabilities: { drop: ['ALL'] },
    })
  })

  test('the job runs what the image brings', () => {
    const [program = '', ...rest] = manifest('Job').spec.template.spec.containers[0].command ?? []
    const [started] = instruction('CMD').map((line) => JSON.parse(line) as string[])
    expect([program, rest[0]]).toEqual(started?.slice(0, 2))
    expect(rest.slice(1)).toEqual(['migrate', 'up'])
  })

  test('a pod has room for the heap, for what is outside it and for each process that hashes passwords', () => {
    const { password } = podConfig()
    const outsideHeap = 150
    const ofEachHasher = 70
    const needed = heapMebibytes(imageEnv['NODE_OPTIONS']) + outsideHeap + ofEachHasher * Number(password.workers)
    expect(mebibytes(container.resources.limits['memory'])).toBeGreaterThanOrEqual(needed)
  })
})

describe('the unit of systemd', () => {
  test('runs what the image runs, with its heap, in production and as nobody of importance', () => {
    const [command] = instruction('CMD').map((line) => (JSON.parse(line) as string[]).join(' '))
    expect(unitLines('ExecStart')).toEqual([`/usr/bin/${command}`])
    expect(pairs(unitLines('Environment').map((line) => line.replaceAll('"', '')))).toEqual(imageEnv)
    expect(unitLines('User')).toEqual(['menshen'])
    expect(unitLines('CapabilityBoundingSet')).toEqual([''])
    expect([...unitLines('NoNewPrivileges'), ...unitLines('ProtectSystem')]).toEqual(['yes', 'strict'])
  })
})

test('what ends by itself is started again everywhere', () => {
  const { services } = parse(read('compose.yaml')) as { services: Record<string, { restart?: string }> }
  expect(Object.values(services).map(({ restart }) => restart)).toEqual(Array(3).fill('unless-stopped'))
  expect(unitLines('Restart')).toEqual(['always'])
})

test('whoever stops a server waits longer than it drains and shuts down', () => {
  const { drain_seconds: drain, shutdown_seconds: shutdown } = podConfig().server
  const { services } = parse(read('compose.yaml'))
  const waits = [
    Number(server.spec['terminationGracePeriodSeconds']),
    Number(unitLines('TimeoutStopSec')[0]),
    Number.parseInt(services.menshen.stop_grace_period, 10),
  ]
  for (const seconds of waits) expect(seconds).toBeGreaterThanOrEqual(drain + shutdown + 5)
})
