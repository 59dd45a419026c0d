# Everything from a fresh clone, with git, make and Python 3.11 alone.
PYTHON ?= python3.11
BIN := .venv/bin
READY := .venv/.ready

.PHONY: run test test-all bench lint clean
.DEFAULT_GOAL := run

# Made again when a dependency changes, not when code does: the package is installed in place.
$(READY): pyproject.toml constraints.txt
	test -x $(BIN)/python || $(PYTHON) -m venv .venv
	@echo "installing into .venv (minutes the first time)"
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable '.[dev]'
	touch $(READY)

warehouse.duckdb: | warehouse.duckdb.sample
	cp warehouse.duckdb.sample $@.tmp && mv $@.tmp $@

run: $(READY) warehouse.duckdb ## build every table of the reference project
	$(BIN)/foretable run

test: $(READY) ## the whole suite, without what is marked slow
	$(BIN)/pytest -q -n auto -m "not slow"

test-all: $(READY) ## the whole suite
	$(BIN)/pytest -q -n auto

bench: $(READY) ## measure, and write docs/benchmarks.md
	$(BIN)/python tests/benchmarks/run.py

lint: $(READY) ## style, architecture rules, types
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

clean: ## remove what can be made again, the warehouse excepted
	rm -rf .venv published build dist
