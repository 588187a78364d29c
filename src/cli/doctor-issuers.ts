import { namespacesOf } from '../../interactions/upstreams/connections.ts'
import { issuerProblems } from '../accounts/issuers.ts'
import { issuerText } from '../accounts/namespace.ts'
import type { Config } from '../config/config.ts'
import type { Database } from '../store/postgres.ts'
import { type Finding, fail, ok } from './doctor-checks.ts'

/** Whose people each connection brings, and whether the database remembers the same. */
export async function checkIssuers({ connections, sandbox }: Config, { knex }: Database): Promise<Finding[]> {
  const namespaces = namespacesOf(connections, { allowInsecure: sandbox })
  const problems = await issuerProblems(knex, namespaces)
  const good = namespaces.filter(({ connection }) => problems.every((problem) => problem.connection !== connection))
  return [
    ...problems.map(({ connection, detail, advice }) =>
      fail('identities', `connection ${connection}: ${detail}`, advice.join('; ')),
    ),
    ...good.map((each) =>
      ok('identities', `connection ${each.connection}: people of ${issuerText(each)}, under ${each.provider}`),
    ),
  ]
}
