#!/usr/bin/env bash
# Every test there is, from nothing: installs what is missing, builds, runs each suite, and sums up.
# A suite that fails does not keep the others from running. usage: test.sh
set -uo pipefail
cd "$(dirname "$0")/.." || exit 1

logs=$(mktemp -d)
declare -A jobs
finish() {
    local pid
    for pid in "${jobs[@]}"; do
        if kill -0 "$pid" 2>/dev/null; then
            kill "$pid"
        fi
    done
    rm -rf "$logs"
}
trap finish EXIT
passed=0 failed=0 summary='' again=''

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

# begin NAME COMMAND...: gets something while other work goes on; arrived NAME waits for it.
begin() {
    local name=$1
    shift
    "$@" >"$logs/$name" 2>&1 &
    jobs[$name]=$!
}

arrived() {
    local pid=${jobs[$1]}
    unset "jobs[$1]"
    wait "$pid" || { cat "$logs/$1" >&2 && return 1; }
}

other_postgres() {
    local version
    for version in 16 17 18; do
        scripts/postgres.sh "$version" || return
    done
}

# Results are not taken from the cache: many tests run the program, which the cache does not know of.
go_tests() {
    go test -race -count=1 -timeout 35m ./... 2>&1 | tee "$logs/go"
    [ "${PIPESTATUS[0]}" = 0 ] || go_tests_again
}

# A few tests that failed are run once more, on the machine that is quiet by then, and named at the end either way: with real
# servers and their timing, one failure in thousands of tests may be the machine's. Races, panics and builds get no second run.
go_tests_again() {
    local names package
    if grep -qE 'DATA RACE|^panic:|\[(build|setup) failed\]' "$logs/go" || [ "$(grep -c '^--- FAIL: ' "$logs/go")" -gt 3 ]; then
        return 1
    fi
    # Each package that failed, with the names of its tests that did.
    awk '/^--- FAIL: /{names = names (names ? "|" : "") $3} /^(ok|FAIL)\t/{if ($1 == "FAIL") print $2, names; names = ""}' \
        "$logs/go" >"$logs/again"
    [ -s "$logs/again" ] || return
    while read -r package names; do
        if [ -z "$names" ]; then
            return 1 # it failed outside of its tests
        fi
        echo "=== once more: $names of $package"
        go test -race -count=1 -timeout 10m -run "^($names)\$" "$package" </dev/null || return
        again+="failed once, passed when run again: $names of $package"$'\n'
    done <"$logs/again"
}
# The local client runs on engineers' machines, whatever these are.
other_systems() {
    local system
    for system in darwin/arm64 windows/amd64; do
        echo "$system"
        CGO_ENABLED=0 GOOS=${system%/*} GOARCH=${system#*/} go build -o /dev/null ./cmd/sally || return
    done
}
web_check() { (cd web && npm run --silent check); }
web_tests() { (cd web && npm run --silent test); }
browser_tests() { (cd web && SALLY_BIN="$PWD/../bin/sally" npm run --silent e2e); }

scripts/setup.sh test || exit 1
# Vault takes minutes to build the first time, so servers are got while other work goes on.
begin vault scripts/build-vault.sh
begin opensearch scripts/opensearch.sh opensearch
begin elasticsearch scripts/opensearch.sh elasticsearch
begin postgres other_postgres
begin dex scripts/build-dex.sh
begin mysql scripts/build-mysql-standins.sh
begin oidc scripts/oidc-provider.sh

suite "build" make build
suite "go vet" go vet ./...
suite "macOS and Windows" other_systems
suite "web types and lint" web_check
suite "web unit tests" web_tests
suite "Vault is there" arrived vault
suite "OpenSearch is there" arrived opensearch
suite "Elasticsearch is there" arrived elasticsearch
suite "PostgreSQL 16 to 18" arrived postgres
suite "dex is there" arrived dex
suite "MySQL's stand-ins are there" arrived mysql
suite "oidc-provider is there" arrived oidc
suite "go tests" go_tests
suite "web in a browser" browser_tests

printf '\n%s\n%ssuites: %d passed, %d failed\n' "$summary" "$again" "$passed" "$failed"
[ "$failed" = 0 ]
