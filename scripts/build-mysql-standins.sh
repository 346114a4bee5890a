#!/bin/sh
# Builds the two stand-ins that log in as MySQL 8 does, by caching_sha2_password, into the cache: once a machine, about
# three CPU minutes. Neither is MySQL 8. Prints the directory on stdout. A second caller
# waits for the first.
# usage: build-mysql-standins.sh [DIRECTORY]
set -eu

root=$(cd "$(dirname "$0")/.." && pwd)
# They are a few lines of ours around pinned modules: another text is another version.
version=$(cat "$root"/test/servers/sha2/main.go "$root"/test/servers/sha2/go.mod "$root"/test/servers/gms/main.go "$root"/test/servers/gms/go.mod |
    cksum | cut -d ' ' -f 1)
out=${1:-${XDG_CACHE_HOME:-$HOME/.cache}/sallyport/servers/mysql-standins-$version}

mkdir -p "$out"
exec 9>"$out/.lock"
flock 9

if [ ! -x "$out/sha2" ] || [ ! -x "$out/gms" ]; then
    echo "building stand-ins for MySQL's logins into $out, once; this takes some minutes" >&2
    build=$(mktemp -d "$out/.build.XXXXXX")
    trap 'rm -rf "$build"' EXIT
    trap 'exit 1' HUP INT TERM
    for name in sha2 gms; do
        (cd "$root/test/servers/$name" && go build -ldflags '-s -w' -o "$build/$name" . >&2)
    done
    mv "$build/sha2" "$build/gms" "$out/"
fi
echo "$out"
