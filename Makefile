# Needs Python 3.11 or later, make and a network; no uv, no Docker, no Java.
#
# Everything is installed by the Python that is there and pip, from locks/: exact versions with
# SHA-256 sums and no address, so pip's own settings (proxy, certificate authority, mirror) hold.

VENV   := .venv
BIN    := $(VENV)/bin
# What `make demo` needs is less than what the tests need, and takes half as long to install.
LIGHT  := $(VENV)/.installed-runtime
STAMP  := $(VENV)/.installed
CODE   := deploy/entrance/concordant contracts broker adapters
CHECKED := $(CODE) tests $(wildcard deploy bench)
# Programs that write pages; their tables are laid out by hand, so only their faults are checked.
PAGES := $(wildcard docs/*.py)
# Pages of docs/ that are made from the program.
GENERATED := codes commands configuration events metrics public_api runbook mappings
# Workers of the test run: `make test WORKERS=0` runs it in one process.
WORKERS ?= logical
# How long `make faults` goes on.
FAULT_SECONDS ?= 600
# How long `make soak` goes on.
SOAK_SECONDS ?= 3600
# More arguments for pytest, for example `make test ARGS='-k grouping'`.
ARGS   ?=

.DEFAULT_GOAL := help
.PHONY: help setup demo test lint docs pictures bench model fuzz mutants faults soak clean lock image

help: ## Say what there is.
	@awk -F ':.*## ' '/^[a-z]+:.*## /{printf "  make %-8s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

setup: $(STAMP) ## Install into .venv; the command is then .venv/bin/concordant.
	@$(BIN)/python tests/vectors/large.py >/dev/null
	@$(BIN)/python -m compileall -q -j 0 $(CODE)

demo: $(LIGHT) ## Play the main job on a real Kafka, show it, and end.
	@$(BIN)/python -m compileall -q -j 0 $(CODE)
	@$(BIN)/concordant demo

test: lint ## Lint, types, layers, then every test.
	@$(BIN)/python -m pytest -n $(WORKERS) --dist loadscope --no-loadscope-reorder $(ARGS)

lint: setup ## ruff, mypy and import-linter.
	@$(BIN)/ruff check $(CHECKED) $(PAGES)
	@$(BIN)/ruff format --check $(CHECKED)
	@$(BIN)/mypy
	@$(BIN)/lint-imports

docs: setup ## Write the generated pages, then build the site in build/site.
	@for page in $(GENERATED); do $(BIN)/python docs/$$page.py; done
	@$(BIN)/python docs/texts.py
	@$(BIN)/python -m sphinx -q -W --keep-going -b html docs build/site
	@echo "The site is in build/site: open build/site/index.html"

pictures: setup ## Take the pictures of docs/pictures again, with Chromium.
	@$(BIN)/python docs/pictures.py

bench: setup ## Measure; tables on the terminal, JSON Lines in bench/out.
	@$(BIN)/python -m bench

model: setup ## Check the symbolic model with Verifpal (built with cargo the first time).
	@$(BIN)/python docs/spec/model/check.py

fuzz: setup ## Fuzz every parser with atheris, FUZZ_SECONDS each (20).
	@$(BIN)/python -m tests.fuzz.run

mutants: setup ## Change the checks in thousands of ways; 95 % must fail a test.
	@$(BIN)/python -m tests.mutation.run

faults: setup ## Faults at random against real processes, for FAULT_SECONDS (600).
	@$(BIN)/python -m tests.fault.campaign --seconds $(FAULT_SECONDS)

soak: setup ## Load and faults over seven agencies, for SOAK_SECONDS (3600).
	@$(BIN)/python -m tests.fault.soak --seconds $(SOAK_SECONDS)

clean: ## Remove what the other targets made.
	rm -rf $(VENV) .lock dist build mutants .pytest_cache .mypy_cache .ruff_cache .hypothesis .import_linter_cache
	find $(CODE) tests -name __pycache__ -type d -prune -exec rm -rf {} +

# The stamp is written last, so that a set-up that was cut short goes on next time. The bytecode is
# made here because commands must answer within a second, also where Python may not write any.
$(LIGHT): locks/demo.lock pyproject.toml
	@if test -e $(STAMP); then $(MAKE) --no-print-directory $(STAMP); else sh deploy/setup.sh $(VENV) locks/demo.lock; fi
	@touch $@

$(STAMP): locks/development.lock pyproject.toml
	@sh deploy/setup.sh $(VENV) locks/development.lock
	@touch $@

lock: ## Resolve again; `make lock UPGRADE=--upgrade` takes the newest versions.
	@python=$$(sh deploy/python.sh) && { test -x .lock/bin/uv || { $$python -m venv .lock && .lock/bin/python -m pip install --quiet uv; }; }
	@.lock/bin/uv $(RESOLVE) --group build --extra adapter --extra pkcs11 --extra sftp --extra webhook --extra web --extra bus --extra postgres --extra figures --extra local --group dev pyproject.toml --output-file locks/development.lock $(UPGRADE)
	@.lock/bin/uv $(RESOLVE) --constraints locks/development.lock --group build --extra adapter --extra webhook --extra web --extra sftp --extra figures --extra local pyproject.toml --output-file locks/demo.lock $(UPGRADE)
	@.lock/bin/uv $(RESOLVE) --constraints locks/development.lock --extra adapter --extra sftp --extra webhook --extra web --extra figures pyproject.toml --output-file locks/runtime.lock $(UPGRADE)
	@.lock/bin/uv $(RESOLVE) --constraints locks/development.lock --group build --output-file locks/build.lock $(UPGRADE)

# One lock for every system and every Python from 3.11; without the address of any registry.
RESOLVE = pip compile --quiet --universal --python-version 3.11 --generate-hashes \
	--custom-compile-command 'make lock' --no-emit-index-url --no-emit-find-links

image: ## Build the container image (needs Docker or Podman).
	docker build --file deploy/container/Containerfile --tag concordant:local .
