# Go and make are all that `make build`, `make run` and `make test` need.
# Everything built lands in bin/, every tool that is fetched in .tools/.

SHELL := /bin/sh
GO ?= go

# Static binaries run on any host they are copied to, and need no C compiler.
export CGO_ENABLED = 0

# A build records its commit where there is a repository that can be asked.
VCS := $(shell git rev-parse --verify -q HEAD >/dev/null 2>&1 && echo true || echo false)
BUILD = $(GO) build -trimpath -buildvcs=$(VCS)

# Every directory under cmd/ is a program.
PROGRAMS := $(notdir $(patsubst %/,%,$(wildcard cmd/*/)))

# What dps --via sends to a host for its connections is for that host's architecture.
SENT := amd64 arm64

PREFIX ?= /usr/local
BINDIR = $(DESTDIR)$(PREFIX)/bin
LIBEXECDIR = $(DESTDIR)$(PREFIX)/libexec/ddcos
MANDIR = $(DESTDIR)$(PREFIX)/share/man/man1
BASHDIR = $(DESTDIR)$(PREFIX)/share/bash-completion/completions
ZSHDIR = $(DESTDIR)$(PREFIX)/share/zsh/site-functions
FISHDIR = $(DESTDIR)$(PREFIX)/share/fish/vendor_completions.d

GOLANGCI_VERSION = 2.15.0
GOLANGCI = .tools/golangci-lint-$(GOLANGCI_VERSION)/golangci-lint

NFPM_VERSION = 2.45.2
NFPM = .tools/nfpm-$(NFPM_VERSION)/nfpm

# How often `make fuzz` runs each target: a number and x, or a time such as 10s.
# By default it counts, because Go's fuzzing sometimes takes the end of the time
# for a failure.
FUZZTIME ?= 10000x

# How long `make soak` keeps an agent under load.
SOAKTIME ?= 3m

# How `make bench` measures, such as --quick, or --step storm,full.
BENCH_FLAGS ?=

.DEFAULT_GOAL := help
.PHONY: help build peers run test race fuzz soak kernels lint bench generate install packages twice clean

help: ## list these targets
	@sed -n 's/^\([a-z]*\):[^#]*## \(.*\)/\1|\2/p' $(firstword $(MAKEFILE_LIST)) | \
		while IFS='|' read -r name text; do printf '  make %-9s %s\n' "$$name" "$$text"; done

build: ## build every program under cmd/ into bin/, static, and what dps --via sends
	@mkdir -p bin
	$(BUILD) -o bin/ ./cmd/...
	@set -ex; for arch in $(SENT); do GOARCH=$$arch $(BUILD) -ldflags '-s -w' -o bin/k2i-once-$$arch ./k2i/via/once; \
		gzip -9nc bin/k2i-once-$$arch > bin/k2i-once-$$arch.gz; done

peers: ## build the programs that bench compares with (bench/peers) into bin/
	@mkdir -p bin
	cd bench/peers && $(BUILD) -o $(CURDIR)/bin/ ./...
	@if command -v cc >/dev/null; then set -x; cc -O2 -o bin/bench-c bench/peers/c/fanout.c; \
	else echo 'peers: no C compiler: bench leaves the peer c out'; fi

run: build ## show it: a broker, three hosts, one process table, one call's account
	bin/bench run

test: build ## vet, then every test, the end-to-end one included
	$(GO) vet ./...
	$(GO) test -timeout 9m ./...

race: build ## every test under the race detector (needs a C compiler)
	CGO_ENABLED=1 $(GO) test -race -timeout 20m ./...

fuzz: ## run every fuzz target, FUZZTIME=10000x each
	@found=$$(grep -rn --include='*_test.go' -o '^func Fuzz[A-Za-z0-9_]*' . | sed 's/:[0-9]*:func /:/' | sort); \
	[ -n "$$found" ] || { echo 'fuzz: no target found'; exit 1; }; \
	for one in $$found; do \
		package=$$(dirname "$${one%%:*}"); target=$${one##*:}; \
		echo "fuzz: $$package $$target, $(FUZZTIME)"; \
		$(GO) test -run='^$$' -fuzz="^$$target\$$" -fuzztime=$(FUZZTIME) -fuzzminimizetime=10x "$$package" || exit 1; \
	done

soak: ## the faults at length: 100,000 histories of the rooms, real processes, an agent for 3 minutes; 20 minutes
	ROOM_SEEDS=100000 $(GO) test -count=1 -timeout 60m -v -run '^TestSimulation$$' ./middlecon/room
	FAULTS_SOAK=1 $(GO) test -count=1 -timeout 60m -v ./middlecon/faults
	K2I_SOAK=$(SOAKTIME) $(GO) test -count=1 -timeout 60m -v -run '^TestSoak$$' ./cmd/k2i

# Unpacked packages of kernels, which are not installed.
KERNELS = .tools/kernels

kernels: ## the probe's and the agent's tests on Debian's kernel 6.1 in qemu (wants qemu-system-x86), two minutes
	@[ -e $(KERNELS)/boot ] || { mkdir -p $(KERNELS) && cd $(KERNELS) && \
		apt-get -qq download $$(apt-cache depends linux-image-cloud-amd64 | sed -n 's/.*Depends: \(linux-image-.*\)/\1/p') && \
		dpkg-deb -x linux-image-*.deb . && rm linux-image-*.deb; } || echo 'kernels: apt-get cannot fetch linux-image-cloud-amd64'
	KERNELS=$(CURDIR)/$(KERNELS) $(GO) test -tags kernels -count=1 -v -timeout 20m -run TestKernels ./k2i/probe/kernels

lint: $(GOLANGCI) ## golangci-lint at the pinned version, with .golangci.yml
	$(GOLANGCI) run ./...

$(GOLANGCI):
	GOBIN=$(CURDIR)/$(dir $@) $(GO) install github.com/golangci/golangci-lint/v2/cmd/golangci-lint@v$(GOLANGCI_VERSION)

bench: build peers ## measure all beside other systems: bench/report/report.md, half an hour; BENCH_FLAGS=--quick: 4 min
	bin/bench report --dir bench/report $(BENCH_FLAGS)

generate: ## compile the BPF programs and what dps --via gathers by again (needs clang, lld and libbpf's headers)
	$(GO) generate ./ebpf/... ./k2i/via/gather

install: build ## install programs, man pages and completions under PREFIX=/usr/local
	install -d $(BINDIR) $(LIBEXECDIR) $(MANDIR) $(BASHDIR) $(ZSHDIR) $(FISHDIR)
	@set -e; for p in $(PROGRAMS); do \
		echo "install: $$p"; \
		install -m 755 bin/$$p $(BINDIR)/$$p; \
		bin/$$p man --dir $(MANDIR); \
		bin/$$p completion bash > $(BASHDIR)/$$p; \
		bin/$$p completion zsh > $(ZSHDIR)/_$$p; \
		bin/$$p completion fish > $(FISHDIR)/$$p.fish; \
	done
	install -m 644 $(SENT:%=bin/k2i-once-%.gz) $(LIBEXECDIR)

packages: $(NFPM) ## make dist/: deb, rpm, tarball, bill of materials and checksums, of the commit that is checked out
	NFPM=$(CURDIR)/$(NFPM) GO=$(GO) deploy/package/build dist

twice: packages ## make the packages again, elsewhere and in other circumstances, and compare every byte
	NFPM=$(CURDIR)/$(NFPM) GO=$(GO) deploy/package/twice

$(NFPM):
	GOBIN=$(CURDIR)/$(dir $@) $(GO) install github.com/goreleaser/nfpm/v2/cmd/nfpm@v$(NFPM_VERSION)

clean: ## remove what was built and fetched
	rm -rf bin dist .tools
