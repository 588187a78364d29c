import type { Middleware } from 'koa'
import { type Picture, reencoded } from '../accounts/picture-codec.ts'
import { choosePicture, copyDuePictures, findPicture } from '../accounts/picture-copies.ts'
import { AppError } from '../base/errors.ts'
import type { UserId } from '../base/ids.ts'
import { inTurn } from '../base/in-turn.ts'
import { oneAtATime } from '../base/one-at-a-time.ts'
import { paths } from '../base/paths.ts'
import { fetchPublic } from '../base/public-fetch.ts'
import { ownRoutes } from '../http/own-routes.ts'
import { pictureRoutes } from '../http/picture-routes.ts'
import type { Core } from './core.ts'
import type { Logins } from './logins.ts'

/** Copies of the pictures that upstreams tell, and what people have chosen. */
export interface Pictures {
  readonly routes: Middleware
  /** Copies what is due, one picture after the other. */
  readonly copy: () => Promise<void>
  /**
   * The same picture for somebody who has chosen it. Throws `request.too_many`, `server.unavailable` where many wait,
   * and any other error for what is no picture.
   */
  readonly reencode: (userId: UserId, bytes: Buffer) => Promise<Picture>
  /** Gives somebody a picture, or takes away what they have. */
  readonly choose: (userId: UserId, picture: Picture | undefined) => Promise<void>
  /** Where a picture is served. */
  readonly address: (id: string) => string
}

const timeoutMs = 10_000
const mostWaiting = 8

/** Builds what copies and what serves them. */
export function buildPictures({ config, database, clock, log }: Core, { limits }: Logins): Pictures {
  const { copy: isOn, max_bytes: maxBytes } = config.pictures
  const bounds = { timeoutMs, maxBytes, allowPrivate: config.sandbox }
  const make = async (address: string) => reencoded(await fetchPublic(address, bounds))
  const onFailure = (error: unknown) => log.info({ err: error }, 'a picture was not copied')
  // SECURITY: one at a time, because a picture may take as much memory and time as a thread is given.
  const turn = inTurn(mostWaiting, () => new AppError('server.unavailable', { params: { retryAfterSeconds: 30 } }))
  return {
    async reencode(userId, bytes) {
      await limits.take('picture.user', userId)
      return turn(() => reencoded(bytes))
    },
    choose: (userId, picture) => choosePicture({ database, clock }, userId, picture),
    routes: ownRoutes(pictureRoutes({ find: (id) => findPicture(database, id), limits })),
    // SECURITY: else strangers' slow pictures would fill this process with threads and half-read files.
    copy: oneAtATime(async () => {
      if (isOn) await copyDuePictures({ database, clock, make, onFailure })
    }),
    address: (id) => `${config.issuer}${paths.pictures}/${id}`,
  }
}
