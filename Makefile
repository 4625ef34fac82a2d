# The two commands to know: `make run` shows the bridge at work, `make test` proves it.
# Everything is installed into .venv from hash-locked requirements; needed are make and a Python of 3.11 or later.

SHELL := /bin/sh
VENV := .venv
BIN := $(VENV)/bin
CORPUS := ../shared/corpus

# The first Python that is new enough, unless the caller names one: `make run PYTHON=/path/to/python3.12`.
PYTHON ?= $(shell for python in python3 python3.11 python3.12 python3.13 python3.14 python; do \
	$$python -c 'import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1 \
	&& { echo $$python; break; }; done)

# Twice quiet: errors only; what the installer warns of says nothing about the bridge.
PIP := $(BIN)/python -m pip --disable-pip-version-check --quiet --quiet --require-virtualenv
INSTALL_PACKAGE = $(PIP) install --no-build-isolation --no-deps --editable .

# Tests share the cores there are, at most four: each process starts peers of its own. `make test PYTEST_ARGS="-n 0"`
# runs them one after the other.
SHARED := -n auto --maxprocesses 4 --dist loadgroup --no-loadscope-reorder

.DEFAULT_GOAL := help
.PHONY: help setup run test check format bench soak fuzz screenshots viewer corpus lock clean

help: ## List the targets
	@sed -n 's/^\([a-z]*\):.*## \(.*\)/make \1	\2/p' $(MAKEFILE_LIST)

$(BIN)/python:
	@test -n "$(PYTHON)" || { echo "No Python of 3.11 or later with venv was found; name one with PYTHON=..." >&2; exit 1; }
	@echo "Creating $(VENV) with $(PYTHON)"
	@$(PYTHON) -m venv $(VENV)

$(VENV)/run.stamp: requirements/run.txt pyproject.toml | $(BIN)/python
	@echo "Installing what the bridge needs to run"
	@$(PIP) install --require-hashes --requirement requirements/run.txt
	@$(INSTALL_PACKAGE)
	@touch $@

# The development lock holds the run lock's packages in the same versions.
$(VENV)/dev.stamp: requirements/dev.txt pyproject.toml | $(BIN)/python
	@echo "Installing what development and the tests need"
	@$(PIP) install --require-hashes --requirement requirements/dev.txt
	@$(INSTALL_PACKAGE)
	@touch $(VENV)/run.stamp $@

setup: $(VENV)/dev.stamp ## Create the environment for development

run: $(VENV)/run.stamp ## Run the bridge with a simulated HIS, modality and EHR until Ctrl-C
	@exec $(BIN)/bridge demo

test: check ## Install the test peers, check the code, run every test
	@tests/peers/install
	@$(BIN)/python -m pytest $(SHARED) $(PYTEST_ARGS)

check: setup ## Format, lint, types, imports, dependencies, sizes
	@$(BIN)/ruff format --check .
	@$(BIN)/ruff check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports
	@$(BIN)/deptry .
	@$(BIN)/python -m tools.outliers bridge --leave-out store/migrations/versions

format: setup ## Rewrite the code in the house format
	@$(BIN)/ruff format .
	@$(BIN)/ruff check --fix .

bench: setup ## Measure the bridge beside its peers
	@tests/peers/install
	@$(BIN)/python -m bench $(BENCH_ARGS)

soak: setup ## The long form of the kill test
	@tests/peers/install
	@$(BIN)/python -m pytest -m soak $(PYTEST_ARGS)

screenshots: setup ## Take the pictures of docs/images anew, while an operator's work is tested
	@tests/peers/install
	@SCREENSHOTS=docs/images $(BIN)/python -m pytest tests/browser $(PYTEST_ARGS)

fuzz: setup ## Send a hundred thousand broken data sets and conversations to the DICOM listener
	@$(BIN)/python -W ignore -m tests.fuzz $(FUZZ_ARGS)

viewer: ## Fetch the image viewer (OHIF), which the bridge then serves on a port of its own
	@tools/viewer var/viewer

corpus: setup ## Send every file of the third-party corpus beside this checkout, and show what becomes of each
	@test -d $(CORPUS) || { echo "There is no corpus at $(CORPUS)" >&2; exit 1; }
	@$(BIN)/python -m tests.corpus.table
	@$(BIN)/python -m pytest tests/corpus $(PYTEST_ARGS)

lock: setup ## Make the requirement locks anew from pyproject.toml
	@BIN=$(BIN) tools/lock

clean: ## Remove the environment, caches and what a demo left behind
	rm -rf $(VENV) var build dist .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
	rm -rf tests/peers/.venvs tests/peers/node/node_modules
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
