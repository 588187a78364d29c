import { clientSecret, codeChallenge, redirectUri } from './fixture.ts'

/** What every server is asked for, so that it can be compared. */
export const peerOperations = [
  'discovery',
  'jwks',
  'client_credentials',
  'client_credentials_jwt',
  'introspection',
  'userinfo',
  'refresh',
  'code',
] as const
export type PeerOperation = (typeof peerOperations)[number]

/** How one server wants to be asked. It crosses to the process that makes the load. */
export interface PeerSite {
  readonly port: number
  /** Where introspection and the answers of a login page go, if not to `port`. */
  readonly adminPort?: number | undefined
  readonly paths: {
    readonly discovery: string
    readonly jwks: string
    readonly authorization: string
    readonly token: string
    readonly userinfo: string
    readonly introspection: string
  }
  /** The scope of a login whose tokens are refreshed. */
  readonly lastingScope: string
  /** What a client sends for a token of its own; absent where the server has none of that kind. */
  readonly opaqueForm?: string | undefined
  readonly jwtForm?: string | undefined
  /**
   * How a browser comes to be signed in: with a cookie that was made for it, by a form that asks for name and password, or by a
   * login app that the operator writes and that tells the server over `adminPort`.
   */
  readonly entrance: 'cookie' | 'form' | 'login app'
}

/** A browser that is, or will be, signed in. */
export interface PeerSeat {
  readonly identifier: string
  readonly cookie: string
}

/** The clients every server knows, with the fixture's secret: `offline` and `browser` for people, two machines. */
export const peerClients = ['offline', 'browser', 'machine', 'machine-jwt'] as const

/** The header line with which a client authenticates. */
export function basic(client: (typeof peerClients)[number]): string {
  return `Authorization: Basic ${Buffer.from(`${client}:${clientSecret}`).toString('base64')}\r\n`
}

/** Where a browser begins. */
export function authorizationPath({ paths }: PeerSite, client: 'offline' | 'browser', scope: string): string {
  const query = new URLSearchParams({
    client_id: client,
    response_type: 'code',
    scope,
    redirect_uri: redirectUri,
    code_challenge: codeChallenge,
    code_challenge_method: 'S256',
    state: 'state-of-the-app',
    nonce: 'nonce-of-the-app',
  })
  return `${paths.authorization}?${query}`
}

/** The algorithm in the header of a token. */
export function algorithmOf(token: string): string {
  const [header = ''] = token.split('.')
  return String((JSON.parse(Buffer.from(header, 'base64url').toString('utf8')) as { alg?: string }).alg)
}

/** Where a page of a login form sends it: the path of the first form, with its entities read. */
export function formAction(html: string): string {
  const action = /<form[^>]*\saction="([^"]+)"/.exec(html)?.[1]
  if (action === undefined) throw new Error(`no form in ${html.slice(0, 300)}`)
  const { pathname, search } = new URL(action.replaceAll('&amp;', '&'), 'https://id.bench.example')
  return `${pathname}${search}`
}
