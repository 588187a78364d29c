import { haunt, leave, replay, steal } from './leaving.ts'
import type { Stay } from './ledger.ts'
import { appClients, browserClients, loginInApp, loginInBrowser, wayIn } from './logins.ts'
import type { Wish } from './plan.ts'
import { double, lose, refresh, use } from './refreshing.ts'
import type { Scene } from './scene.ts'

/** So many logins of one person at once; more, and the server would end the oldest. */
const mostStays = 5

/** Does what somebody wishes, or what there is to do instead. */
export async function act(scene: Scene, wish: Wish): Promise<void> {
  const { person, lots } = scene
  const stay = person.stays[lots.below(Math.max(1, person.stays.length))]
  const grave = person.graves[lots.below(Math.max(1, person.graves.length))]
  if (wish === 'haunt' && grave) return haunt(scene, grave, lots.share() < 0.5 ? 'refresh' : 'introspect')
  if (wish === 'login' || wish === 'replay' || stay === undefined) {
    const fresh = person.stays.length < mostStays ? await login(scene) : undefined
    if (fresh && wish === 'replay') return replay(scene, fresh)
    if (!fresh && stay) await refresh(scene, stay)
    return
  }
  await doWith(scene, stay, wish)
}

async function doWith(scene: Scene, stay: Stay, wish: Exclude<Wish, 'login' | 'replay'>): Promise<void> {
  switch (wish) {
    case 'refresh':
    case 'haunt':
      await refresh(scene, stay)
      return
    case 'lose':
      return lose(scene, stay)
    case 'double':
      return double(scene, stay)
    case 'introspect':
      return use(scene, stay, 'introspect')
    case 'userinfo':
      return use(scene, stay, 'me')
    case 'logout':
      return leave(scene, stay)
    case 'steal':
      return steal(scene, stay)
  }
}

/** In an app or in the browser, where whoever is signed in opens what they have not opened yet. */
async function login(scene: Scene): Promise<Stay | undefined> {
  const { person, lots } = scene
  const way = wayIn(person, lots.share())
  if (lots.share() < 0.5) return way && loginInApp(scene, lots.oneOf(appClients), way)
  const open = person.visit?.stays.map(({ client }) => client.id) ?? []
  const others = browserClients.filter(({ id }) => !open.includes(id))
  if (others.length === 0 || (!person.visit && way === undefined)) return undefined
  return loginInBrowser(scene, lots.oneOf(others), way)
}
