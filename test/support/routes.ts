import Router from '@koa/router'

/** One way into the server: a method and the path as its router knows it. */
export interface Route {
  readonly method: string
  readonly path: string
  readonly name: string
  readonly whose: 'ours' | 'library'
}

type Verb = 'get' | 'post' | 'put' | 'delete' | 'options'
type Registers = Record<Verb, (name: string, path: string, ...handlers: unknown[]) => unknown>

/**
 * Every route that routers learn of while `build` is at work, ours and the library's, so that a test walks what is really there and a
 * new route is in it by itself. The routers are the real ones: each registration is noted and goes on.
 */
export async function routesOf<Built>(
  build: () => Promise<Built>,
): Promise<{ readonly built: Built; readonly routes: Route[] }> {
  const folder = new URL('../../node_modules/oidc-provider/', import.meta.url)
  const library = (await import(new URL('lib/helpers/router.js', folder).href)) as { default: { prototype: Registers } }
  const found = new Map<string, Route>()
  const note = (route: Route) => found.set(`${route.method} ${route.path} ${route.name}`, route)
  const undo = [watchLibrary(library.default.prototype, note), watchOurs(note)]
  try {
    const built = await build()
    return { built, routes: [...found.values()] }
  } finally {
    for (const each of undo) each()
  }
}

function watchLibrary(prototype: Registers, note: (route: Route) => void): () => void {
  const verbs = ['get', 'post', 'put', 'delete', 'options'] as const
  const own = verbs.map((verb) => [verb, prototype[verb]] as const)
  for (const [verb, register] of own) {
    prototype[verb] = function (this: unknown, name, path, ...handlers) {
      note({ method: verb.toUpperCase(), path, name, whose: 'library' })
      return register.call(this, name, path, ...handlers)
    }
  }
  return () => {
    for (const [verb, register] of own) prototype[verb] = register
  }
}

function watchOurs(note: (route: Route) => void): () => void {
  const prototype = Router.prototype as unknown as { register: (...given: unknown[]) => unknown }
  const { register } = prototype
  prototype.register = function (this: unknown, path, methods, middleware, options, ...rest) {
    const { name = '' } = (options ?? {}) as { name?: string }
    for (const method of methods as string[])
      note({ method: method.toUpperCase(), path: String(path), name, whose: 'ours' })
    return register.call(this, path, methods, middleware, options, ...rest)
  }
  return () => {
    prototype.register = register
  }
}
