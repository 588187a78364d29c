import { expect, test } from 'vitest'
import { clientLooks } from '../../src/oidc/clients/client-looks.ts'
import type { ClientSeed } from '../../src/oidc/clients/client-schema.ts'
import { png } from '../support/brand-files.ts'

const logo = (side: number) => `data:image/png;base64,${png(side).toString('base64')}`
const client = (client_id: string, brand?: object, first_party = true) =>
  ({ client_id, first_party, brand }) as unknown as ClientSeed

test('a brand that has not changed is not judged again when the catalog changes', () => {
  const [tea, ink] = [client('tea', { logo: logo(40) }), client('ink', { logo: logo(50), color: '#1a4fa3' })]
  const before = clientLooks([tea, ink])
  const after = clientLooks(
    [client('tea', { logo: logo(40) }), client('ink', { logo: logo(60) }), client('new')],
    before,
  )
  expect(after.of('tea')).toBe(before.of('tea'))
  expect(after.of('ink')).not.toBe(before.of('ink'))
  expect(after.of('ink')?.logo?.width).toBe(60)
  expect(after.of('new')).toBeUndefined()
})

test('what has gone is no longer served, and comes back when it is registered again', () => {
  const seeds = [client('tea', { logo: logo(40) })]
  const first = clientLooks(seeds)
  const name = first.of('tea')?.logo?.name ?? ''
  const without = clientLooks([client('tea')], first)
  expect([first.file(name)?.type, without.file(name)]).toEqual(['image/png', undefined])
  expect(clientLooks(seeds, without).file(name)?.body).toEqual(png(40))
})

test('the same brand is judged apart for an app of the same house and one of somebody else', () => {
  const looks = clientLooks([client('own', { logo: logo(40) }), client('other', { logo: logo(40) }, false)])
  expect([looks.of('own')?.isFirstParty, looks.of('other')?.isFirstParty]).toEqual([true, false])
})
