# Glassbox. `make run` and `make test` do all their own set-up.
PORT ?= 8000
HOST ?= 127.0.0.1
PY := .venv/bin/python
ARGS ?=
SECONDS ?= 600

.DEFAULT_GOAL := help
.PHONY: help run test build build-test lint gen bench soak fuzz fuzz-sources format clean

help: ## Show this help
	@awk -F':.*## ' '/^[a-z-]+:.*## / {printf "  make %-10s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

run: build ## Serve http://127.0.0.1:8000 (PORT=, HOST=)
	@echo "Glassbox: http://$(HOST):$(PORT)"
	@GLASSBOX_BIND=$(HOST):$(PORT) exec .venv/bin/gunicorn -c app/gunicorn_conf.py 'app:create_app()'

test: build-test ## Run every test (ARGS= for pytest's arguments)
	@PATH="$(CURDIR)/.venv/bin:$$PATH" $(PY) -m pytest $(ARGS)

build: ## Set up the virtual environment, the C cores and the page's bundle
	@scripts/setup run
	@$(PY) -m engine.cbuild >/dev/null
	@scripts/frontend

build-test: ## As build, plus what only tests and linters need
	@scripts/setup test
	@$(PY) -m engine.cbuild >/dev/null
	@$(PY) -m engine.cbuild --sanitize >/dev/null
	@scripts/frontend

lint: build-test ## ruff, mypy --strict, the type check of the page's JavaScript, the audit of dependencies
	@$(PY) -m ruff check . && $(PY) -m ruff format --check . && $(PY) -m mypy
	@cd static && PATH="$(CURDIR)/.venv/bin:$$PATH" npx --no-install tsc -p jsconfig.json
	@scripts/audit

gen: build ## Rewrite the generated files from their tables
	@$(PY) -m engine.tracegen
	@$(PY) -m engine.lua.opgen
	@$(PY) -m app.settingsgen
	@$(PY) -m engine.gallerygen

format: build-test ## Format the Python sources
	@$(PY) -m ruff format . && $(PY) -m ruff check --fix .

bench: build-test ## Run the benchmarks (side by side with named references)
	@$(PY) tests/bench/run.py $(ARGS)

soak: build-test ## Prove what docs/reliability.md says (ARGS="--seconds 60 --only load,crowd")
	@$(PY) -m tests.soak.run $(ARGS)

differential: build-test ## Compare random x86 programs on KVM, Unicorn and natively (ARGS="--programs 1500")
	@PYTHONPATH=. $(PY) tests/x86/differential.py $(ARGS)

fuzz: build-test ## Fuzz binary chunks with libFuzzer (needs clang; SECONDS=600)
	@$(PY) -m tests.fuzz.build $(SECONDS)

fuzz-sources: build-test ## Fuzz source texts, from the lexer to the machine (needs clang; SECONDS=600)
	@$(PY) -m tests.fuzz.sources $(SECONDS)

clean: ## Remove everything that was built
	rm -rf build static/dist static/node_modules .venv
	find engine -name '*.so' -delete -o -name '*.stamp' -delete
