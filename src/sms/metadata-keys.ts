import { z } from 'zod'
import { AppError } from '../base/errors.ts'
import type { HttpClient, HttpRequest, HttpResponse } from '../base/http.ts'
import { Secret } from '../base/secret.ts'
import { readVendorText, UnreadableText } from '../base/vendor-text.ts'
import { type ExpiringKeys, KeysUnavailable } from './rotating-keys.ts'

interface MetadataRole {
  /** Absent: the service is asked. */
  readonly role: string | undefined
  readonly url: string
  readonly http: HttpClient
}

const aliyunPath = '/latest/meta-data/ram/security-credentials/'
const tencentPath = '/latest/meta-data/cam/security-credentials/'
const tokenSeconds = '21600'

const aliyunAnswer = z.object({
  Code: z.literal('Success'),
  AccessKeyId: z.string().min(1),
  AccessKeySecret: z.string().min(1),
  SecurityToken: z.string().min(1),
  Expiration: z.iso.datetime(),
})
const tencentAnswer = z.object({
  Code: z.literal('Success'),
  TmpSecretId: z.string().min(1),
  TmpSecretKey: z.string().min(1),
  Token: z.string().min(1),
  ExpiredTime: z.coerce.number().int().positive(),
})

/**
 * Keys of the RAM role of an ECS instance. The session token of the hardened mode is asked for first; an instance
 * without that mode is asked without it (providers/ecs_ram_role.ts of @alicloud/credentials).
 */
export async function ramRoleKeys({ role, url, http }: MetadataRole): Promise<ExpiringKeys> {
  const session = await ask(http, url, '/latest/api/token', {
    method: 'PUT',
    headers: { 'x-aliyun-ecs-metadata-token-ttl-seconds': tokenSeconds },
  })
  const token = session.status === 200 ? session.text.trim() : ''
  const headers: HttpRequest['headers'] = token === '' ? {} : { 'x-aliyun-ecs-metadata-token': token }
  const keys = await keysOf(aliyunAnswer, { role, url, http }, aliyunPath, headers)
  return {
    id: keys.AccessKeyId,
    secret: new Secret(keys.AccessKeySecret),
    token: new Secret(keys.SecurityToken),
    expiresAt: Date.parse(keys.Expiration),
  }
}

/** Keys of the CAM role of a CVM instance (cloud.tencent.com/document/product/598/85616). */
export async function camRoleKeys(metadata: MetadataRole): Promise<ExpiringKeys> {
  const keys = await keysOf(tencentAnswer, metadata, tencentPath)
  return {
    id: keys.TmpSecretId,
    secret: new Secret(keys.TmpSecretKey),
    token: new Secret(keys.Token),
    expiresAt: keys.ExpiredTime * 1000,
  }
}

async function keysOf<Schema extends z.ZodType>(
  schema: Schema,
  { role, url, http }: MetadataRole,
  path: string,
  headers: HttpRequest['headers'] = {},
): Promise<z.output<Schema>> {
  const name = role ?? (await found(http, url, path, headers)).trim()
  if (!/^[\w.-]{1,128}$/.test(name)) throw new KeysUnavailable('no role is bound to the instance')
  const parsed = schema.safeParse(valuesOf(await found(http, url, path + name, headers)))
  if (!parsed.success) throw new KeysUnavailable('the metadata service gave no keys for the role')
  return parsed.data
}

async function found(http: HttpClient, url: string, path: string, headers: HttpRequest['headers'] = {}) {
  const { status, text } = await ask(http, url, path, { headers })
  if (status !== 200) throw new KeysUnavailable(`the metadata service answered ${status} for the role`)
  return text
}

async function ask(http: HttpClient, url: string, path: string, request: HttpRequest): Promise<HttpResponse> {
  try {
    return await http.request(url.replace(/\/+$/, '') + path, request)
  } catch (thrown) {
    if (!(thrown instanceof AppError)) throw thrown
    throw new KeysUnavailable('the metadata service did not answer', { cause: thrown.cause })
  }
}

function valuesOf(text: string): unknown {
  try {
    return readVendorText(text)
  } catch (thrown) {
    if (thrown instanceof UnreadableText) return undefined
    throw thrown
  }
}
