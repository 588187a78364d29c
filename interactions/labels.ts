import { isIP } from 'node:net'
import type { Account, Identity } from '../src/accounts/user.ts'
import { maskPhone, type PhoneNumber } from '../src/base/phone.ts'
import { maskTarget } from './methods/otp.ts'

/** What a person recognises their own account by: nickname, masked number or address, or user name. */
export function accountLabel({ user, identities }: Account): string {
  if (user.profile.nickname) return user.profile.nickname
  const [label] = identities.map(identityLabel)
  return label ?? user.id
}

/** What its owner recognises an account by and a stranger cannot use: the same, with nickname and user name masked too. */
export function maskedLabel({ user, identities }: Account): string {
  const own = identities.find(({ provider }) => provider === 'phone' || provider === 'email') ?? identities[0]
  if (own && own.provider !== 'username') return identityLabel(own)
  const name = user.profile.nickname ?? own?.subjects[0] ?? user.id
  return `${[...name][0]}***`
}

/** An identity for display: numbers, addresses and the subjects of upstreams are masked; a user name is its owner's to know. */
export function identityLabel({ provider, subjects }: Pick<Identity, 'provider' | 'subjects'>): string {
  const subject = subjects[0] ?? ''
  if (provider === 'phone') return maskPhone(subject as PhoneNumber)
  if (provider === 'email') return maskTarget({ channel: 'email', to: subject })
  if (provider === 'username') return subject
  const bare = subject.slice(subject.lastIndexOf(':') + 1)
  return bare.length < 8 ? `****${bare.slice(-2)}` : `${bare.slice(0, 2)}****${bare.slice(-4)}`
}

/** Enough to recognise one's own network by: `203.0.113.*`, `2001:db8:1:*`. */
export function maskIp(ip: string | undefined): string | undefined {
  if (ip === undefined || isIP(ip) === 0) return undefined
  const mapped = /^::ffff:(\d+\.\d+\.\d+)\.\d+$/i.exec(ip)?.[1]
  if (mapped !== undefined || isIP(ip) === 4) return `${mapped ?? ip.slice(0, ip.lastIndexOf('.'))}.*`
  const [before = ''] = ip.split('::')
  return `${before.split(':').slice(0, 3).join(':')}:*`
}
