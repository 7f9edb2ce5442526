# Each target sets up what it needs on a machine with Python 3.11 or later, its venv module and make.

SHELL := /bin/sh
BIN := .venv/bin
PIP := $(BIN)/python -m pip install --quiet --disable-pip-version-check
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:

SEEDS ?= 200

.PHONY: help demo deb test check docs torture simulate fuzz livekit-client schemas conformance bench bench-all lock upgrade clean

help: ## show these targets
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/make \1\t\2/p' Makefile | expand -t 16

demo: .venv/runs ## watch rooms appear because a YAML file says so; Ctrl-C ends it
	@exec $(BIN)/room-orchestrator demo

deb: .venv/runs ## build the Debian package for this release of Debian, into dist/
	$(BIN)/python -m tools.make_deb

test: .venv/tests ## run every test and hold the coverage to its floors
	$(BIN)/coverage erase
	$(BIN)/pytest --cov --cov-report=
	$(BIN)/python tests/coverage_floors.py

check: .venv/tests ## style, types, the direction of imports, spelling, lock files, licences
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-logo
	$(BIN)/codespell
	$(BIN)/python tools/lock.py --check
	$(BIN)/python -m pip --disable-pip-version-check check
	$(BIN)/python tools/licences.py
	$(BIN)/python tools/livekit_client.py --check

docs: .venv/docs ## build the documentation as a site, in site/; a link that leads nowhere is an error
	$(BIN)/python -m tools.make_site

torture: .venv/tests ## kill the daemon 200 times while the API lies, and count what is lost; a quarter of an hour
	$(BIN)/python tests/system/torture.py

simulate: .venv/tests ## years at random against a lying API; SEEDS=2000, or SEEDS=5000-6000, JOBS=2
	$(BIN)/python -m tests.simulation.simulate --seeds $(SEEDS) $(if $(JOBS),--jobs $(JOBS)) $(if $(PLANTED),--planted $(PLANTED))

fuzz: .venv/tests ## throw damaged messages at every reader of pages; ten minutes
	$(BIN)/python -m tests.properties.fuzz_intake --seconds 600

livekit-client: .venv/runs ## fetch LiveKit's library for browsers anew, by npm, as it is pinned
	$(BIN)/python tools/livekit_client.py

schemas: .venv/runs ## write schemas/ and the pages made of code, after a change of the forms or the catalogue of events
	@for one in policy theme config audit; do $(BIN)/room-orchestrator schema $$one > schemas/$$one.json; done
	@$(BIN)/python -m tools.make_audit_docs
	@$(BIN)/python -m tools.make_config_docs

conformance: .venv/tests ## write docs/conformance.md from a run of the suites that hold the Meetings server to its API
	$(BIN)/python -m tools.make_conformance

bench: .venv/tests ## measure against the bare minimum; writes docs/performance.md; five minutes
	$(BIN)/python -m benchmarks

bench-all: .venv/tests ## the same, and what takes longer: 100,000 rooms
	$(BIN)/python -m benchmarks --all

lock: .venv/tests ## write the lock files after a change of pyproject.toml
	$(BIN)/python tools/lock.py

upgrade: .venv/tests ## write the lock files anew with the newest versions that fit
	$(BIN)/python tools/lock.py --upgrade

clean: ## remove what the other targets made
	rm -rf .venv .coverage .coverage.* coverage.json site build .hypothesis .mypy_cache .pytest_cache .ruff_cache .import_linter_cache dist demo

.venv/made: tools/find-python
	@python=$$(tools/find-python) && echo "Making .venv with $$python" && "$$python" -m venv .venv
	@touch $@

# What runs: the package and its dependencies.  A lock file is complete, so pip has nothing to add to it (--no-deps): an
# older pip takes the newest coverage for coverage[toml], beside the one that is locked, and then misses its hash.
.venv/runs: .venv/made requirements.lock requirements-build.lock pyproject.toml
	@echo "Installing what room-orchestrator runs on (requirements.lock)"
	@$(PIP) --no-deps --require-hashes -r requirements.lock -r requirements-build.lock
	@$(PIP) --no-deps --no-build-isolation --editable .
	@touch $@

# What tests and checks, on top.
.venv/tests: .venv/runs requirements-dev.lock
	@echo "Installing what tests and checks it (requirements-dev.lock)"
	@$(PIP) --no-deps --require-hashes -r requirements-dev.lock
	@touch $@

# What makes the site of the documentation, on top; its versions are those of the others where they share a package.
.venv/docs: .venv/runs requirements-docs.lock
	@echo "Installing what makes the documentation (requirements-docs.lock)"
	@$(PIP) --no-deps --require-hashes -r requirements-docs.lock
	@touch $@
