import { createRequire } from 'node:module'

const require = createRequire(import.meta.url)

/**
 * A package that not every process needs: it is loaded when it is asked for first, because every file that is loaded at
 * the start makes it longer.
 */
export function whenNeeded<Package>(name: string): () => Package {
  let loaded: Package | undefined
  return () => {
    loaded ??= require(name) as Package
    return loaded
  }
}
