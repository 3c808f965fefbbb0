# make test    everything, on a real three-node Kafka as well: needs Go, and for Kafka Java 17 and Maven
# make check   the same without -race and without what takes long: for every save
# make fuzz    each fuzz test of all modules for FUZZTIME, two minutes if it is not set
# make bench   what this producer and others cost, into BENCHMARKS.md and docs/bench.svg: under 25 minutes on a machine
#              that does nothing else; with Java 17 and Maven also Kafka's own producer and a real cluster, with a C
#              compiler also librdkafka
# make bench-quick   the same in under 2 minutes, of less worth and without the cluster
# make sim     the sender's core against the model of the brokers: SEEDS schedules, from the seed FROM on, or as many as
#              SECONDS allow; one of them, with its trace: go run ./internal/sim/simulate -seed 17. Then the whole
#              producer, WHOLE schedules (a fiftieth) or half of SECONDS; one of them, with its trace:
#              go test ./internal/sim/whole -run Schedules -v -args -seed 17
# make sim-mutants   that the simulation finds deliberate bugs, each within 1,000 schedules; or the tests that a bug names
# make chaos MINUTES=30   three real brokers that are killed, frozen, restarted and cut off under load; SEED names the plan, PLAN a
#              file of one, RATE the records a second; with ACKS=1 or IDEMPOTENCE=false what these allow must be found
#
# Modules are those of go.work, each tested in its own folder. All of them are run, and the failed ones named at the end.

SHELL := bash
.SHELLFLAGS := -euo pipefail -c
.DELETE_ON_ERROR:

modules := $(shell go list -m -f '{{.Dir}}')

# Modules whose tests measure memory, CPU and time, which -race multiplies: they run without it, and their quick tests
# once more with it. Their packages are run one at a time, since each has brokers that take a core; and always, since
# they build the command and read documents, of which the cache of test results knows nothing.
measuring := $(CURDIR)/bench $(CURDIR)/bench/rivals $(CURDIR)/bench/rivals/librdkafka $(CURDIR)/test

# The race detector needs a C compiler. Where there is none, CI fails and everybody else goes without.
compiler := $(shell command -v $$(go env CC) || true)
race := $(if $(compiler)$(filter true,$(CI)),-race)

FUZZTIME ?= 2m
MINUTES ?= 5
FROM ?= 1
SEEDS ?= $(if $(filter-out 0,$(SECONDS)),0,100000)
SECONDS ?= 0
WHOLE ?= $(shell echo $$(( $(SEEDS) / 50 )))

# $(call test,folder,flags) tests a module and notes in $failed whether that went wrong.
test = echo "== $(subst $(CURDIR),.,$(1)): go test $(2)"; (cd $(1) && go test $(2) ./...) || failed="$$failed $(subst $(CURDIR),.,$(1))";
verdict = if [ -n "$$failed" ]; then echo "== failed:$$failed"; exit 1; fi; echo "== all passed"

.PHONY: test check fuzz sim sim-mutants chaos format vet lint bench bench-quick

test: format vet
	@$(if $(race),,echo "== without the race detector: no C compiler";) failed=; \
	$(foreach dir,$(filter-out $(measuring),$(modules)),$(call test,$(dir),$(race) -timeout 15m)) \
	$(foreach dir,$(filter $(measuring),$(modules)),$(call test,$(dir),$(race) -short -count=1 -timeout 10m)) \
	$(foreach dir,$(filter $(measuring),$(modules)),$(call test,$(dir),-p 1 -count=1 -timeout 30m)) \
	$(verdict)

check: format vet lint
	@failed=; $(foreach dir,$(modules),$(call test,$(dir),-short $(if $(filter $(measuring),$(dir)),-count=1) -timeout 2m)) $(verdict)

format:
	@bad=$$(gofmt -l .); if [ -n "$$bad" ]; then echo "not formatted (gofmt -w):"; echo "$$bad"; exit 1; fi

vet:
	@$(foreach dir,$(modules),(cd $(dir) && go vet ./...) || exit 1;)

lint:
	go test ./internal/lint

# Without its limit, minimizing what is merely interesting takes most of the time.
fuzz:
	@failed=; for dir in $(modules); do cd $$dir; for package in $$(go list ./...); do \
	  for name in $$(go test -list '^Fuzz' "$$package" | grep '^Fuzz' || true); do \
	    echo "== $$package $$name"; \
	    go test -run '^$$' -fuzz "^$$name\$$" -fuzztime $(FUZZTIME) -fuzzminimizetime 1s "$$package" || failed="$$failed $$name"; \
	  done; \
	done; done; $(verdict)

bench bench-quick:
	@mkdir -p bin/bench
	cd bench && go build -o ../bin/bench/bench ./cmd/bench && go build -o ../bin/bench/bench-kafka ./cmd/kafka
	cd bench/rivals && go build -o ../../bin/bench/bench-rivals .
	@rm -f bin/bench/bench-librdkafka; cd bench/rivals/librdkafka && \
	  go build -o ../../../bin/bench/bench-librdkafka . || echo "== without librdkafka: it cannot be linked here"
	bin/bench/bench report $(if $(filter bench-quick,$@),--quick) --markdown BENCHMARKS.md --chart docs/bench.svg --json bin/bench/results.json

sim:
	go run ./internal/sim/simulate -from $(FROM) -seeds $(SEEDS) -seconds $$(( $(SECONDS) / 2 ))
	go test -timeout 0 -count=1 -v -run Schedules ./internal/sim/whole -args -from $(FROM) -seeds $(WHOLE) -seconds $$(( $(SECONDS) / 2 ))

sim-mutants:
	go test -timeout 30m -v -run Catches ./internal/sim/mutants -args -schedules=1000

# The load may go on for 3 minutes after the last fault, until all outcomes are told; then all records are read.
chaos:
	cd test && OMNIBUS_CHAOS_MINUTES=$(MINUTES) OMNIBUS_CHAOS_SEED=$(SEED) OMNIBUS_CHAOS_PLAN=$(abspath $(PLAN)) OMNIBUS_CHAOS_RATE=$(RATE) \
	  OMNIBUS_CHAOS_ACKS=$(ACKS) OMNIBUS_CHAOS_IDEMPOTENCE=$(IDEMPOTENCE) \
	  go test -count=1 -v -timeout $$(awk 'BEGIN { print int(1.5 * $(MINUTES)) + 20 }')m -run '^TestChaos$$' .
