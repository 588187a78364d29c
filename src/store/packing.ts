import { deflateRawSync, inflateRawSync } from 'node:zlib'

/**
 * What most of the long values have in common, so that it takes up no room in each; what is frequent stands last. A
 * value that was packed with it opens with no other: it must never change.
 */
const dictionary = Buffer.from(
  [
    '"http://localhost:3000/auth/https://urn:menshen:acr:possession',
    'urn:menshen:acr:knowledge',
    'essential":true',
    '"claims":"{\\"id_token\\":{\\"userinfo\\":{\\"null}}"',
    '"acr_values":"',
    '"max_age":"',
    '"ui_locales":"zh-CN"',
    '"$argon2id$v=19$m=',
    '"passwordHash":"',
    '"target":{"channel":"sms","to":"+861',
    '"maskedTarget":"',
    '"resendAt":17',
    '"purpose":"login"',
    '{"agreed":["terms@","privacy@"],"method":"',
    '"asks":{"sms":{"view":"code"',
    '"states":{"',
    '"redirectUri":"https://',
    '/callback/',
    '"codeVerifier":"',
    '"variant":"web","leftAt":17',
    '"reasons":["login_prompt","no_session"],"details":{"login_hint":"',
    '"consent","details":{"missingOIDCScope":["',
    '"prompt":{"name":"login","reasons":["no_session"],"details":{}}',
    '"session":{"accountId":"usr_',
    '"cookie":"',
    '"amr":["sms","otp"]',
    '"params":{"client_id":"',
    '"code_challenge":"',
    '"code_challenge_method":"S256"',
    '"nonce":"',
    '"redirect_uri":"https://app.',
    '"resource":"https://api.',
    '"response_type":"code"',
    '"scope":"openid profile phone email offline_access"',
    '"state":"',
    '"kind":"Interaction","jti":"',
    '"cid":"',
    '"browser":"',
    '{"iat":17',
    '"exp":17',
    '"returnTo":"https://',
  ].join(','),
)

/** The most characters a packed value may have. SECURITY: few bytes can unpack to very many. */
const longestUnpacked = 1_000_000

/** The same text in fewer bytes. */
export function pack(text: string): Buffer {
  return deflateRawSync(text, { dictionary })
}

/** Throws for what was not packed here, or is too long. */
export function unpack(packed: Uint8Array): string {
  return inflateRawSync(packed, { dictionary, maxOutputLength: longestUnpacked }).toString('utf8')
}
