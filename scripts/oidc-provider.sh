#!/bin/sh
# Installs the npm package oidc-provider, a certified identity provider that the tests run, into the cache: once a
# machine, some seconds. Prints the directory on stdout. A second caller waits for the first.
# usage: oidc-provider.sh [DIRECTORY]
set -eu

version=9.13.3
root=$(cd "$(dirname "$0")/.." && pwd)
out=${1:-${XDG_CACHE_HOME:-$HOME/.cache}/sallyport/servers/oidc-provider-$version}

mkdir -p "$out"
exec 9>"$out/.lock"
flock 9

if ! cmp -s "$root/test/servers/oidcprovider/package-lock.json" "$out/.installed"; then
    cp "$root/test/servers/oidcprovider/package.json" "$root/test/servers/oidcprovider/package-lock.json" "$out/"
    (cd "$out" && npm ci --no-audit --no-fund --loglevel=error >&2)
    cp "$out/package-lock.json" "$out/.installed"
fi
echo "$out"
