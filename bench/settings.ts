import { issuer, type ServerInput } from './fixture.ts'

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
    MENSHEN_OPS__METRICS: 'off',
    MENSHEN_PASSWORD__ARGON2: JSON.stringify(argon2),
    ...env,
  }
}
