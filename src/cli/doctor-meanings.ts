/** What a vendor's code means for the operator. */
export interface Meaning {
  /** `address`: ours, as the vendor sees it. */
  says(address: string | undefined): string
  advice(where: { readonly page: string; readonly address: string | undefined }): string
  /** Whether it passes by itself. */
  readonly passes?: boolean
  /** Whether it is no trouble where people log in without an answer. */
  readonly isNeedless?: boolean
}

const wrongSecret: Meaning = {
  says: () => 'the secret is wrong',
  advice: ({ page }) => `copy it again from ${page}, or make a new one there; nobody can log in with it`,
}
const unknownId: Meaning = {
  says: () => 'the vendor does not know this id',
  advice: ({ page }) => `copy the id again from ${page}`,
}
const blockedAddress: Meaning = {
  says: (address) => `the address of this server, ${address ?? 'which it does not name'}, is not let in`,
  advice: ({ page, address }) =>
    `add ${address ?? 'the address this server goes out by'} to the white list (IP 白名单) at ${page}`,
  isNeedless: true,
}
const wrongCallback: Meaning = {
  says: () => 'the callback address is not the registered one',
  advice: ({ page }) => `enter the callback address, to the letter, at ${page}`,
}
const notOnline: Meaning = {
  says: () => 'the app is not online, or not reviewed yet',
  advice: ({ page }) => `finish the review at ${page}; until then only test accounts get in, if anybody`,
}
const noRight: Meaning = {
  says: () => 'the account or key lacks the right to ask this',
  advice: ({ page }) => `grant it at ${page}`,
}
const noMoney: Meaning = {
  says: () => 'the service is not open, or the account has no money left',
  advice: ({ page }) => `open or charge it at ${page}`,
}
const wrongApp: Meaning = {
  says: () => 'the app is not the one that is registered',
  advice: ({ page }) => `compare app id, package name and signature with ${page}`,
}
const wrongClock: Meaning = {
  says: () => 'the clock of this machine is out of step',
  advice: () => 'run a time service (chrony, systemd-timesyncd)',
}
const noKeys: Meaning = {
  says: () => 'this machine has no role that gives keys',
  advice: ({ page }) => `give the instance the role, see ${page}, or set keys`,
}
const testMode: Meaning = {
  says: () => 'the scene is in test mode, so that everybody passes or nobody',
  advice: ({ page }) => `end the test mode of the scene at ${page}`,
}
const tooOften: Meaning = {
  says: () => 'the vendor is asked too often',
  advice: ({ page }) => `wait, and look at the quota at ${page}; while it lasts, logins fail too`,
  passes: true,
}

/** The codes of all vendors: no two use one word for different things. */
const meanings: ReadonlyMap<string, Meaning> = new Map(
  (
    [
      [
        wrongSecret,
        // WeChat, QQ, Weibo, GitHub, Apple and OpenID providers, Aliyun, Tencent Cloud, captchas
        ['40001', '40125', '100009', '21324', 'incorrect_client_credentials', 'invalid_client'],
        ['SignatureDoesNotMatch', 'IncompleteSignature', 'AuthFailure.SignatureFailure', 'AuthFailure.TokenFailure'],
        ['missing-input-secret', 'invalid-input-secret', 'sitekey-secret-mismatch'],
      ],
      [unknownId, ['40013', '100008', 'InvalidAccessKeyId.NotFound', 'InvalidAccessKeyId.Inactive']],
      [unknownId, ['AuthFailure.SecretIdNotFound', 'AuthFailure.InvalidSecretId', 'isv.ACCOUNT_NOT_EXISTS']],
      [blockedAddress, ['40164', '45035', '89503', '89506', '89507', 'isv.DENY_IP_RANGE']],
      [blockedAddress, ['UnauthorizedOperation.RequestIpNotInWhitelist']],
      [wrongCallback, ['100010', '21322', 'redirect_uri_mismatch', 'invalid_redirect_uri']],
      [notOnline, ['100011', '21321']],
      [noRight, ['48001', '100031', 'unauthorized_client', 'isv.RAM_PERMISSION_DENY', 'isp.RAM_PERMISSION_DENY']],
      [noRight, ['NoPermission', 'Forbidden.RAM', 'AuthFailure.UnauthorizedOperation']],
      [noMoney, ['1000', '1001', '1002', 'isv.OUT_OF_SERVICE', 'isv.AMOUNT_NOT_ENOUGH', 'isv.ACCOUNT_ABNORMAL']],
      [noMoney, ['Forbidden.AccountAccessDenied']],
      [testMode, ['T005', 'F004']],
      [unknownId, ['-50101', '-50102', '-50103', '-50104', '-50105']],
      [noMoney, ['isv.PRODUCT_UNSUBSCRIBE', 'isv.PRODUCT_UN_SUBSCRIPT']],
      [wrongApp, ['-7', '4001', '4003', '40004', '100044', 'isv.VERIFY_SCHEME_NOT_EXIST', 'isv.SCENE_QUERY_FAIL']],
      [wrongApp, ['isv.PACK_SIGN_CONFLICT', 'isv.BUNDLE_ID_CONFLICT', 'isv.INVALID_APP']],
      [wrongClock, ['InvalidTimeStamp.Expired', 'InvalidTimeStamp.Format', 'AuthFailure.SignatureExpire']],
      [noKeys, ['no_keys']],
      [tooOften, ['45009', '45011', '429', 'Throttling', 'Throttling.User', 'RequestLimitExceeded']],
    ] satisfies readonly [Meaning, ...(readonly string[])[]][]
  ).flatMap(([meaning, ...lists]) => lists.flat().map((code) => [code, meaning] as const)),
)

/** What this code says about our settings or account; undefined for a code that says nothing about them. */
export function meaningOf(code: string): Meaning | undefined {
  return meanings.get(code)
}
