/** Somebody who has an account at every simulated upstream. */
interface UpstreamPerson {
  readonly id: string
  readonly name: string
  readonly firstName: string
  readonly lastName: string
  readonly email: string
  /** E.164, of one of the three carriers. */
  readonly phone: string
}

/** The same five everywhere, so that a newcomer can come by one upstream, then by another, as one person. */
export const upstreamPeople: readonly UpstreamPerson[] = [
  person('lilei', '+8613800138000', '李', '雷'),
  person('hanmeimei', '+8618600001234', '韩', '梅梅'),
  person('lintao', '+8618900001234', '林', '涛'),
  person('weifang', '+8613900001234', '魏', '芳'),
  person('zhangwei', '+8613000001234', '张', '伟'),
]

function person(id: string, phone: string, lastName: string, firstName: string): UpstreamPerson {
  return { id, name: `${lastName}${firstName}`, firstName, lastName, email: `${id}@example.com`, phone }
}
