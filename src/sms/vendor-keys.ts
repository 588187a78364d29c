import { z } from 'zod'
import type { Clock } from '../base/clock.ts'
import { type HttpClient, httpClient } from '../base/http.ts'
import { type Secret, secret } from '../base/secret.ts'
import { camRoleKeys, ramRoleKeys } from './metadata-keys.ts'
import { fixedKeys, type KeySource, rotatingKeys } from './rotating-keys.ts'

/** What keys are fetched with. */
export interface KeyDeps {
  /** For the metadata service of the machine, which speaks plain HTTP. */
  readonly metadata: HttpClient
  readonly clock: Clock
}

const metadataTimeoutMs = 2000

/** Asks the metadata service of this machine, where it is configured. */
export function metadataClient(): HttpClient {
  return httpClient({ timeoutMs: metadataTimeoutMs, allowInsecure: true })
}

const roleOptions = (metadataUrl: string) =>
  z.strictObject({
    name: z.string().min(1).optional().describe('Name of the role. Without it the instance is asked.'),
    metadata_url: z
      .url({ protocol: /^https?$/ })
      .default(metadataUrl)
      .describe('Address of the metadata service of the instance.'),
  })

/** Settings of the keys for Aliyun. */
export const aliyunKeyOptions = {
  access_key_id: z.string().min(1).optional().describe('Id of an access key; not with `ram_role`.'),
  access_key_secret: secret().optional().describe('Secret of that access key.'),
  security_token: secret().optional().describe('Token that goes with temporary (STS) keys.'),
  ram_role: roleOptions('http://100.100.100.200')
    .optional()
    .describe('Instead of keys: the RAM role of the ECS instance, whose temporary keys are fetched. `{}` will do.'),
}

/** Settings of the keys for Tencent Cloud. */
export const tencentKeyOptions = {
  secret_id: z.string().min(1).optional().describe('Id of an API key that may make these calls; not with `cam_role`.'),
  secret_key: secret().optional().describe('Secret of that API key.'),
  token: secret().optional().describe('Token that goes with temporary keys.'),
  cam_role: roleOptions('http://metadata.tencentyun.com')
    .optional()
    .describe('Instead of keys: the CAM role of the CVM instance, whose temporary keys are fetched. `{}` will do.'),
}

interface KeyNames {
  readonly id: string
  readonly secret: string
  readonly token: string
  readonly role: string
}

const aliyunNames: KeyNames = {
  id: 'access_key_id',
  secret: 'access_key_secret',
  token: 'security_token',
  role: 'ram_role',
}
const tencentNames: KeyNames = { id: 'secret_id', secret: 'secret_key', token: 'token', role: 'cam_role' }

/** Refuses settings of Aliyun that have neither keys nor a role, or both. */
export const checkAliyunKeys = checkKeys(aliyunNames)
/** Refuses settings of Tencent Cloud that have neither keys nor a role, or both. */
export const checkTencentKeys = checkKeys(tencentNames)

function checkKeys({ id, secret, token, role }: KeyNames) {
  return (options: Readonly<Record<string, unknown>>, context: z.RefinementCtx): void => {
    const has = (name: string) => options[name] !== undefined
    const refuse = (name: string, message: string) => context.addIssue({ code: 'custom', path: [name], message })
    if (has(role)) {
      for (const name of [id, secret, token].filter(has)) refuse(name, `does not go with ${role}, which brings keys`)
      return
    }
    for (const name of [id, secret]) if (!has(name)) refuse(name, `is missing; set it, or ${role}`)
  }
}

type Role = z.output<ReturnType<typeof roleOptions>> | undefined

/** The keys that settings of Aliyun name. */
export function aliyunKeys(
  options: {
    readonly access_key_id?: string | undefined
    readonly access_key_secret?: Secret | undefined
    readonly security_token?: Secret | undefined
    readonly ram_role?: Role
  },
  deps: KeyDeps,
): KeySource {
  const { access_key_id: id, access_key_secret: secret, security_token: token, ram_role: role } = options
  return sourceOf({ id, secret, token, role }, ramRoleKeys, deps)
}

/** The keys that settings of Tencent Cloud name. */
export function tencentKeys(
  options: {
    readonly secret_id?: string | undefined
    readonly secret_key?: Secret | undefined
    readonly token?: Secret | undefined
    readonly cam_role?: Role
  },
  deps: KeyDeps,
): KeySource {
  const { secret_id: id, secret_key: secret, token, cam_role: role } = options
  return sourceOf({ id, secret, token, role }, camRoleKeys, deps)
}

interface Given {
  readonly id: string | undefined
  readonly secret: Secret | undefined
  readonly token: Secret | undefined
  readonly role: Role
}

function sourceOf({ id, secret, token, role }: Given, fetch: typeof ramRoleKeys, { metadata, clock }: KeyDeps) {
  if (role !== undefined) {
    const from = { role: role.name, url: role.metadata_url, http: metadata }
    return rotatingKeys({ fetch: () => fetch(from), clock })
  }
  if (id === undefined || secret === undefined) throw new TypeError('keys that were not checked')
  return fixedKeys({ id, secret, token })
}
