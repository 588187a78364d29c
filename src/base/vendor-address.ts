import { z } from 'zod'

/**
 * An address at a vendor. What the base has in its path and query stays in front: an Enterprise Server has its API
 * below a path, and so has a gateway that leads to several vendors.
 */
export function addressBelow(base: string, path: string, query: Readonly<Record<string, string>> = {}): URL {
  const url = new URL(base)
  if (path !== '') url.pathname = url.pathname.replace(/\/+$/, '') + path
  for (const [name, value] of Object.entries(query)) url.searchParams.append(name, value)
  return url
}

const webAddress = z.url({ protocol: /^https?$/ })

/** Setting for the address of a vendor, to which paths are appended; `usual` is where the vendor itself is. */
export function vendorAddress(usual: string) {
  return addressOfVendor(usual).default(usual)
}

/** The same for a setting that has no default, or another one. */
export function addressOfVendor(usual: string) {
  return webAddress
    .refine(isBare, 'must have no query, fragment or user name, because paths are appended to it')
    .refine(
      (text) => hostOf(text) !== hostOf(usual) || isAtRoot(text),
      'must have no path there: the vendor has its API at the root, and only a gateway or another server may have a path',
    )
}

/** Setting for an address that is asked as it is. It may have a query. */
export function wholeAddress() {
  return webAddress.refine((text) => !text.includes('#') && !namesUser(text), 'must have no fragment or user name')
}

/** Whether an address has no path. What is no address at all, another check reports. */
export function isAtRoot(text: string): boolean {
  return (URL.parse(text)?.pathname ?? '/') === '/'
}

function hostOf(text: string): string | undefined {
  return URL.parse(text)?.host
}

function isBare(text: string): boolean {
  return !/[?#]/.test(text) && !namesUser(text)
}

function namesUser(text: string): boolean {
  const { username = '', password = '' } = URL.parse(text) ?? {}
  return username !== '' || password !== ''
}
