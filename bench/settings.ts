import { issuer, type ServerInput } from './fixture.ts'

/** A limit of events in a minute that no run reaches: it is asked and counted like any other. */
export const plenty = { max: 1_000_000, seconds: 60 } as const

/** The settings of our server as it runs in production, for a given port or, without one, for any that is free. */
export function settingsOfOurs(
  { databaseUrl, redisUrl, folder, argon2, env }: Omit<ServerInput, 'users'>,
  port = 0,
): Readonly<Record<string, string>> {
  return {
    NODE_ENV: 'production',
    HOST: '127.0.0.1',
    MENSHEN_SERVER__TRUSTED_PROXIES: 'none',
    PORT: String(port),
    ISSUER: issuer,
    DATABASE_URL: databaseUrl ?? '',
    ...(redisUrl === undefined ? {} : { REDIS_URL: redisUrl }),
    MENSHEN_DATA_DIR: folder,
    MENSHEN_SECRET_KEY: Buffer.alloc(32, 7).toString('base64url'),
    MENSHEN_LOGIN__METHODS: '[password]',
    // The load comes from one address, and begins more logins in an hour than one network may.
    MENSHEN_LOGIN__LIMITS__PER_NETWORK: JSON.stringify({ ...plenty, seconds: 3600 }),
    MENSHEN_OPS__METRICS: 'off',
    MENSHEN_PASSWORD__ARGON2: JSON.stringify(argon2),
    ...env,
  }
}
