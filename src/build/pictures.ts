import type { Middleware } from 'koa'
import { reencoded } from '../accounts/picture-codec.ts'
import { copyDuePictures, findPicture } from '../accounts/picture-copies.ts'
import { oneAtATime } from '../base/one-at-a-time.ts'
import { paths } from '../base/paths.ts'
import { fetchPublic } from '../base/public-fetch.ts'
import { ownRoutes } from '../http/own-routes.ts'
import { pictureRoutes } from '../http/picture-routes.ts'
import type { Core } from './core.ts'
import type { Logins } from './logins.ts'

/** Copies of the pictures that upstreams tell. */
export interface Pictures {
  readonly routes: Middleware
  /** Copies what is due, one picture after the other. */
  readonly copy: () => Promise<void>
  /** Where a copy is served; undefined: pictures are not copied. */
  readonly address: ((copy: string) => string) | undefined
}

const timeoutMs = 10_000

/** Builds what copies and what serves them. */
export function buildPictures({ config, database, clock, log }: Core, { limits }: Logins): Pictures {
  const { copy: isOn, max_bytes: maxBytes } = config.pictures
  const bounds = { timeoutMs, maxBytes, allowPrivate: config.sandbox }
  const make = async (address: string) => reencoded(await fetchPublic(address, bounds))
  const onFailure = (error: unknown) => log.info({ err: error }, 'a picture was not copied')
  return {
    routes: ownRoutes(pictureRoutes({ find: (id) => findPicture(database, id), limits })),
    // SECURITY: else strangers' slow pictures would fill this process with threads and half-read files.
    copy: oneAtATime(async () => {
      if (isOn) await copyDuePictures({ database, clock, make, onFailure })
    }),
    address: isOn ? (copy) => `${config.issuer}${paths.pictures}/${copy}` : undefined,
  }
}
