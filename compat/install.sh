#!/bin/sh
# Brings the pinned packages of every client: into node_modules, .venv and .bin of this folder. What a machine lacks is
# left out, and `npm run compat` says so.
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
fi
if command -v mvn >/dev/null; then mvn -q -B package dependency:copy-dependencies; fi
command -v apache2 >/dev/null || echo 'apt-get install apache2 libapache2-mod-auth-openidc brings mod_auth_openidc'
