/** Somebody who has an account at every simulated upstream. */
interface UpstreamPerson {
  readonly id: string
  readonly name: string
  readonly firstName: string
  readonly lastName: string
  readonly email: string
}

/** The same five everywhere, so that a newcomer can come by one upstream, then by another, as one person. */
export const upstreamPeople: readonly UpstreamPerson[] = [
  person('lilei', '李', '雷'),
  person('hanmeimei', '韩', '梅梅'),
  person('lintao', '林', '涛'),
  person('weifang', '魏', '芳'),
  person('zhangwei', '张', '伟'),
]

function person(id: string, lastName: string, firstName: string): UpstreamPerson {
  return { id, name: `${lastName}${firstName}`, firstName, lastName, email: `${id}@example.com` }
}
