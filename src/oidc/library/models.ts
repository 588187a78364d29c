import { decodeJwt } from 'jose'
import type { Context } from 'koa'
import {
  type AccessToken,
  type AuthorizationCode,
  type Client,
  type ClientMetadata,
  type Grant,
  type IdToken,
  type Interaction,
  Provider,
  type RefreshToken,
  type Session,
} from 'oidc-provider'
import { currentContext } from './context.ts'

/** The library's constructor, for the one file that builds an authorization server. */
export { Provider }

/** Checks the metadata of a client the way a running server will; throws the library's `invalid_client_metadata`. */
export async function validateClient(provider: Provider, metadata: Readonly<Record<string, unknown>>): Promise<void> {
  await provider.Client.validate(metadata as unknown as ClientMetadata)
}

/**
 * Sends the logout token of a session to its client (OIDC Back-Channel Logout); throws when the client does not take
 * it.
 */
export type SendLogout = (client: Client, userId: string, sid: string) => Promise<void>

type BackchannelLogout = (this: Client, userId: string, sid: string) => Promise<void>

/**
 * Has every logout token that the library would send handed to `hold` instead, and answers how to send one. There is
 * no hook: the library calls this method of the client itself while the person waits, and tells afterwards whether it
 * succeeded.
 */
export function holdLogouts(
  provider: Provider,
  hold: (notice: { readonly clientId: string; readonly userId: string; readonly sid: string }) => void,
): SendLogout {
  const model = provider.Client.prototype as unknown as { backchannelLogout: BackchannelLogout }
  const post = model.backchannelLogout
  model.backchannelLogout = async function heldLogout(this: Client, userId, sid) {
    hold({ clientId: this.clientId, userId, sid })
  }
  return (client, userId, sid) => post.call(client, userId, sid)
}

type IssueIdToken = (this: IdToken, options: { readonly use: string }) => Promise<string>

/**
 * Has the ID tokens of some clients carry what the granted scopes release. The library leaves that to userinfo wherever
 * the access token can be used there (OIDC Core §5.4), for all clients or for none; such an access token has the scopes
 * of the protocol that this answer grants.
 */
export function widenIdTokens(provider: Provider, isWide: (client: Client) => boolean): void {
  const model = provider.IdToken.prototype as unknown as { issue: IssueIdToken }
  const { issue } = model
  model.issue = function wideIdToken(this: IdToken, options) {
    const token = currentContext()?.oidc.entities.AccessToken
    const parts = this as unknown as { readonly client: Client; scope: string }
    const isForUserinfo = token?.scope !== undefined && token.aud === undefined
    if (options.use === 'idtoken' && isForUserinfo && isWide(parts.client)) parts.scope = token.scope ?? ''
    return issue.call(this, options)
  }
}

/**
 * Has refresh tokens get the value that `valueFor` says; where it says none, they are random as the library makes them.
 * It is asked once all of the token is there but its expiry.
 */
export function nameRefreshTokens(provider: Provider, valueFor: (token: RefreshToken) => string | undefined): void {
  const model = provider.RefreshToken.prototype as unknown as { generateTokenId(this: RefreshToken): string }
  const { generateTokenId } = model
  model.generateTokenId = function namedToken(this: RefreshToken) {
    return valueFor(this) ?? generateTokenId.call(this)
  }
}

/**
 * The browser session that the cookies of a request name, wherever the request goes; a new one where they name none.
 */
export function sessionOf(provider: Provider, ctx: Context): Promise<Session> {
  return provider.Session.get(ctx)
}

/** What one client may have of one person. */
export function newGrant(provider: Provider, of: { readonly accountId: string; readonly clientId: string }): Grant {
  return new provider.Grant(of)
}

/** An access token as what a request is about, for listeners; it is stored nowhere. */
export function newAccessToken(
  provider: Provider,
  of: { readonly client: Client; readonly grantId: string; readonly accountId: string | undefined },
): AccessToken {
  return new provider.AccessToken(of as unknown as ConstructorParameters<typeof AccessToken>[0])
}

/** What an authorization code stands for. */
export interface CodeContent {
  readonly client: Client
  readonly accountId: string
  readonly grantId: string
  readonly acr: string
  readonly amr: readonly string[]
  /** Seconds since the epoch. */
  readonly authTime: number
  readonly scope: string
  /** Of method S256. */
  readonly codeChallenge: string | undefined
  readonly redirectUri: string | undefined
  readonly claims: Readonly<Record<string, Readonly<Record<string, unknown>>>> | undefined
  readonly resource: string | undefined
  readonly nonce: string | undefined
  /** Thumbprint of the key that its exchange must prove. */
  readonly dpopJkt: string | undefined
}

/** An authorization code of no browser session. What is undefined is left out of what is stored. */
export function newCode(provider: Provider, content: CodeContent): AuthorizationCode {
  const input = { ...content, amr: [...content.amr], codeChallengeMethod: 'S256' }
  return new provider.AuthorizationCode(input as unknown as ConstructorParameters<typeof AuthorizationCode>[0])
}

/**
 * Keeps an authorization request, as an unsigned JWT, as if its client had pushed it (RFC 9126), and answers the id of
 * its address.
 */
export async function pushRequest(
  { PushedAuthorizationRequest }: Provider,
  {
    request,
    dpopJkt,
    seconds,
  }: { readonly request: string; readonly dpopJkt?: string | undefined; readonly seconds: number },
): Promise<string> {
  const pushed = { request, trusted: false, ...(dpopJkt === undefined ? {} : { dpopJkt }) }
  return new PushedAuthorizationRequest(pushed as unknown as { request: string }).save(seconds)
}

/**
 * Leaves with an interaction what a page has found out, and answers where the browser goes on. Throws
 * `SessionNotFound`.
 */
export function answerInteraction(
  provider: Provider,
  ctx: Context,
  result: object,
  { isAlone = false }: { readonly isAlone?: boolean } = {},
): Promise<string> {
  return provider.interactionResult(ctx.req, ctx.res, { ...result }, { mergeWithLastSubmission: !isAlone })
}

/** Whether the request of an interaction was pushed past the browser (RFC 9126). */
export function wasPushed(interaction: Interaction): boolean {
  return (interaction as { readonly parJti?: string }).parJti !== undefined
}

/**
 * Whether an ID token was signed by us for a client that is still registered, for this one where one is named; however
 * old it is. The library refuses a logout request with any other.
 */
export async function isOwnIdToken(provider: Provider, token: string, clientId: string | undefined): Promise<boolean> {
  const audience = audienceOf(token)
  if (audience === undefined || (clientId ?? audience) !== audience) return false
  const client = await provider.Client.find(audience)
  if (!client) return false
  try {
    await provider.IdToken.validate(token, client)
    return true
  } catch {
    return false
  }
}

function audienceOf(token: string): string | undefined {
  try {
    const { aud } = decodeJwt(token)
    return typeof aud === 'string' ? aud : undefined
  } catch {
    return undefined
  }
}
