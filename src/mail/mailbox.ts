import { domainToASCII } from 'node:url'

/**
 * The mailbox an address leads to, as far as its spelling shows: without what follows a plus sign, in lower case, and
 * for Gmail without dots. Only for counting: two addresses that share a mailbox here may still be two people, and are
 * told apart elsewhere. SECURITY: otherwise one mailbox could be sent any number of messages, under any number of
 * names.
 */
export function mailboxOf(address: string): string {
  const at = address.lastIndexOf('@')
  const written = address.slice(at + 1).toLowerCase()
  const domain = domainToASCII(written) || written
  const name = address.slice(0, at).normalize('NFKC').toLowerCase()
  const plain = name.replace(/(?<=.)\+.*$/s, '')
  if (domain === 'gmail.com' || domain === 'googlemail.com') return `${plain.replaceAll('.', '')}@gmail.com`
  return `${plain}@${domain}`
}
