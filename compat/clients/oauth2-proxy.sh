# oauth2-proxy, with what further words say, before the upstream of another program or one that says who is let through.
if [ $# -eq 0 ]; then node clients/echo.mjs & fi
set -- --http-address="localhost:$PORT" --upstream="http://localhost:$UPSTREAM/" --provider=oidc \
  --oidc-issuer-url="$ISSUER" --client-id="$CLIENT_ID" --client-secret="$CLIENT_SECRET" \
  --redirect-url="$ORIGIN/oauth2/callback" --scope="$SCOPE" --email-domain='*' \
  --cookie-secret=0123456789abcdef0123456789abcdef --cookie-secure=false --cookie-refresh=1s \
  --skip-provider-button --pass-access-token --ping-path=/favicon.ico --skip-auth-route='^/bye$' "$@"
if [ "$SETTING" = 1 ]; then
  set -- "$@" --code-challenge-method=S256 --oidc-email-claim=sub --whitelist-domain="${ISSUER#*://}"
fi
exec oauth2-proxy "$@"
