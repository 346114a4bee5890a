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
if curl --silent --fail --max-time 5 --output /dev/null https://vuln.go.dev/index/modules.json; then
    go run "$govulncheck" ./...
else
    echo "check: the vulnerability database cannot be reached from this machine, so it was not asked"
fi
echo "check: web"
(cd web && npm run --silent check)
if [ -f web/openapi.json ]; then
    echo "check: generated code is fresh"
    fresh=$(mktemp -d)
    trap 'rm -rf "$fresh"' EXIT
    cp web/src/api/schema.gen.ts "$fresh/schema.gen.ts"
    (cd web && npm run --silent generate >/dev/null)
    if ! cmp -s web/src/api/schema.gen.ts "$fresh/schema.gen.ts"; then
        echo "check: web/src/api/schema.gen.ts was not generated from web/openapi.json; it is now" >&2
        exit 1
    fi
fi
echo "check: passed"
