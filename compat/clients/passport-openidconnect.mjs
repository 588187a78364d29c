import express from 'express'
import session from 'express-session'
import passport from 'passport'
import OpenIDConnectStrategy from 'passport-openidconnect'
import { CLIENT_ID, CLIENT_SECRET, ISSUER, isSet, ORIGIN, PORT, SCOPE, said } from './steps.mjs'

const endpoints = await (await fetch(`${ISSUER}/.well-known/openid-configuration`)).json()
passport.use(
  new OpenIDConnectStrategy(
    {
      issuer: ISSUER,
      authorizationURL: endpoints.authorization_endpoint,
      tokenURL: endpoints.token_endpoint,
      userInfoURL: endpoints.userinfo_endpoint,
      clientID: CLIENT_ID,
      clientSecret: CLIENT_SECRET,
      callbackURL: `${ORIGIN}/callback`,
      scope: SCOPE,
      ...(isSet ? { nonce: true } : {}),
    },
    (_issuer, profile, done) => done(null, { id: profile.id }),
  ),
)
passport.serializeUser((user, done) => done(null, user))
passport.deserializeUser((user, done) => done(null, user))

express()
  .use(session({ secret: 'a secret of the app', resave: false, saveUninitialized: false }))
  .use(passport.session())
  .get('/', (request, response) => {
    if (request.user) return response.send(`ok ${request.user.id}`)
    response.redirect('/login')
  })
  .get('/login', passport.authenticate('openidconnect'))
  .get('/callback', passport.authenticate('openidconnect', { successRedirect: '/' }))
  .use((error, _request, response, _next) => response.send(`failed: ${said(error)}`))
  .listen(PORT)
