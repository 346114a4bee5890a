# Everything that is done with this repository. `make help` lists it.
SHELL := bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
MAKEFLAGS += --no-print-directory

VERSION := $(shell git describe --tags --always --dirty 2>/dev/null || echo unknown)
WEB_SOURCES := $(shell find web/src web/public -type f) $(wildcard web/*.json web/*.ts web/*.html)

# run
CHECK ?=
KEEP ?=

# bench; empty means everything, see test/bench
CASES ?=
CLIENTS ?=
SECONDS ?=
ROUNDS ?=

# bench-audit
EVENTS ?=
DIR ?=

# test-suites
SUITES ?=

.PHONY: help
help: ## this list
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 12

.PHONY: run
run: setup-run build ## Sallyport before PostgreSQL, MariaDB, Redis and an SSH server with sample data; CHECK=1 verifies and ends, KEEP=DIR keeps the data there
	@go run ./test/demo $(if $(filter-out 0,$(CHECK)),-check) $(if $(KEEP),-keep '$(KEEP)')

.PHONY: test
test: ## every test, from nothing
	@scripts/test.sh

.PHONY: test-suites
test-suites: setup-suites build ## the stores' and drivers' own suites, direct and by each entrance; SUITES=regress,pgx,redis,... chooses
	@scripts/suites.sh && go run ./test/suites $(if $(SUITES),-suites '$(SUITES)')

.PHONY: bench
bench: setup-bench build ## compare with direct, pgbouncer, haproxy; CASES=select-simple,... CLIENTS=8,32 SECONDS=5 ROUNDS=3 narrow it
	@go run ./test/bench $(if $(CASES),-cases '$(CASES)') $(if $(CLIENTS),-clients '$(CLIENTS)') \
		$(if $(SECONDS),-seconds '$(SECONDS)') $(if $(ROUNDS),-rounds '$(ROUNDS)')

.PHONY: bench-audit
bench-audit: ## the record: ingest, bytes, search latencies; EVENTS=1000000,10000000,100000000 chooses the sizes, DIR=... where
	@go run ./test/auditbench $(if $(EVENTS),-events '$(EVENTS)') $(if $(DIR),-dir '$(DIR)')

.PHONY: check
check: build ## formatting, vet, static analysis, known vulnerabilities, web
	@scripts/check.sh

.PHONY: build
build: bin/sally ## the web UI and bin/sally

# The Go tool knows best whether the program is fresh, so it is always asked.
.PHONY: bin/sally
bin/sally: web/dist/index.html
	@CGO_ENABLED=0 go build -trimpath -ldflags '-s -w -X main.version=$(VERSION)' -o bin/sally ./cmd/sally

web/dist/index.html: $(WEB_SOURCES) web/node_modules/.package-lock.json
	@cd web && npm run --silent build
	@touch $@

web/node_modules/.package-lock.json: web/package-lock.json
	@cd web && PLAYWRIGHT_SKIP_BROWSER_DOWNLOAD=1 npm ci --no-audit --no-fund --loglevel=error
	@touch $@

.PHONY: generate
generate: web/node_modules/.package-lock.json ## what is generated: the API's description, and the web's types from it
	@scripts/generate.sh

.PHONY: setup-run setup-test setup-bench setup-suites
setup-run setup-test setup-bench setup-suites:
	@scripts/setup.sh $(@:setup-%=%)

.PHONY: servers
servers: setup-test ## all servers that the tests and benchmarks use
	@scripts/build-vault.sh
	@scripts/opensearch.sh opensearch
	@scripts/opensearch.sh elasticsearch
	@for version in 16 17 18; do scripts/postgres.sh $$version; done
	@scripts/build-dex.sh
	@scripts/build-mysql-standins.sh
	@scripts/oidc-provider.sh

.PHONY: clean
clean: ## remove what was built, and the demo's data
	rm -rf bin bench .data web/dist/assets web/dist/index.html
