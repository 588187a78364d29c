#!/bin/sh
# Brings the pinned packages of every client: into node_modules, .venv, .bin and the folders target. What a machine lacks
# is left out, and `npm run compat` says so.
cd "$(dirname "$0")" || exit 1
npm ci --no-audit --no-fund
if command -v python3 >/dev/null; then
  [ -d .venv ] || python3 -m venv .venv
  .venv/bin/pip install --quiet -r requirements.txt
fi
if command -v go >/dev/null; then
  mkdir -p .bin
  go build -o .bin/ ./clients/go-oidc ./backends/...
  GOBIN="$PWD/.bin" go install github.com/oauth2-proxy/oauth2-proxy/v7@v7.15.6
  # A module of its own, since Gitea replaces some modules. It takes minutes; templates stay in the module cache.
  (
    cd clients/gitea || exit 1
    go build -tags sqlite,sqlite_unlock_notify -o ../../.bin/gitea code.gitea.io/gitea &&
      go list -m -f '{{.Dir}}' code.gitea.io/gitea > ../../.bin/gitea-folder
  )
fi
if command -v mvn >/dev/null; then
  for boot in 3.5.16 4.1.2; do
    for kind in backends clients; do
      target=target/$boot
      (
        cd $kind/spring || exit 1
        mvn -q -B package dependency:copy-dependencies -Dspring-boot.version=$boot -DoutputDirectory=$target/lib
        # Without the beans that it needs where it does not work as it comes.
        rm -rf $target/plain
        cp -R $target/classes $target/plain
        find $target/plain -name AccessTokens.class -delete -o -name Login.class -delete
      )
    done
  done
  (cd backends/nimbus && mvn -q -B package dependency:copy-dependencies -DoutputDirectory=target/lib)
fi
command -v apache2 >/dev/null || echo 'apt-get install apache2 libapache2-mod-auth-openidc brings mod_auth_openidc'
