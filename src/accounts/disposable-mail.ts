import { readFileSync } from 'node:fs'
import { disposableEmailBlocklist } from 'disposable-email-domains-js'

/** Which mail addresses may not become an account. */
export interface DisposableMail {
  readonly refuse: boolean
  /** More domains, one a line; `#` begins a remark. */
  readonly file?: string | undefined
  /** Domains that are listed and may be used all the same. */
  readonly allow: readonly string[]
}

/**
 * Answers whether an address belongs to those that are made in passing and thrown away: its domain, or one above it, is
 * listed. The lists are read at the first question.
 */
export function disposableMail({ refuse, file, allow }: DisposableMail): (address: string) => boolean {
  const allowed = new Set(allow.map((domain) => domain.toLowerCase()))
  let listed: ReadonlySet<string> | undefined
  return (address) => {
    if (!refuse) return false
    listed ??= new Set([...disposableEmailBlocklist(), ...(file === undefined ? [] : domainsIn(file))])
    const labels = address
      .slice(address.lastIndexOf('@') + 1)
      .toLowerCase()
      .split('.')
    const domains = labels.map((_, index) => labels.slice(index).join('.'))
    return !domains.some((domain) => allowed.has(domain)) && domains.some((domain) => listed?.has(domain))
  }
}

/** The domains of a file. Throws when it cannot be read. */
export function domainsIn(file: string): readonly string[] {
  const lines = readFileSync(file, 'utf8').split(/\r?\n/)
  return lines.map((line) => line.replace(/#.*/, '').trim().toLowerCase()).filter((line) => line !== '')
}
