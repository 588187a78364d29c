import { expect, test } from 'vitest'
import { addressProblem, hostsOf, plainUrl } from '../../src/store/postgres-address.ts'
import { redisAddressProblem } from '../../src/store/redis-address.ts'

test('several hosts are tried in their order, each with its port and all that stands around them', () => {
  const url = 'postgres://u:p%40w@one:5433,two,[fd00::3]:5434/db?sslmode=verify-full&target_session_attrs=read-write'
  expect(addressProblem(url)).toBeUndefined()
  expect(hostsOf(url)).toEqual([
    {
      name: 'one:5433',
      host: 'one',
      port: 5433,
      url: 'postgres://u:p%40w@one:5433/db?sslmode=verify-full',
    },
    { name: 'two', host: 'two', port: 5432, url: 'postgres://u:p%40w@two/db?sslmode=verify-full' },
    {
      name: '[fd00::3]:5434',
      host: 'fd00::3',
      port: 5434,
      url: 'postgres://u:p%40w@[fd00::3]:5434/db?sslmode=verify-full',
    },
  ])
})

test('an address of one host or of a socket stays as it is', () => {
  const addresses = [
    'postgres://u:p,w@one:5433/db?sslmode=no-verify',
    'postgresql://one/db',
    'postgres://menshen:x@localhost/menshen?host=%2Ftmp%2Fsocket',
    'postgres://u:p@ss@one/db',
    'postgres://u:100%@one/db',
    'postgres://u:a%2Fb@one/db?sslmode=verify-full&sslrootcert=/etc/menshen/ca.pem',
  ]
  for (const url of addresses) {
    expect(addressProblem(url)).toBeUndefined()
    expect(hostsOf(url)).toEqual([])
    expect(plainUrl(url)).toBe(url)
  }
  expect(plainUrl('postgres://one/db?target_session_attrs=primary')).toBe('postgres://one/db')
})

test.each([
  ['mysql://u:canary@one/db', 'expected a postgres:// address'],
  ['postgres://u:cana/ry@one:5432/db', '%2F'],
  ['postgres://u:1/canary@one/db', '%2F'],
  ['postgres://u:canary#1@one/db', '%23'],
  ['postgres://u:canary?1@one/db', '%3F'],
  ['postgres://u:x@canary/1@one:5432/db', '%2F'],
  ['postgres://u:x@canary/1#y?z@one:5432/db', '%23'],
  ['postgres://u:x@canary?1/y@one:5432/db', '%3F'],
  ['postgres://u:canary@one/db/x', 'cannot be read'],
  ['postgres://u:canary%2F%@one/db', '%25'],
  ['postgres://u:canary%E4@one/db', '%25'],
  ['postgres://u:canary@one:x/db', 'cannot be read'],
  ['postgres://u:canary@one:5432,two:70000/db', 'cannot be read'],
  ['postgres://u:canary@one,,two/db', 'cannot be read'],
  ['postgres://u:canary@x/db?host=one,two', 'before the database'],
  ['postgres://u:canary@one,two/db?target_session_attrs=standby', 'target_session_attrs is read-write'],
])('%s is refused in words without the password', (url, words) => {
  const problem = addressProblem(url)
  expect(problem).toContain(words)
  expect(problem).not.toContain('cana')
})

test.each([
  'redis://one',
  'rediss://u:p%40w@one:6380/3?family=6',
  'redis://:p@ss@one:6379',
  'redis://one:1, redis://[fd00::2]:2',
])('%s is where Redis is', (url) => {
  expect(redisAddressProblem(url)).toBeUndefined()
})

test.each([
  ['http://u:canary@one', 'expected redis://'],
  ['redis://one,http://u:canary@two', 'expected redis://'],
  ['redis://:cana/ry@one:6379', '%2F'],
  ['redis://:1/canary@one:6379', '%2F'],
  ['redis://:1#canary@one:6379', '%23'],
  ['redis://:1?canary@one:6379', '%3F'],
  ['redis://:x@canary/1@one:6379', '%2F'],
  ['redis://:canary,1@one:6379', '%2C'],
  ['redis://:canary%E4@one:6379', '%25'],
  ['redis://:canary@one:99999', 'cannot be read'],
])('%s is refused in words without the password of Redis', (url, words) => {
  const problem = redisAddressProblem(url)
  expect(problem).toContain(words)
  expect(problem).not.toContain('cana')
})
