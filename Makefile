# `make help` lists the targets. Nothing here needs Docker, a cluster, a GPU, root or an account.
SHELL := bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
MAKEFLAGS += --no-print-directory

DATA ?= digits
PREFIX ?= $(HOME)/.local
KEEP ?=
ROUNDS ?= 10000

.PHONY: help
help: ## list the targets
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  make %-12s %s\n", $$1, $$2}'

# Asked first, so that nobody waits for 1.3 GB only to be told that a compiler is missing.
.PHONY: tools
tools:
	@scripts/need.sh git cargo c++ python3 pip

.PHONY: libtorch
libtorch: ## install libtorch into .libtorch/
	@scripts/need.sh python3 pip
	@scripts/fetch_libtorch.sh

.PHONY: data
data: ## fetch real data into .data/ (DATA=digits, fashion, credit, bikes or breast-cancer), and GitHub's example deliveries
	@scripts/need.sh python3 pip
	@python3 scripts/fetch_data.py $(DATA)
	@scripts/fetch_webhooks.sh

.PHONY: test-data
test-data: ## fetch all data of the tests
	@for data in digits credit bikes breast-cancer; do $(MAKE) data DATA=$$data; done

.PHONY: build
build: tools libtorch ## build everything
	@scripts/step.sh "build (several minutes the first time)" cargo build --workspace

.PHONY: demo
demo: tools ## the main job, start to end (DATA=fashion, KEEP=1 to leave it running)
	@scripts/step.sh libtorch $(MAKE) libtorch
	@scripts/step.sh data $(MAKE) data DATA=$(DATA)
	@# Of the whole workspace, so that `make build` and `make test` use what is built here.
	@scripts/step.sh "build (several minutes the first time)" cargo build --workspace --bin slipway --bin slipway-trainer --bin slipway-sandbox --bin slipway-demo
	@scripts/step.sh demo target/debug/slipway-demo --data $(DATA) $(if $(KEEP),--keep)

# Tests list themselves in this file if they cannot run on this machine.
test: export SLIPWAY_IGNORED_TESTS = $(CURDIR)/target/ignored-tests

.PHONY: test
test: tools ## every test: the real trainer and real git servers included
	@rm -f "$$SLIPWAY_IGNORED_TESTS"
	@scripts/step.sh libtorch $(MAKE) libtorch
	@scripts/step.sh data $(MAKE) test-data
	@scripts/step.sh postgres $(MAKE) postgres
	@scripts/step.sh gitea $(MAKE) gitea
	@scripts/step.sh "the release before" $(MAKE) previous
	@scripts/step.sh tables $(MAKE) tables
	@scripts/step.sh onnxruntime $(MAKE) onnxruntime
	@scripts/step.sh programs $(MAKE) programs
	@scripts/step.sh serving $(MAKE) serving
	@scripts/step.sh stores $(MAKE) stores
	@$(MAKE) build
	@scripts/step.sh tests cargo test --workspace
	@scripts/step.sh "api tests" $(MAKE) test-api
	@scripts/step.sh "contract tests" $(MAKE) test-contract
	@scripts/ignored_tests.sh

.PHONY: test-faults
test-faults: tools libtorch postgres ## a part of it: kills, outages, full disks, jumping clocks; says what was tried and what was lost
	@$(MAKE) data DATA=digits
	@$(MAKE) previous
	@cargo build --workspace
	@cargo test --test it -- faults --nocapture

.PHONY: previous
previous: tools ## build the release before this one, for the test of rolling updates
	@scripts/build_previous.sh

.PHONY: postgres
postgres: ## make sure that the tests find a PostgreSQL
	@scripts/need.sh python3 pip
	@scripts/fetch_postgres.sh

.PHONY: gitea
gitea: ## make sure that the tests find a real Gitea, if Go is here to build it
	@scripts/fetch_gitea.sh

.PHONY: forgejo
forgejo: ## make sure that the tests find a real Forgejo, if Go is here to build it
	@scripts/fetch_forgejo.sh

.PHONY: test-forgejo
test-forgejo: tools libtorch ## the tests against a real Forgejo, which takes long to build
	@$(MAKE) data DATA=digits
	@$(MAKE) forgejo
	@cargo build --workspace
	@cargo test --test it -- --ignored forgejo

.PHONY: tables
tables: ## make sure that the tests find pandas, polars and pyarrow
	@scripts/need.sh python3 pip
	@scripts/fetch_tables.sh

.PHONY: onnxruntime
onnxruntime: ## make sure that the tests find onnxruntime, the oldest supported version and the newest
	@scripts/need.sh python3 pip
	@scripts/fetch_onnxruntime.sh

.PHONY: programs
programs: ## make sure that the tests find scikit-learn and XGBoost
	@scripts/need.sh python3 pip
	@scripts/fetch_programs.sh

.PHONY: serving
serving: ## make sure that the tests find the clients of Triton and KServe
	@scripts/need.sh python3 pip
	@scripts/fetch_serving.sh

.PHONY: test-serving
test-serving: tools libtorch onnxruntime serving ## a part of it: the model server, its protocol, the clients of Triton and KServe, and load
	@cargo test --package slipway-server

.PHONY: stores
stores: ## make sure that the tests find a server with the API of S3, and DVC
	@scripts/need.sh python3 pip
	@scripts/fetch_stores.sh

.PHONY: test-api
test-api: tools libtorch ## hold a running server against docs/openapi.json, with schemathesis
	@# The whole workspace, as `make test` has built it: a part of it would be built anew, with other features.
	@cargo build --quiet --workspace
	@python3 scripts/check_api.py

.PHONY: test-contract
test-contract: tools libtorch ## the tests of forges once more, each call held against GitHub's own description, by Prism
	@$(MAKE) data DATA=digits
	@cargo build --workspace
	@python3 scripts/check_contract.py

