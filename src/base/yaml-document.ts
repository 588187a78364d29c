import type { Document } from 'yaml'
import { whenNeeded } from './when-needed.ts'

const yaml = whenNeeded<typeof import('yaml')>('yaml')

/** The way from the top of a document to a value in it. */
export type Path = readonly PropertyKey[]

/** A YAML text that was understood. */
export interface YamlDocument {
  readonly values: unknown
  /** The line on which the value of a path begins; for a missing value, the line of what should hold it. */
  lineOf(path: Path): number
}

/**
 * Why a YAML text was not understood. SECURITY: never holds a part of the text, which may be a secret in the wrong
 * place.
 */
export interface YamlFault {
  readonly message: string
  /** Undefined where the fault has no one place. */
  readonly line: number | undefined
}

/** Reads a YAML text: a document, or every reason why there is none. */
export function readYaml(text: string): { readonly document?: YamlDocument; readonly faults: readonly YamlFault[] } {
  const { LineCounter, parseDocument } = yaml()
  const lineCounter = new LineCounter()
  const parsed = parseDocument(text.replace(/^\ufeff/, ''), { prettyErrors: false, lineCounter, merge: true })
  const faults = [...parsed.errors, ...parsed.warnings]
  if (faults.length > 0) {
    return {
      faults: faults.map(({ code, pos }) => {
        const { line, col } = lineCounter.linePos(pos[0])
        return { line, message: `${faultText(code)}, column ${col}` }
      }),
    }
  }
  let values: unknown
  try {
    values = parsed.toJS()
  } catch {
    return { faults: [{ line: undefined, message: 'an alias is unknown or used too often' }] }
  }
  return { document: { values, lineOf: (path) => lineCounter.linePos(offsetOf(parsed, path)).line }, faults: [] }
}

/** A document without what it keeps at its top under `x-…`, which is there to be referred to. */
export function withoutAnchors(values: unknown): unknown {
  if (typeof values !== 'object' || values === null || Array.isArray(values)) return values
  return Object.fromEntries(Object.entries(values).filter(([name]) => !name.startsWith('x-')))
}

/** `sms.senders[0].type` */
export function pathText(path: Path): string {
  const steps = path.map((step) => (typeof step === 'number' ? `[${step}]` : `.${String(step)}`))
  return steps.join('').replace(/^\./, '')
}

/** SECURITY: the messages of the library quote the text; its codes do not. */
function faultText(code: string): string {
  return code === 'DUPLICATE_KEY' ? 'a key is there twice' : `is not YAML: ${code.toLowerCase().replaceAll('_', ' ')}`
}

function offsetOf(document: Document, path: Path): number {
  const { isAlias, isMap, isScalar, isSeq } = yaml()
  let node: unknown = document.contents
  let offset = 0
  for (const step of path) {
    if (isAlias(node)) node = node.resolve(document)
    if (isMap(node)) {
      const pair = node.items.find(({ key }) => isScalar(key) && String(key.value) === String(step))
      if (!isScalar(pair?.key)) break
      offset = pair.key.range?.[0] ?? offset
      node = pair.value
    } else if (isSeq(node)) {
      node = node.items[Number(step)]
      offset = (node as { range?: readonly number[] } | undefined)?.range?.[0] ?? offset
    } else break
  }
  return offset
}
