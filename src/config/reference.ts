import { stringify } from 'yaml'
import { formatDuration } from '../base/duration.ts'
import type { LoadedConfig } from './config.ts'
import { type Setting, settings } from './settings.ts'

/** One setting as `config print` shows it. */
export interface PrintedSetting {
  readonly path: string
  readonly value: unknown
  readonly source: string
}

/**
 * Every setting as it is in force, with its source. Secrets show as `[redacted]`, because their type shows nothing
 * else.
 */
export function printConfig({ config, sourceOf }: Pick<LoadedConfig, 'config' | 'sourceOf'>): PrintedSetting[] {
  return settings()
    .filter(({ isSection, path, variant }) => !isSection && !path.includes('[]') && variant === undefined)
    .flatMap(({ path, type }) => {
      const value = path.split('.').reduce<unknown>((at, key) => Object(at)[key], config)
      if (value === undefined) return [{ path, value: null, source: 'not set' }]
      const shown = type === 'duration' ? formatDuration(value as number | 'none') : JSON.parse(JSON.stringify(value))
      return [{ path, value: shown, source: sourceOf(path) }]
    })
}

/** A configuration file with every setting, all commented out, each with what it means and its default. */
export function exampleConfig(): string {
  const lines = settings()
    .filter(({ path, variant }) => !path.includes('[]') && variant === undefined)
    .flatMap((setting) => {
      const indent = '  '.repeat(setting.depth)
      const comments = notes(setting).map((note) => `#${indent}# ${note}`)
      return [...(setting.depth === 0 ? [''] : []), ...comments, `#${indent}${keyLines(setting)}`]
    })
  const head = [
    '## Configuration of Menshen. Take the first # off a setting and off the sections above it; the rest are defaults.',
  ]
  return `${[...head, ...lines].join('\n')}\n`
}

function notes({ description, variable, isSection, secret: isSecret, required, default: value }: Setting): string[] {
  const state = required ? 'Required in its section.' : value === undefined && !isSection ? 'Not set by default.' : ''
  const origin = variable === undefined ? '' : `Also ${variable}${isSecret ? ` or ${variable}_FILE` : ''}.`
  return [[description, state, origin].filter((part) => part !== '').join(' ')]
}

function keyLines({ path, isSection, default: value, type }: Setting): string {
  const key = path.split('.').at(-1)
  if (isSection) return `${key}:`
  return `${key}: ${value === undefined ? `<${type}>` : flow(value)}`
}

/** A value on one line of YAML. */
export function flow(value: unknown): string {
  return stringify(value, { collectionStyle: 'flow', lineWidth: 0 }).trim()
}
