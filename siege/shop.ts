/** The address the server is known by; where it listens is another matter. */
export const issuer = 'http://localhost:3000'
/** The client whose logins happen on our pages; like the app it is public and ours. */
export const pageId = 'shop'
/** The client of apps that draw their own screens. */
export const appId = 'shop-app'
/** Where logins lead back to. */
export const redirectUri = 'https://shop.example.com/callback'
/** What both ask for. */
export const scope = 'openid phone offline_access'
