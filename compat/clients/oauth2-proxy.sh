# An upstream that says who the proxy lets through, and oauth2-proxy before it.
node clients/echo.mjs &
set -- --http-address="localhost:$PORT" --upstream="http://localhost:$UPSTREAM/" --provider=oidc \
  --oidc-issuer-url="$ISSUER" --client-id="$CLIENT_ID" --client-secret="$CLIENT_SECRET" \
  --redirect-url="$ORIGIN/oauth2/callback" --scope="$SCOPE" --email-domain='*' \
  --cookie-secret=0123456789abcdef0123456789abcdef --cookie-secure=false --cookie-refresh=1s \
  --skip-provider-button --pass-access-token --ping-path=/favicon.ico
if [ "$SETTING" = 1 ]; then
  set -- "$@" --code-challenge-method=S256 --oidc-email-claim=sub
fi
exec oauth2-proxy "$@"
