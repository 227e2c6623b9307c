# Two commands matter: `make run` and `make test`. `make help` lists the rest.
SHELL := /bin/bash
.DEFAULT_GOAL := help

SWIFT ?= swift
HOST ?= 127.0.0.1
PORT ?= 8080
RELEASE := .build/release/latchkey
PYTHON := .venv/bin/python

.PHONY: help run test test-swift test-outside build bench bench-sqlite bench-postgres bench-gateway bench-pages format format-check clean packages-run packages-test packages-bench

help: ## Show this list.
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-14s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

run: packages-run build ## Set everything up and serve on http://127.0.0.1:8080 (PORT=… HOST=… to change).
	@exec $(RELEASE) serve --hostname $(HOST) --port $(PORT) --quickstart .latchkey

test: packages-test test-swift test-outside ## Everything the tests need, then every test.

test-swift: ## The Swift tests alone, beside a private PostgreSQL.
	$(SWIFT) build --build-tests
	LATCHKEY_PYTHON=$(CURDIR)/$(PYTHON) scripts/with-postgres $(SWIFT) test --skip-build

test-outside: build .venv/ready ## The outside clients' tests alone, against the release binary, on both databases.
	LATCHKEY_TEST_DATABASE=sqlite $(PYTHON) -m pytest -q Tests/Outside
	LATCHKEY_TEST_DATABASE=postgresql $(PYTHON) -m pytest -q Tests/Outside

build: ## The release binary.
	$(SWIFT) build -c release

bench: bench-sqlite bench-postgres bench-gateway bench-pages ## Requests per second, latency, memory, start; beside pgbench and nginx; moving house; pages.

bench-sqlite: packages-bench build ## Of these, the embedded database.
	@scripts/bench

bench-postgres: packages-bench build ## Of these, PostgreSQL, import, backup and restore.
	@scripts/bench-postgres

bench-gateway: packages-bench build ## Of these, the gateway beside nginx as a reverse proxy, answers and event streams.
	@scripts/bench-gateway

bench-pages: packages-bench build .venv/ready ## Of these, the pages in Chromium: bytes, requests, paints, layout shifts.
	@$(PYTHON) scripts/bench-pages

format: ## Format the sources.
	$(SWIFT) format --in-place --recursive Sources Tests Package.swift

format-check: ## Fail on sources that are not formatted.
	$(SWIFT) format lint --strict --recursive Sources Tests Package.swift

clean: ## Remove what was built. Keeps .latchkey/, where your root and database are.
	rm -rf .build .venv bench-results

packages-run:
	@scripts/install-packages run

packages-test:
	@scripts/install-packages test

packages-bench:
	@scripts/install-packages bench

.venv/ready: Tests/Outside/requirements.txt
	@command -v python3 >/dev/null || scripts/install-packages test
	python3 -m venv .venv
	$(PYTHON) -m pip install --quiet --disable-pip-version-check -r Tests/Outside/requirements.txt
	@touch $@

test-swift: .venv/ready
