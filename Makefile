# make test    everything, on a real three-node Kafka as well: needs Go, and for Kafka Java 17 and Maven
# make check   the same without -race and without what takes long: for every save
# make fuzz    each fuzz test for FUZZTIME
#
# Modules are those of go.work, each tested in its own folder.

SHELL := bash
.SHELLFLAGS := -euo pipefail -c
.DELETE_ON_ERROR:

modules = $(shell go list -m -f '{{.Dir}}')

# Modules whose packages start brokers: one package at a time, since each broker takes a core.
brokers := $(CURDIR)/kafkatest $(CURDIR)/test

FUZZTIME ?= 30s

.PHONY: test check fuzz format vet lint

test: format vet
	@$(foreach dir,$(modules),echo "== go test -race $(dir:$(CURDIR)/%=%)"; \
	  (cd $(dir) && go test -race -timeout 15m $(if $(filter $(dir),$(brokers)),-p 1) ./...) || exit 1;)

check: format vet lint
	@$(foreach dir,$(modules),echo "== go test -short $(dir:$(CURDIR)/%=%)"; \
	  (cd $(dir) && go test -short -timeout 2m ./...) || exit 1;)

format:
	@bad=$$(gofmt -l .); if [ -n "$$bad" ]; then echo "not formatted (gofmt -w):"; echo "$$bad"; exit 1; fi

vet:
	@$(foreach dir,$(modules),(cd $(dir) && go vet ./...) || exit 1;)

lint:
	go test ./internal/lint

fuzz:
	@for package in $$(go list ./...); do \
	  for name in $$(go test -list '^Fuzz' "$$package" | grep '^Fuzz' || true); do \
	    echo "== $$package $$name"; \
	    go test -run '^$$' -fuzz "^$$name\$$" -fuzztime $(FUZZTIME) "$$package"; \
	  done; \
	done
