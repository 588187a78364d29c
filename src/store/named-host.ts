const namedHost = /^(\[[0-9a-f:.]+\]|[^:[\]]+)(?::(\d+))?$/i

/** A host as an address names it, `db1:5432` or `[fd00::3]`; undefined for what is none. */
export function hostNamed(name: string, defaultPort: number): { host: string; port: number } | undefined {
  const [, host, given] = namedHost.exec(name) ?? []
  const port = Number(given ?? defaultPort)
  return host === undefined || port < 1 || port > 65_535 ? undefined : { host: host.replace(/^\[|\]$/g, ''), port }
}
