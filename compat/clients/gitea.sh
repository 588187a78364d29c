# Gitea: alone, as it comes; with the setting, behind oauth2-proxy, which logs people in for it.
folder=$(mktemp -d)
trap 'rm -rf "$folder"; kill 0' EXIT
trap exit TERM
port=$PORT
proxy=false
if [ "$SETTING" = 1 ]; then
  port=$UPSTREAM
  proxy=true
fi
prefix=/user/oauth2/menshen
end="$ISSUER/session/end?client_id=$CLIENT_ID&post_logout_redirect_uri=$ORIGIN/bye"
cat > "$folder/app.ini" <<INI
RUN_USER = $(id -un)
WORK_PATH = $folder
[server]
HTTP_ADDR = localhost
HTTP_PORT = $port
ROOT_URL = $ORIGIN/
STATIC_ROOT_PATH = $(cat .bin/gitea-folder)
OFFLINE_MODE = true
DISABLE_SSH = true
[database]
DB_TYPE = sqlite3
PATH = $folder/gitea.db
[security]
INSTALL_LOCK = true
REVERSE_PROXY_AUTHENTICATION_USER = X-Forwarded-User
REVERSE_PROXY_LOGOUT_REDIRECT = $prefix/sign_out?rd=$(node -p "encodeURIComponent('$end')")
[service]
ENABLE_PASSWORD_SIGNIN_FORM = false
ENABLE_PASSKEY_AUTHENTICATION = false
ENABLE_REVERSE_PROXY_AUTHENTICATION = $proxy
ENABLE_REVERSE_PROXY_AUTO_REGISTRATION = $proxy
[openid]
ENABLE_OPENID_SIGNIN = false
[i18n]
LANGS = en-US
NAMES = English
[oauth2_client]
ENABLE_AUTO_REGISTRATION = true
USERNAME = userid
[log]
LEVEL = error
INI
if [ "$(id -u)" = 0 ]; then export GITEA_I_AM_BEING_UNSAFE_RUNNING_AS_ROOT=true; fi
gitea --config "$folder/app.ini" migrate
if [ "$SETTING" = 1 ]; then
  sh clients/oauth2-proxy.sh --proxy-prefix=$prefix --redirect-url="$ORIGIN$prefix/callback" --cookie-refresh=1h \
    --ping-path=/ping --skip-auth-route='^/favicon.ico$' &
else
  gitea --config "$folder/app.ini" admin auth add-oauth --name menshen --provider openidConnect --key "$CLIENT_ID" \
    --secret "$CLIENT_SECRET" --auto-discover-url "$ISSUER/.well-known/openid-configuration" --scopes "$SCOPE"
fi
gitea --config "$folder/app.ini" web &
wait
