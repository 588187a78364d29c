import { statSync } from 'node:fs'
import { isIPv4 } from 'node:net'
import {
  HeaderInfoLength,
  loadHeaderFromFile,
  loadVectorIndexFromFile,
  newWithVectorIndex,
  type Searcher,
  VectorIndexCols,
  VectorIndexRows,
  VectorIndexSize,
  type Version,
  versionFromHeader,
} from 'ip2region.js'
import { type Province, provinceNamed } from './provinces.ts'

/** Where an address is, as a file says it: a province of China, or another country by its ISO 3166 code. */
export type Place = { readonly province: Province } | { readonly country: string }

/** The files of one installation; IPv4 and IPv6 have one each. */
export interface PlaceFiles {
  readonly ipv4?: string | undefined
  readonly ipv6?: string | undefined
}

/** Says where addresses are. */
export interface IpPlaces {
  /** Undefined: the file does not know it, or there is no file. It never throws. */
  find(ip: string): Promise<Place | undefined>
}

const bytesOf = { ipv4: 4, ipv6: 16 } as const
const smallestBytes = HeaderInfoLength + VectorIndexRows * VectorIndexCols * VectorIndexSize

/** What is wrong with a file of places for that kind of address; undefined: nothing. It reads the file's header. */
export function placesFault(path: string, kind: keyof PlaceFiles): string | undefined {
  try {
    const { size } = statSync(path)
    const header = size > smallestBytes ? loadHeaderFromFile(path) : undefined
    const version = header && versionFromHeader(header)
    if (!header || !version) return 'expected an xdb file of ip2region'
    if (version.bytes !== bytesOf[kind]) return `expected an xdb file for addresses of ${kind}, found ${version.name}`
    const { startIndexPtr, endIndexPtr } = header
    const isWhole = startIndexPtr >= smallestBytes && endIndexPtr >= startIndexPtr
    return isWhole && endIndexPtr + version.indexSize <= size ? undefined : 'the file was cut off'
  } catch (error) {
    return `the file cannot be read: ${(error as Error).message}`
  }
}

/**
 * Opens the files, which `placesFault` has found good, once at the start: half a megabyte of each is kept in memory,
 * and a question reads a few bytes. A file that is replaced is read after the next start.
 */
export function openIpPlaces(files: PlaceFiles, onFailure: (error: unknown) => void): IpPlaces {
  const opened = { ipv4: open(files.ipv4), ipv6: open(files.ipv6) }
  return {
    async find(ip) {
      const plain = ip.replace(/^::ffff:(?=\d+\.)/i, '')
      const searcher = isIPv4(plain) ? opened.ipv4 : opened.ipv6
      if (!searcher) return undefined
      try {
        return placeIn(await searcher.search(plain))
      } catch (error) {
        onFailure(error)
        return undefined
      }
    },
  }
}

function open(path: string | undefined): Searcher | undefined {
  if (path === undefined) return undefined
  const version = versionFromHeader(loadHeaderFromFile(path)) as Version
  return newWithVectorIndex(version, path, loadVectorIndexFromFile(path))
}

/**
 * The place in a line of the file: `country|province|city|carrier|code`, or `country|0|province|city|carrier` as it was
 * before. Everything that is finer than a province is left out: nobody has to know it.
 */
function placeIn(line: string): Place | undefined {
  const fields = line.split('|')
  const province = provinceNamed(fields.slice(1, 3).find((field) => field !== '' && field !== '0') ?? '')
  if (fields[0] === '中国' && province) return { province }
  const code = /^[A-Z]{2}$/.exec(fields[4] ?? '')?.[0] ?? (fields[0] === '中国' ? 'CN' : undefined)
  if (code === 'HK' || code === 'MO' || code === 'TW') return { province: code }
  return code === undefined ? undefined : { country: code }
}
