import { accessTokenAlgorithms } from '../src/oidc/clients/algorithms.ts'

/** Algorithms that APIs may want their access tokens signed with; each has an API here. */
export const tokenAlgs = accessTokenAlgorithms
/** One of them. */
export type TokenAlg = (typeof tokenAlgs)[number]

/** The header `typ` of the access tokens of each API: what we send unasked, and beside it what old libraries want. */
export const tokenTyp = (alg: TokenAlg) => (alg === 'ES256' ? 'at+jwt' : 'JWT')

/** A library that verifies access tokens; its files stand in docs/backends.md too. */
export interface Verifier {
  readonly id: string
  readonly name: string
  /** As of a client. */
  readonly pinned: string
  /** Answers who the token stands for and its scope, or fails; it is started once for each token. */
  readonly command: readonly [string, ...string[]]
  /** In its place, it is an API that is started once and asked over HTTP. */
  readonly isServer?: boolean
  readonly files: readonly string[]
  /** What it needs where it does not take a token as it comes; the program does so when `SETTING` is 1. */
  readonly setting?: string
  /** What helps where it takes a token in no way. */
  readonly note?: string
  readonly brought?: string
}

const python = (file: string) => ({
  command: ['python', `backends/${file}`] as const,
  files: [`backends/${file}`],
})
const go = (id: string) => ({ command: [id] as const, files: [`backends/${id}/main.go`] })
const spring = (version: string) => {
  const [source, build] = ['backends/spring/src/main', `backends/spring/target/${version}`]
  return {
    pinned: version,
    command: ['sh', 'spring.sh', build, 'com.example.api.Api'] as const,
    isServer: true,
    files: [
      'backends/spring/pom.xml',
      `${source}/resources/application.yaml`,
      ...['Api', 'AccessTokens'].map((name) => `${source}/java/com/example/api/${name}.java`),
    ],
    setting: '`AccessTokens.java`',
    note: 'it knows no EdDSA',
    brought: `${build}/lib`,
  }
}

/** Every verifier, in the order of the page. */
export const verifiers: readonly Verifier[] = [
  {
    id: 'jose',
    name: 'jose',
    pinned: 'npm jose',
    command: ['node', 'backends/jose.mjs'],
    files: ['backends/jose.mjs'],
  },
  { id: 'pyjwt', name: 'PyJWT', pinned: 'pypi PyJWT[crypto]', ...python('pyjwt_api.py') },
  { id: 'joserfc', name: 'joserfc', pinned: 'pypi joserfc', ...python('joserfc_api.py') },
  {
    id: 'authlib-api',
    name: 'Authlib',
    pinned: 'pypi Authlib',
    ...python('authlib_api.py'),
    note: 'its validator is for `typ: at+jwt`; for `JWT` take joserfc',
  },
  { id: 'go-oidc-verifier', name: 'go-oidc', pinned: 'go github.com/coreos/go-oidc/v3', ...go('go-oidc-verifier') },
  {
    id: 'golang-jwt',
    name: 'golang-jwt with keyfunc',
    pinned: 'go github.com/golang-jwt/jwt/v5',
    ...go('golang-jwt'),
  },
  {
    id: 'nimbus',
    name: 'Nimbus JOSE + JWT',
    pinned: 'maven backends/nimbus/pom.xml nimbus-jose-jwt',
    command: ['java', '-cp', 'backends/nimbus/target/classes:backends/nimbus/target/lib/*', 'Verify'],
    files: ['backends/nimbus/Verify.java'],
    note: 'EdDSA needs Google Tink beside it; another `alg` needs nothing',
    brought: 'backends/nimbus/target/lib',
  },
  { id: 'spring-6-api', name: 'Spring Boot 3.5 (Security 6), a whole API', ...spring('3.5.16') },
  { id: 'spring-7-api', name: 'Spring Boot 4 (Security 7), a whole API', ...spring('4.1.2') },
]
