# Every command that a day with Heddle needs, in the order of a working day.

GO ?= go

# What is tested is built as what is released.
export CGO_ENABLED = 0

.PHONY: help
help: ## this list
	@awk -F ':.*## ' '/^[a-z\/-]+:.*## / { printf "%-16s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

.PHONY: build
build: ## build ./heddle
	$(GO) build -trimpath -o heddle ./cmd/heddle

# The last one of the changelog.
VERSION ?= $(shell sed -n 's/^## \([0-9.]*\) - .*/\1/p' CHANGELOG.md | head -n 1)

.PHONY: release
release: ## archives, Debian packages, bills of materials and checksums in ./dist, of the version that CHANGELOG.md has first; VERSION=0.1.0 for another
	cd release && $(GO) run . -version '$(VERSION)' -out ../dist

.PHONY: release/check
release/check: release ## two builds of a release have the same bytes
	cd release && $(GO) run . -version '$(VERSION)' -out ../dist/again
	diff dist/SHA256SUMS dist/again/SHA256SUMS && rm -r dist/again

.PHONY: notice
notice: ## write NOTICE anew: what the binaries link, and under which licences
	cd release && $(GO) run . -notice ../NOTICE

.PHONY: run
run: ## serve on 127.0.0.1:7930, everything in memory
	$(GO) run ./cmd/heddle serve --store memory

.PHONY: test
test: ## fast tests: all but those that load or kill the real binary (bench) or need a browser, which test/all runs
	$(GO) test $$($(GO) list ./... | grep -v -e /bench/ -e /test/console)

# Packages that do one thing at a time, as test/layout holds them to.
SEQUENTIAL = ./internal/dataexchange/catalog ./internal/sfn/execution ./internal/sfn/intrinsic ./internal/sfn/itemreader/parquet ./internal/sfn/maprun ./internal/sfn/registry ./internal/swf/execution ./internal/swf/registry ./jsonpath ./test/layout ./test/promises

# Tests that the race detector would slow down for nothing, and that skip themselves under it: test/layout
# holds this list to them.
UNRACED = ^(TestAllocations|TestAnswersAreBounded|TestConsoleShowsLargeHistories|TestDifferential|TestFullQuotasHurtNobody|TestHostile|TestLargeSnapshotIsWrittenInParts|TestOneReader)$$

.PHONY: test/race
test/race: ## all tests but the packages that test/sim, test/console, test/crash, test/overload and test/attack run whole; under the race detector wherever more than one thing is done at a time, and not by another process
	$(GO) test -vet=off $(SEQUENTIAL)
	$(GO) test -vet=off ./internal/aws/operation ./internal/aws/policy ./internal/server ./internal/shard ./jsonata -run '$(UNRACED)'
	$(GO) test -vet=off ./bench ./bench/soak
	CGO_ENABLED=1 $(GO) test -vet=off -race -timeout 15m $$($(GO) list ./... | grep -vxF "$$($(GO) list $(SEQUENTIAL) ./test/sim ./test/console ./bench ./bench/soak ./bench/crash ./bench/overload ./bench/attack)")

.PHONY: test/sim
test/sim: ## whole servers simulated from seeds, with faults; SEEDS=1000000 for a long run
	$(GO) test ./test/sim -count=1 -timeout 120m -seeds $(or $(SEEDS),4000) -coverage

.PHONY: test/crash
test/crash: ## kill -9 under load, in starts, in rekeyings, backups and batches, and full disks, again and again; KILLS=1000 for a long run
	$(GO) test ./bench/crash -count=1 -timeout 2h -kills $(or $(KILLS),120) -v
	$(GO) test ./cmd/heddle -count=1 -timeout 15m -run 'TestBackups|TestBatchesSurviveKills|TestFullDisk' -v

# Long enough to see each, and short enough for every change. Two upgrades in a row (upgrade) are not among them, for they build two
# releases: some 20 s of processors, and 15 s more.
CLUSTER_EVENTS = kill,term,pause,join,cut,promote

.PHONY: test/cluster
test/cluster: ## three nodes on one PostgreSQL, killed, stopped, paused, cut off and promoted under load, by clients that call any of them; FOR=1m for each event, EVENTS=random
	$(GO) run ./bench/cluster -clients $(or $(CLIENTS),3) -for $(or $(FOR),4s) -events '$(or $(EVENTS),$(CLUSTER_EVENTS))'

.PHONY: test/overload
test/overload: ## four times the load that the server sustains, with 5,000 idle polls
	$(GO) test ./bench/overload -count=1 -timeout 10m -polls 5000 -requests 5000 -sustained 5s -flood 20s -v

