import { expect, test } from 'vitest'
import { redisAddressOf, redisAddressProblem } from '../../src/store/redis-address.ts'

test.each([
  ['redis://one', { kind: 'node', hosts: [{ host: 'one', port: 6379 }], isTls: false, database: 0, master: '' }],
  [
    'rediss://u:p%40%2Cw@[fd00::3]:6380/5?family=6',
    {
      kind: 'node',
      hosts: [{ host: 'fd00::3', port: 6380 }],
      isTls: true,
      username: 'u',
      password: 'p@,w',
      database: 5,
    },
  ],
  [
    'redis://:secret@one:7000, redis://two:7001',
    {
      kind: 'cluster',
      hosts: [
        { host: 'one', port: 7000 },
        { host: 'two', port: 7001 },
      ],
      password: 'secret',
      database: 0,
    },
  ],
  [
    'redis+sentinel://:secret@one,two:26380,[fd00::3]/our%20master/2',
    {
      kind: 'sentinel',
      hosts: [
        { host: 'one', port: 26_379 },
        { host: 'two', port: 26_380 },
        { host: 'fd00::3', port: 26_379 },
      ],
      isTls: false,
      password: 'secret',
      database: 2,
      master: 'our master',
    },
  ],
  ['rediss+sentinel://one/name', { kind: 'sentinel', isTls: true, database: 0, master: 'name' }],
])('%s is read whole', (text, address) => {
  expect(redisAddressProblem(text)).toBeUndefined()
  expect(redisAddressOf(text)).toMatchObject(address)
})

test.each([
  ['http://canary', 'expected redis:// or rediss:// addresses'],
  ['redis://one,http://canary', 'expected redis:// or rediss:// addresses'],
  ['redis://:cana/ry@one', '%2F'],
  ['redis://u:1/canary@one', '%2F'],
  ['redis://u:1#canary@one', '%23'],
  ['redis://u:1?canary@one', '%3F'],
  ['redis://:canary%@one', '%25'],
  ['redis://:canary@one:70000', 'cannot be read'],
  ['redis://:canary@', 'cannot be read'],
  ['redis://:canary@one,two', 'redis://host1:6379,redis://host2:6379'],
  ['redis://:canary@one,rediss://:canary@two', 'has redis:// and rediss://'],
  ['redis://:canary@one/name', 'does not name its database by a number'],
  ['redis://:canary@one?tls=true', 'not known here'],
  ['redis+sentinel://:canary@one,two', 'host3:26379/name'],
  ['redis+sentinel://:canary@one/', 'host3:26379/name'],
  ['redis+sentinel://:canary@one/name/0/1', 'host3:26379/name'],
  ['redis+sentinel://:canary@one/name/first', 'does not name its database by a number'],
  ['redis+sentinel://one/name,redis+sentinel://:canary@two/name', 'host3:26379/name'],
])('%s is refused in words without the password', (text, words) => {
  const problem = redisAddressProblem(text)
  expect(problem).toContain(words)
  expect(problem).not.toContain('cana')
})