.PHONY: quick
quick: ## unit tests of the packages that need neither libtorch nor servers
	@cargo test --quiet --lib $(addprefix --package slipway-,contract domain yaml manifest gate executor families onnx)

.PHONY: fuzz
fuzz: tools ## fuzz every reader of bytes from outside, SECONDS=60 in all
	@scripts/fuzz.sh $(or $(SECONDS),60)

.PHONY: lint
lint: tools libtorch ## formatting and clippy, warnings denied
	@cargo fmt --all --check
	@cargo clippy --workspace --all-targets -- -D warnings

.PHONY: deny
deny: ## licences, advisories, duplicates and sources of all dependencies, by cargo-deny and deny.toml
	@scripts/need.sh cargo cargo-deny
	@cargo deny --workspace check -D unmatched-skip -D unnecessary-skip

.PHONY: docs
docs: tools libtorch ## API documentation, warnings denied
	@RUSTDOCFLAGS="-D warnings" cargo doc --workspace --no-deps

.PHONY: docs-site
docs-site: ## the pages of docs/ as a site in target/site (mdBook, which it installs)
	@command -v mdbook >/dev/null || { scripts/need.sh cargo && cargo install --quiet --locked mdbook@0.5.2; }
	@mdbook build docs
	@echo "docs-site: target/site/index.html"

.PHONY: generate
generate: ## write what is generated: schemas/, docs/cli.md, docs/openapi.json, and parts of other pages
	@cargo run --quiet --bin slipway -- generate schema
	@cargo run --quiet --bin slipway -- generate cli
	@cargo run --quiet --bin slipway -- generate openapi
	@UPDATE_DOCS=1 cargo test --quiet --test it -- the_matrix_of_forges the_reference_of the_picture_of

.PHONY: bench-peers
bench-peers: ## install what benchmarks compare with (PyTorch, 5 GB; NumPy and scikit-learn; webhook and probot)
	@scripts/need.sh python3 pip
	@scripts/fetch_pytorch.sh
	@scripts/fetch_intake_peers.sh
	@[ -x .peers/gate/bin/python ] || { python3 -m venv .peers/gate && .peers/gate/bin/pip install --quiet scikit-learn==1.9.1 scipy==1.17.1 fairlearn; }

.PHONY: bench-gate
bench-gate: tools ## the gate's calibration, power, speed beside scikit-learn, pandas' snappy, hostile input (RECORD=1 writes docs/benchmarks.md)
	@scripts/need.sh python3 pip && scripts/fetch_tables.sh
	@cargo bench --quiet --workspace --bench gate -- all --rounds $(ROUNDS) $(if $(RECORD),--record)

.PHONY: bench-train
bench-train: build ## the demo's network through slipway and in PyTorch, in turns (RECORD=1 writes docs/benchmarks.md)
	@$(MAKE) data DATA=digits
	@python3 scripts/bench_train.py $(if $(RECORD),--record)

.PHONY: bench-families
bench-families: build ## trees and linear models beside LightGBM and scikit-learn, which it installs, on the data of the examples
	@for data in credit bikes breast-cancer; do $(MAKE) data DATA=$$data; done
	@cargo build --release --workspace --bin slipway-trainer
	@python3 scripts/bench_families.py

.PHONY: bench-intake
bench-intake: tools postgres libtorch ## deliveries beside webhook and probot, in turns; claims beside 100,000 runs (RECORD=1 writes docs/benchmarks.md)
	@cargo build --release --workspace --bin slipway --bin slipway-bench-intake
	@mkdir -p target/bench
	@SLIPWAY_BENCH_CLAIMS=$(CURDIR)/target/bench/claims.json cargo test --release --quiet -p slipway-store --lib -- \
		--ignored --nocapture claiming_a_run_beside
	@target/release/slipway-bench-intake $(if $(RECORD),--record)

.PHONY: bench-promotion
bench-promotion: ## promotions by slipway and by the git command line, in turns (RECORD=1 writes docs/benchmarks.md)
	@scripts/need.sh git cargo c++
	@cargo bench --quiet --workspace --bench promotion -- $(if $(RECORD),--record)

.PHONY: bench-forge
bench-forge: tools libtorch ## 500 changes at once at a GitHub with limits, and how soon checks are seen (RECORD=1 writes docs/benchmarks.md)
	@$(MAKE) data DATA=digits
	@cargo build --release --workspace
	@cargo bench --quiet --workspace --bench forge -- $(if $(RECORD),--record)

.PHONY: bench-scale
bench-scale: tools postgres ## 2,000 models, 100,000 runs and an hour of 20,000 deliveries, and a tenth of it (RECORD=1 writes docs/benchmarks.md)
	@cargo bench --quiet --workspace --bench scale -- $(if $(RECORD),--record)

.PHONY: doctor
doctor: ## say what this machine lacks
	@scripts/need.sh git cargo c++ python3 pip && echo "everything that building needs is here"
	@if [ -x target/debug/slipway ]; then target/debug/slipway doctor; fi

.PHONY: install
install: tools libtorch ## release build into PREFIX (default ~/.local), libtorch beside it
	@cargo build --release --package slipway --package slipway-trainer --package slipway-sandbox --package slipway-server
	@install -D -t $(PREFIX)/bin target/release/slipway target/release/slipway-trainer target/release/slipway-sandbox target/release/slipway-server
	@echo "install: slipway, slipway-trainer, slipway-sandbox and slipway-server are in $(PREFIX)/bin; the trainer finds libtorch in $(CURDIR)/.libtorch"

.PHONY: clean
clean: ## remove what was built; .libtorch/ and .data/ stay
	@cargo clean
