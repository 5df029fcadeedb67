# Everything sets itself up from nothing but Python >= 3.11: no target needs another one to be called first.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
# Three for each core: a test often waits for something. More than twelve would wait for the longest file.
WORKERS ?= $(shell n=$$(( $$(getconf _NPROCESSORS_ONLN) * 3 )); echo $$(( n > 12 ? 12 : n )))
DOCS_STAMP := $(VENV)/.installed-docs
BROWSER_STAMP := $(VENV)/.installed-browser
AXE := build/axe/node_modules/axe-core/axe.min.js

.PHONY: demo test test-browser test-fast test-live bench bench-peers docs docs-walk package docs-serve lint format lock clean
.DEFAULT_GOAL := help

help:
	@echo "make demo       the main job, end to end, on the embedded server"
	@echo "make test       lint, types and all tests"
	@echo "make test-browser  the console in a real Chromium, which the system must have; with npm also by axe-core"
	@echo "make test-live  the end-to-end suite against APPWRITE_ENDPOINT, APPWRITE_PROJECT_ID, APPWRITE_API_KEY"
	@echo "                RECORD=1 also records the provider's cassettes again; LIVE_EXECUTION=0 runs no function code"
	@echo "                APPWRITE_OWN_PROJECT=1 also changes settings of the project, which is for the suite alone"
	@echo "make bench      measurements (nothing is asserted), and 2000 random pairs of stacks"
	@echo "make bench-peers  side by side with Appwrite's own command line; needs node and npm"
	@echo "make docs       the documentation as a site, in build/site/; docs-serve shows it while it is written"
	@echo "make docs-walk  does what tutorial and how-tos say, and compares"
	@echo "make package    the wheel and the source archive, in dist/"
	@echo "make lint       ruff and mypy alone"

$(STAMP): requirements.lock pyproject.toml
	$(PYTHON) -c 'import sys; sys.exit("Python 3.11 or newer is needed; set PYTHON=...") if sys.version_info < (3, 11) else None'
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements.lock
	PYTHONWARNINGS=ignore $(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	touch $(STAMP)

$(DOCS_STAMP): requirements-docs.lock $(STAMP)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements-docs.lock
	touch $(DOCS_STAMP)

demo: $(STAMP)
	bash docs/demo/run.sh

lint: $(STAMP)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

test: lint
	$(BIN)/python -m pytest --workers $(WORKERS)

$(BROWSER_STAMP): requirements-browser.lock $(STAMP)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements-browser.lock
	touch $(BROWSER_STAMP)

# axe-core (MPL-2.0) is fetched for these tests and is no part of this project. Without npm its tests are skipped.
$(AXE):
	! command -v npm > /dev/null || npm install --silent --no-audit --no-fund --prefix build/axe axe-core@4.10.3

test-browser: $(BROWSER_STAMP) $(AXE)
	RACEDAY_BROWSER_REQUIRED=1 $(BIN)/python -m pytest tests/console/test_browser.py -rs

test-fast: $(STAMP)
	$(BIN)/python -m pytest tests/unit --workers 2

test-live: $(STAMP)
	$(BIN)/python -m pytest tests/e2e -m live
	test "$(RECORD)" != 1 || $(BIN)/python -m pytest tests/provider

bench: $(STAMP)
	$(BIN)/python -m benchmarks.run

bench-peers: $(STAMP)
	$(BIN)/python -m benchmarks.peers

# Wheel and source archive in dist/, built with what is locked: no network is used.
package: $(STAMP)
	rm -rf dist build/lib
	$(BIN)/python -c 'from setuptools import build_meta as b; b.build_sdist("dist"); b.build_wheel("dist")'

docs: $(DOCS_STAMP)
	NO_MKDOCS_2_WARNING=1 $(BIN)/python -m mkdocs build --strict

# Types every command of the tutorial and the how-tos, on embedded servers in a temporary folder, and compares the output.
docs-walk: $(STAMP)
	PATH="$(CURDIR)/$(BIN):$$PATH" $(BIN)/python docs/walk.py docs/tutorial.md docs/how-to/*.md

docs-serve: $(DOCS_STAMP)
	NO_MKDOCS_2_WARNING=1 $(BIN)/python -m mkdocs serve

format: $(STAMP)
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

# Needs pip-tools; run after changing dependencies in pyproject.toml.
COMPILE := $(BIN)/python -m piptools compile --quiet --all-build-deps --allow-unsafe --generate-hashes --strip-extras \
	--no-emit-index-url --no-emit-find-links --no-header
lock:
	$(COMPILE) --extra dev --output-file requirements.lock pyproject.toml
	$(COMPILE) --extra docs --constraint requirements.lock --output-file requirements-docs.lock pyproject.toml
	$(COMPILE) --extra s3 --extra encryption --constraint requirements.lock --output-file requirements-run.lock pyproject.toml
	$(COMPILE) --extra browser --constraint requirements.lock --output-file requirements-browser.lock pyproject.toml
	$(call lock-functions,requirements-http,daily-meetings daily-races enhanced-race-poller meeting-status-poller)
	$(call lock-functions,requirements-zone,daily-initial-data master-race-scheduler)

# What functions install: all of it, with hashes, in the versions that the tests run with.
define lock-functions
	$(BIN)/python -m piptools compile --quiet --allow-unsafe --generate-hashes --strip-extras --no-annotate --no-header \
		--no-emit-index-url --no-emit-find-links --constraint requirements.lock \
		--output-file functions/_shared/$(1).txt functions/_shared/$(1).in
	for each in $(2); do cp functions/_shared/$(1).txt functions/$$each/requirements.txt; done
	rm functions/_shared/$(1).txt
endef

clean:
	rm -rf $(VENV) build *.egg-info .mypy_cache .ruff_cache .pytest_cache .hypothesis
