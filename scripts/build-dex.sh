#!/bin/sh
# Builds the dex that the tests run, an identity provider, into the cache: once a machine, about two CPU minutes. Prints
# the directory on stdout. A second caller waits for the first.
# usage: build-dex.sh [DIRECTORY]
set -eu

version=2.30.0-f0186ff2651e
root=$(cd "$(dirname "$0")/.." && pwd)
out=${1:-${XDG_CACHE_HOME:-$HOME/.cache}/sallyport/servers/dex-$version}

mkdir -p "$out"
exec 9>"$out/.lock"
flock 9

if [ ! -x "$out/dex" ]; then
    echo "building dex $version into $out, once; this takes a minute or two" >&2
    build=$(mktemp -d "$out/.build.XXXXXX")
    trap 'rm -rf "$build"' EXIT
    trap 'exit 1' HUP INT TERM
    cd "$root/test/servers/dex"
    go build -ldflags '-s -w' -o "$build/dex" github.com/dexidp/dex/cmd/dex >&2
    mv "$build/dex" "$out/dex"
fi
echo "$out"
