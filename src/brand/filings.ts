/** Where a filing number is looked up, and how it is written. */
export interface Filing {
  readonly text: string
  readonly href: string
}

const icpPattern = /^\p{Script=Han}ICP[备证][\s-]?[A-Z]?\d{6,10}号(-\d{1,4}[A-Z]?)?$/u
const policePattern = /^\p{Script=Han}公网安备\s?(\d{13,14})号$/u

/** Whether a text is the number of an ICP filing or licence. */
export function isIcpFiling(text: string): boolean {
  return icpPattern.test(text)
}

/** Whether a text is the number of a filing with the public security. */
export function isPoliceFiling(text: string): boolean {
  return policePattern.test(text)
}

/** An ICP filing with the link the ministry asks for. */
export function icpFiling(text: string): Filing {
  return { text, href: 'https://beian.miit.gov.cn/' }
}

/** A filing with the public security, with the link to its own entry. */
export function policeFiling(text: string): Filing {
  const code = policePattern.exec(text)?.[1] ?? ''
  return { text, href: `https://beian.mps.gov.cn/#/query/webSearch?code=${code}` }
}
