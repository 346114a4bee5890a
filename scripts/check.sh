#!/usr/bin/env bash
# What can be said about the code without running it. usage: check.sh
set -euo pipefail
cd "$(dirname "$0")/.."

# Built once a machine, which takes some minutes; staticcheck is part of it.
golangci=github.com/golangci/golangci-lint/v2/cmd/golangci-lint@v2.12.2
govulncheck=golang.org/x/vuln/cmd/govulncheck@v1.1.4

echo "check: gofmt"
unformatted=$(git ls-files -z '*.go' | xargs -0 gofmt -l)
if [ -n "$unformatted" ]; then
    echo "check: not formatted as gofmt does:" "$unformatted" >&2
    exit 1
fi
echo "check: go vet"
go vet ./...
echo "check: golangci-lint"
go run "$golangci" run ./...
echo "check: govulncheck"
if ! command -v curl >/dev/null; then
    echo "check: curl is missing, by which it is found out whether the vulnerability database can be reached" >&2
    exit 1
fi
if curl --silent --fail --max-time 5 --output /dev/null https://vuln.go.dev/index/modules.json; then
    go run "$govulncheck" ./...
else
    echo "check: the vulnerability database cannot be reached from this machine, so it was not asked"
fi
echo "check: web"
(cd web && npm run --silent check)
echo "check: generated code is fresh"
kept=$(mktemp -d)
trap 'rm -rf "$kept"' EXIT
cp web/openapi.json web/src/api/schema.gen.ts "$kept/"
scripts/generate.sh
for file in web/openapi.json web/src/api/schema.gen.ts; do
    if ! cmp -s "$file" "$kept/$(basename "$file")"; then
        echo "check: $file was stale; it has been written anew, by scripts/generate.sh" >&2
        exit 1
    fi
done
echo "check: passed"
