import { randomBytes } from 'node:crypto'
import { durableModels, type Payload } from '../../src/oidc/library/stored-models.ts'
import { familyIn, familyTokens } from '../../src/oidc/records/family-tokens.ts'
import { recordId } from '../../src/oidc/records/records.ts'
import type { World } from './world.ts'

/** Makes many logins like one: each with a grant and an unused refresh token of its own, which are answered. */
export type CopyFamilies = (count: number) => Promise<readonly string[]>

/** Takes a login, by its refresh token, as the one to copy. A login by the pages takes nine requests. */
export async function familyToCopy(world: World, refreshToken: string): Promise<CopyFamilies> {
  const { knex } = world.database.database
  const { sealer } = world.app.core
  const read = async (model: number, id: string) => {
    const [row] = await knex('oidc_records').where({ model, id })
    if (!row) throw new Error('there is no such row')
    return row
  }
  const token = await read(durableModels.RefreshToken, recordId('RefreshToken', refreshToken))
  const grant = await read(durableModels.Grant, token.grant_id)
  const payload: Payload = JSON.parse(token.payload)
  return async (count) => {
    const made = Array.from({ length: count }, () => {
      const grantId = randomBytes(17).toString('base64url').slice(0, 22)
      const value = familyTokens(sealer).make({ ...payload, grantId }, undefined) ?? ''
      const own = { ...payload, grantId, family: familyIn(value)?.family, iat: Math.floor(Date.now() / 1000) }
      return { grantId, value, payload: JSON.stringify(own) }
    })
    const rows = made.flatMap((each) => [
      { ...grant, id: each.grantId },
      { ...token, id: recordId('RefreshToken', each.value), grant_id: each.grantId, payload: each.payload },
    ])
    await knex.batchInsert('oidc_records', rows, 500)
    return made.map(({ value }) => value)
  }
}
