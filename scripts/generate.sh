#!/usr/bin/env bash
# Writes what is generated: web/openapi.json from bin/sally, which makes it from the Go types, and the web's types from
# that. usage: generate.sh
set -euo pipefail
cd "$(dirname "$0")/.."

dir=$(mktemp -d)
bin/sally server --data-dir "$dir/data" --listen-web off --listen-tunnel off --listen-postgres off >"$dir/log" 2>&1 &
server=$!
trap 'kill "$server"; wait "$server" || true; rm -rf "$dir"' EXIT
curl --silent --fail --retry 50 --retry-delay 1 --retry-all-errors --retry-max-time 30 \
    --unix-socket "$dir/data/admin.sock" --output "$dir/openapi.json" http://localhost/api/v1/openapi.json
node -e '
    const { readFileSync, writeFileSync } = require("node:fs");
    const description = JSON.parse(readFileSync(process.argv[1], "utf8"));
    description.info.version = "development"; // of no build in particular
    writeFileSync("web/openapi.json", JSON.stringify(description, null, 2) + "\n");
' "$dir/openapi.json"
(cd web && npm run --silent generate >/dev/null)
