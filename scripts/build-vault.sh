#!/bin/sh
# Builds the Vault that the tests run, and its PostgreSQL and MySQL plugins, into the cache: once a machine, about six CPU
# minutes. Prints the directory on stdout. A second caller waits for the first.
# usage: build-vault.sh [DIRECTORY]
set -eu

version=1.21.0
root=$(cd "$(dirname "$0")/.." && pwd)
out=${1:-${XDG_CACHE_HOME:-$HOME/.cache}/sallyport/servers/vault-$version}

mkdir -p "$out/plugins"
exec 9>"$out/.lock"
flock 9

if [ ! -x "$out/vault" ] || [ ! -x "$out/plugins/postgresql-database-plugin" ] || [ ! -x "$out/plugins/mysql-database-plugin" ]; then
    echo "building Vault $version into $out, once; this takes some minutes" >&2
    build=$(mktemp -d "$out/.build.XXXXXX")
    trap 'rm -rf "$build"' EXIT
    trap 'exit 1' HUP INT TERM
    cd "$root/test/servers/vault"
    go build -tags minimal -ldflags '-s -w' -o "$build/vault" . >&2
    go build -tags minimal -ldflags '-s -w' -o "$build/" \
        github.com/hashicorp/vault/plugins/database/postgresql/postgresql-database-plugin \
        github.com/hashicorp/vault/plugins/database/mysql/mysql-database-plugin >&2
    mv "$build/postgresql-database-plugin" "$build/mysql-database-plugin" "$out/plugins/"
    mv "$build/vault" "$out/vault"
fi
echo "$out"
