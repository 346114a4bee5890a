#!/usr/bin/env bash
# Writes what is generated: web/openapi.json from the Go types, and the web's types from that. usage: generate.sh
set -euo pipefail
cd "$(dirname "$0")/.."

made=$(mktemp)
trap 'rm -f "$made"' EXIT
go run ./cmd/sally openapi >"$made"
cat "$made" >web/openapi.json
(cd web && npm run --silent generate >/dev/null)
