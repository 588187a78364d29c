# Apache with mod_auth_openidc before an upstream that says who was let through.
node clients/echo.mjs &
folder=$(mktemp -d)
trap 'rm -rf "$folder"; kill 0' EXIT
trap exit TERM
setting=
if [ "$SETTING" = 1 ]; then setting='OIDCPKCEMethod S256'; fi
cat > "$folder/apache.conf" <<CONF
ServerRoot $folder
ServerName localhost
PidFile $folder/pid
ErrorLog $folder/errors
Listen $PORT
User www-data
Group www-data
$(for each in mpm_event authn_core authz_core authz_user proxy proxy_http auth_openidc; do
  echo "LoadModule ${each}_module /usr/lib/apache2/modules/mod_$each.so"
done)
OIDCProviderMetadataURL $ISSUER/.well-known/openid-configuration
OIDCClientID $CLIENT_ID
OIDCClientSecret $CLIENT_SECRET
OIDCRedirectURI $ORIGIN/callback
OIDCScope "$SCOPE"
OIDCCryptoPassphrase a-secret-of-the-app
OIDCRemoteUserClaim sub
$setting
<Location />
  AuthType openid-connect
  Require valid-user
</Location>
<LocationMatch "^/(favicon.ico|bye)$">
  AuthType none
  Require all granted
</LocationMatch>
ProxyPass /callback !
ProxyPass / http://localhost:$UPSTREAM/
CONF
chmod 755 "$folder"
mkdir "$folder/logs"
apache2 -f "$folder/apache.conf" -DFOREGROUND &
wait
