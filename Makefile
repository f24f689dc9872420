# aictl. `make` alone prints what there is to do.

GO          ?= go
BIN         := bin
BINDIR       = $(abspath $(BIN))
VERSION     ?= $(shell git describe --tags --always --dirty 2>/dev/null || echo dev)
COMMIT      ?= $(shell git rev-parse HEAD 2>/dev/null || echo none)
# The commit's own time, so that two builds of one commit are byte-identical.
DATE        ?= $(shell git log -1 --format=%cI 2>/dev/null || echo unknown)
LDFLAGS     := -s -w -X main.version=$(VERSION) -X main.commit=$(COMMIT) -X main.date=$(DATE)
BUILD       := CGO_ENABLED=0 $(GO) build -trimpath -buildvcs=false -ldflags '$(LDFLAGS)'
E2E_TIMEOUT ?= 60m
FUZZTIME    ?= 10s
TEST        ?= ./...
TOOL        := .ci/tool
# CI puts a runner with a summary here; `go test` is all that is needed.
GOTEST      ?= $(GO) test

# The race detector needs a C compiler; without one the tests run without it.
CC_FOUND    := $(shell command -v $$($(GO) env CC) 2>/dev/null)
RACE        := $(if $(CC_FOUND),-race,)
TESTENV     := $(if $(CC_FOUND),CGO_ENABLED=1,CGO_ENABLED=0)

.DEFAULT_GOAL := help
.PHONY: help up down build test lint fmt e2e e2e-node fuzz bench generate completions docs picture release-snapshot check generated clean

help: ## Print this list
	@printf 'aictl %s\n\nUsage: make TARGET\n\n' '$(VERSION)'
	@awk 'BEGIN {FS = ":.*## "} \
	  /^##@ / {printf "%s\n", substr($$0, 5)} \
	  /^[a-z][a-z0-9-]*:.*## / {printf "  %-18s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

##@ Use it
up: build ## Build, start the platform in the background, wait until it is ready
	@$(BINDIR)/aictl up
	@printf '\nTry next:\n'
	@printf '  ./$(BIN)/aictl chat "what is running?"\n'
	@printf '  ./$(BIN)/aictl predict forecast --horizon 12 < docs/examples/series.csv\n'
	@printf '  ./$(BIN)/aictl logs -f\n  ./$(BIN)/aictl alerts list\n'
	@printf '  make down\n'

down: build ## Stop the platform; its data stays
	@$(BINDIR)/aictl down

##@ Work on it
build: ## Build bin/aictl and bin/aictl-server (no cgo, reproducible)
	@mkdir -p $(BIN)
	$(BUILD) -o $(BIN)/ ./cmd/aictl ./cmd/aictl-server

test: ## Run the tests; needs Go alone (TEST=./internal/op/... narrows)
	@$(if $(RACE),,echo 'No C compiler: running without the race detector.' >&2)
	$(TESTENV) $(GOTEST) $(RACE) -buildvcs=false $(TEST)

lint: ## Run golangci-lint, actionlint and goreleaser check
	$(TOOL) golangci-lint run
	$(TOOL) actionlint
	$(TOOL) goreleaser check --quiet goreleaser.yaml

fmt: ## Format the Go code (gofumpt, goimports)
	$(TOOL) golangci-lint fmt

e2e: build ## Run the end-to-end suite against real PostgreSQL, Redis and other people's clients
	@ls -d $${XDG_CACHE_HOME:-$$HOME/.cache}/aictl-e2e/kube-*/kubebin >/dev/null 2>&1 || echo 'The first run builds Kubernetes from source: about eight minutes on two cores.'
	$(GOTEST) -buildvcs=false -tags e2e -count=1 -timeout $(E2E_TIMEOUT) -p 1 ./test/e2e/... ./test/scenarios

e2e-node: build ## Run the suite's part on a real Kubernetes node (needs root and containerd)
	$(GOTEST) -buildvcs=false -tags e2e,node -count=1 -timeout $(E2E_TIMEOUT) -run RealNode ./test/e2e

fuzz: ## Run every fuzz target for FUZZTIME (10s)
	.ci/fuzz $(FUZZTIME)

bench: ## Run the benchmarks, then print the README's table (real binaries beside their peers)
	$(GO) test -buildvcs=false -run '^$$' -bench . -benchmem ./internal/... ./server/...
	$(GO) test -buildvcs=false -tags e2e -run '^$$' -bench Table -benchtime 1x -timeout 20m ./test/e2e

check: lint test generated ## What CI runs before the end-to-end suite

generated: generate ## Fail when a generated file is not current
	@git diff --exit-code -- completions docs || { echo 'Generated files differ: commit the result of "make generate".' >&2; exit 1; }

##@ Generate and release
generate: completions docs ## Regenerate everything that is generated

completions: ## Regenerate completions/ for bash, zsh, fish and PowerShell
	$(GO) run -buildvcs=false ./cmd/aictl-gen completions

docs: ## Regenerate docs/reference, the man pages and openapi.json
	$(GO) run -buildvcs=false ./cmd/aictl-gen docs

picture: build ## Take the pictures of the README and the manual again, from a platform that really runs
	docs/img/make.sh
	docs/img/dashboard.sh

release-snapshot: ## Build every release artefact into dist/ without publishing
	$(TOOL) goreleaser release --snapshot --clean --skip=publish,sbom

clean: ## Remove what was built; the platform's data stays
	rm -rf $(BIN) dist
