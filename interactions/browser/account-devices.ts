import type { Context } from 'koa'
import type { UserId } from '../../src/base/ids.ts'
import type { Locale } from '../../src/base/languages.ts'
import { maskIp } from '../../src/base/mask.ts'
import { accountPaths, paths } from '../../src/base/paths.ts'
import {
  type Alarm,
  type Device,
  type DevicePage,
  type DevicePageAsked,
  endingOf,
} from '../../src/oidc/endings/devices.ts'
import type { EndingScope, EndRecords } from '../../src/oidc/endings/endings.ts'
import type { RequestState } from '../../src/oidc/request-state.ts'
import type { SessionLife } from '../../src/oidc/session-life.ts'
import type { AlarmItem, DeviceItem } from '../../views/account-views.ts'
import { readForm } from '../form.ts'
import { type AccountSession, accountClientId, type SignedIn } from './account-session.ts'
import type { DeviceCookie } from './device-cookie.ts'
import { leave } from './leave.ts'
import type { Renderer } from './render.ts'

interface Dependencies {
  readonly session: AccountSession
  readonly renderer: Renderer
  readonly options: {
    readonly page: (userId: UserId, asked: DevicePageAsked) => Promise<DevicePage>
    readonly alarms: (userId: UserId) => Promise<readonly Alarm[]>
    readonly end: EndRecords
    readonly forget: SessionLife['forget']
    readonly device: DeviceCookie
    readonly nowSeconds: () => number
    /** The name by which a person knows an app; its id when the app was removed. */
    readonly clientName: (clientId: string, locale: Locale) => Promise<string>
    /** How long an issued JWT may still work, because APIs do not ask about it. */
    readonly delaySeconds: () => number
  }
}

/** What `?done=` may say: a sentence each. */
const notices: ReadonlySet<unknown> = new Set(['one', 'others', 'gone'])

/**
 * Lists where a person is signed in, and signs them out there. No fresh login is needed: the page only takes access
 * away, and somebody who has lost a phone must not be slowed down. The form token of this very session is needed.
 */
export function devicePages({ session, renderer, options }: Dependencies) {
  async function show(ctx: Context): Promise<void> {
    const visitor = await session.visitor(ctx, accountPaths.devices)
    if (!visitor) return
    const userId = visitor.account.user.id
    const after = typeof ctx.query['after'] === 'string' ? ctx.query['after'] : undefined
    const asked = { after, here: visitor.sessionUid }
    const [{ devices, next }, alarms] = await Promise.all([options.page(userId, asked), options.alarms(userId)])
    const items = await Promise.all(devices.map((device, index) => itemOf(ctx, device, visitor, devices[index - 1])))
    const spanSeconds = options.delaySeconds()
    const { done } = ctx.query
    renderer.render(ctx, 'devices', {
      devices: items,
      newestHref: after === undefined ? undefined : accountPaths.devices,
      olderHref: next === undefined ? undefined : `${accountPaths.devices}?after=${next}`,
      alarms: await Promise.all(alarms.map((alarm) => alarmOf(ctx, alarm))),
      formToken: session.token(visitor),
      backHref: paths.account,
      logoutHref: paths.endSession,
      delay: renderer.translate(ctx, spanSeconds > 0 ? 'devices.delay' : 'devices.delay_none', { spanSeconds }),
      notice: notices.has(done) ? renderer.translate(ctx, `devices.done_${done}`) : undefined,
    })
  }

  async function alarmOf(ctx: Context, { at, clientId, ip }: Alarm): Promise<AlarmItem> {
    const client = clientId === undefined ? undefined : await options.clientName(clientId, renderer.locale(ctx))
    return { at, client, ip: maskIp(ip) }
  }

  async function itemOf(ctx: Context, device: Device, visitor: SignedIn, above?: Device): Promise<DeviceItem> {
    const { kind, id, clientIds, signIn, ...times } = device
    const apps = clientIds.filter((clientId) => clientId !== accountClientId)
    return {
      kind,
      value: kind === 'session' && id === visitor.sessionUid ? undefined : formValueOf({ kind, id }),
      clients: await Promise.all(apps.map((clientId) => options.clientName(clientId, renderer.locale(ctx)))),
      name: signIn.device,
      isSameDevice: kind === 'grant' && above?.kind === 'grant' && isSameName(signIn, above.signIn),
      method: signIn.method?.replace(/_(app|mini_program)$/, ''),
      ip: maskIp(signIn.ip),
      createdAt: times.createdAt,
      lastUsedAt: times.lastUsedAt,
    }
  }

  async function submit(ctx: Context): Promise<void> {
    const { fields } = await readForm(ctx)
    const visitor = await session.sender(ctx, fields, accountPaths.devices)
    if (!visitor) return
    const { ip, requestId } = ctx.state as RequestState
    const ending = { reason: 'device', ip, requestId } as const
    const userId = visitor.account.user.id
    const { sessionUid } = visitor
    if (fields['choice'] === 'all') {
      await options.end(userId, { kind: 'all' }, ending)
      options.forget(ctx)
      const words = ['title', 'body', 'next'].map((word) => renderer.translate(ctx, `devices.all_${word}`))
      const [title = '', body = '', nextLabel] = words
      const { account: nextHref } = paths
      renderer.render(ctx, 'message', { title, body, nextHref, nextLabel }, { languagePath: nextHref })
      return
    }
    if (fields['choice'] === 'others') {
      await options.end(userId, { kind: 'others', sessionUid, withApps: false }, ending)
      // This browser was forgotten with all others, but it is the one that stays.
      await options.device.remember(ctx, { userId, authTime: options.nowSeconds() })
      await session.renew(visitor)
      return leave(ctx, `${accountPaths.devices}?done=others`)
    }
    const scope = scopeOf(fields['device'] ?? '')
    const ended = scope && (await options.end(userId, scope, ending))
    leave(ctx, `${accountPaths.devices}?done=${ended && ended.records > 0 ? 'one' : 'gone'}`)
  }

  return { show, submit }
}

/** Apps that give their device one name are on one. */
function isSameName({ device }: Device['signIn'], other: Device['signIn']): boolean {
  return typeof device === 'string' && device === other.device
}

/** How the form names an item of the list. */
function formValueOf({ kind, id }: Pick<Device, 'kind' | 'id'>): string {
  return `${kind}:${id}`
}

/** What is to be ended for an item the form names. Whether it belongs to the visitor is checked where it is ended. */
function scopeOf(value: string): EndingScope | undefined {
  const [, kind, id = ''] = /^(session|grant):([\w-]{1,100})$/.exec(value) ?? []
  return kind === 'session' || kind === 'grant' ? endingOf({ kind, id }) : undefined
}
