#!/usr/bin/env bash
# Every test there is, from nothing: installs what is missing, builds, runs each suite, and sums up.
# A suite that fails does not keep the others from running. usage: test.sh
set -uo pipefail
cd "$(dirname "$0")/.." || exit 1

logs=$(mktemp -d)
vault=
finish() {
    if [ -n "$vault" ] && kill -0 "$vault" 2>/dev/null; then
        kill "$vault"
    fi
    rm -rf "$logs"
}
trap finish EXIT
passed=0 failed=0 summary=

# suite NAME COMMAND...: runs it, shows what it prints, notes how it ended and how long it took.
suite() {
    local name=$1 start=$SECONDS outcome
    shift
    echo "=== $name"
    if "$@"; then
        passed=$((passed + 1)) outcome=passed
    else
        failed=$((failed + 1)) outcome=FAILED
    fi
    summary+=$(printf '%-28s %s  %4d s' "$name" "$outcome" $((SECONDS - start)))$'\n'
}

vault_built() {
    if wait "$vault"; then
        vault=
        return 0
    fi
    vault=
    cat "$logs/vault" >&2
    return 1
}

go_tests() { go test -race -timeout 25m ./...; }
web_check() { (cd web && npm run --silent check); }
web_tests() { (cd web && npm run --silent test); }
browser_tests() { (cd web && SALLY_BIN="$PWD/../bin/sally" npm run --silent e2e); }

scripts/setup.sh test || exit 1
# Vault takes minutes to build the first time, so it is built while other work goes on.
scripts/build-vault.sh >"$logs/vault" 2>&1 &
vault=$!

suite "build" make build
suite "go vet" go vet ./...
suite "web types and lint" web_check
suite "web unit tests" web_tests
suite "vault is there" vault_built
suite "go tests" go_tests
suite "web in a browser" browser_tests

printf '\n%s\nsuites: %d passed, %d failed\n' "$summary" "$passed" "$failed"
[ "$failed" = 0 ]
