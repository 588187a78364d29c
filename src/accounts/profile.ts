import type { Profile } from './user.ts'

/** The longest nickname, in code points; more is cut off. */
export const nicknameLength = 64
const pictureLength = 2048
// Control characters, what was no letter, and what turns the direction of the text around it on somebody else's page.
const unwanted = /[\p{Cc}\uFFFD\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]/gu

/**
 * What of an upstream's profile is fit to be stored and shown: a trimmed nickname, a picture only with a web address.
 */
export function displayable({ nickname = '', picture = '' }: Profile): Profile {
  const name = [...nickname.toWellFormed().replace(unwanted, '')].slice(0, nicknameLength).join('').trim()
  return { ...(name !== '' && { nickname: name }), ...(isWebAddress(picture) && { picture }) }
}

function isWebAddress(text: string): boolean {
  return (
    text.length <= pictureLength && !/[\s\p{Cc}\p{Cs}]/u.test(text) && /^https?:$/.test(URL.parse(text)?.protocol ?? '')
  )
}