.PHONY: test/attack
test/attack: ## crowds of raw connections, floods of strangers and of users without rights, beside the root user's work; FLOOD=1m for long ones
	$(GO) test ./bench/attack -count=1 -timeout 30m -size $(or $(SIZE),2000) -held 3s -flood $(or $(FLOOD),4s) -v

.PHONY: soak
soak: ## steady load for long, and what grows that should not; MINUTES=600
	$(GO) test ./bench/soak -count=1 -timeout 48h -minutes $(or $(MINUTES),60) -v

.PHONY: test/disk
test/disk: ## disks that fail, fill up, lose power and flip bits under a whole server; TRIALS=0 for every place
	@for tests in 'DiskFaults/^(a_|writes)' 'DiskFaults/^the_' FlippedBits; do \
		$(GO) test ./internal/server -run "$$tests" -count=1 -timeout 120m -trials $(or $(TRIALS),10) -v || exit 1; \
	done # lives that were cut short keep their memory

.PHONY: test/linear
test/linear: ## histories of concurrent clients under faults are judged; HISTORIES=1000 for a long run
	$(GO) test ./internal/server -run 'Linearizable|LyingDisk' -count=1 -parallel 8 -timeout 120m -histories $(or $(HISTORIES),50) -v

.PHONY: test/fuzz
test/fuzz: ## every fuzz target in its turn; FUZZTIME=1m for longer
	@grep -rHo '^func Fuzz[A-Za-z]*' --include='*_test.go' internal cmd json* | while IFS=: read -r file target; do \
		echo "$${file%/*} $${target#func }"; \
		$(GO) test ./$${file%/*} -run '^$$' -fuzz "^$${target#func }$$" -fuzztime $(or $(FUZZTIME),10s) -parallel $(or $(PARALLEL),2) || exit 1; \
	done

.PHONY: test/mutants
test/mutants: ## bugs put in on purpose, each of which a test must catch; MUTANT=name for some of them
	nice $(GO) test -tags mutants ./test/mutants -run TestMutants -count=1 -timeout 6h -v -args -mutant '$(MUTANT)'

.PHONY: test/console
test/console: ## the console driven by Chromium; PICTURES=folder for pictures of all pages
	$(GO) test ./test/console -count=1 -timeout 15m -pictures '$(PICTURES)'

.PHONY: site
site: ## all documents as a site with search, in ./build/site; needs mkdocs
	@rm -rf build/pages && mkdir -p build/pages
	git ls-files '*.md' '*.txt' '*.png' '*.webp' examples deploy heddletest LICENSE | tar -cT - | tar -xC build/pages
	mkdocs build --quiet --strict --config-file docs/mkdocs.yml

.PHONY: vendor
vendor: ## pack anew what pages have from npm, as VENDOR.json says; needs npm
	$(GO) run ./internal/console/ui/vendoring

.PHONY: test/release
test/release: ## what releases are packed with
	cd release && $(GO) vet ./... && $(GO) test ./...

.PHONY: test/compat
test/compat: ## the vendors' clients against a running server
	compat/run

.PHONY: test/all
test/all: lint verify test/race test/sim test/crash test/overload test/attack test/disk test/linear ## all that must pass before a change lands
	$(MAKE) -j2 --output-sync=target test/compat test/cluster test/release test/console # which wait more than they compute; the longest first

.PHONY: lint
lint: ## gofmt, vet and staticcheck
	@test -z "$$(gofmt -l $$(git ls-files '*.go'))" || { echo "not formatted:"; gofmt -l $$(git ls-files '*.go'); exit 1; }
	$(GO) vet ./...
	$(GO) tool staticcheck ./...

.PHONY: fmt
fmt: ## format the source
	gofmt -w $$(git ls-files '*.go')

.PHONY: generate
generate: ## make the generated files anew
	$(GO) generate ./...

.PHONY: verify
verify: generate ## generated files are what the generators make
	git diff --exit-code -- '*_gen.go' '**/coverage.md'

.PHONY: golden
golden: ## rewrite the story files and the tables of settings; read the diff
	$(GO) test ./internal/swf/registry ./internal/swf/execution ./internal/sfn/execution ./internal/iam/account/... ./internal/server \
		./internal/aws/operation ./internal/audit ./cmd/heddle -run 'Stories|Sessions|Golden' -rewrite

.PHONY: bench
bench: ## measure workflows/s, latency, CPU and bytes per workflow
	$(GO) run ./bench

.PHONY: bench/compare
bench/compare: ## the same beside a stub, which is this machine's ceiling, moto and Temporal on SQLite
	$(GO) run ./bench -workload one-activity -server stub,heddle,moto,temporal-sqlite -auth sigv4 -repeat 3 -duration 5s -table
