# `make` alone lists what there is. Every PENSIEVE_ variable is honoured; MLX=cpu|cuda12|cuda13|metal|none
# overrides the build of MLX that fits the machine, PYTHON=... the interpreter that .venv is made from; HASHES=no takes
# files of the pinned versions that deploy/lock.txt doesn't know, for an index with builds of its own.
.DEFAULT_GOAL := help
BIN := .venv/bin
MLX ?=
PYTHON ?=
HASHES ?=

# Quick when nothing changed; SETUP_DEV also installs what tests and linters need.
SETUP = python=$$(sh deploy/find-python.sh "$(PYTHON)") && "$$python" deploy/bootstrap.py --mlx "$(MLX)" --hashes "$(HASHES)"
SETUP_DEV = $(SETUP) --dev

.PHONY: help
help: ## this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## /{printf "  make %-14s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

.PHONY: up
up: ## install, get the default model, start the service in the background, and say how to use it
	@$(SETUP)
	@$(BIN)/pensieve start

.PHONY: down
down: ## stop this checkout's service
	@if [ -x $(BIN)/pensieve ]; then $(BIN)/pensieve stop; else echo "Pensieve is not running: it was never set up here."; fi

.PHONY: status
status: ## what runs, and whether it is ready
	@$(SETUP)
	@$(BIN)/pensieve status || true

.PHONY: logs
logs: ## follow the logs of all processes (Ctrl-C ends)
	@$(SETUP)
	@$(BIN)/pensieve logs -f

.PHONY: doctor
doctor: ## look for what is missing or wrong on this machine
	@$(SETUP)
	@$(BIN)/pensieve doctor

.PHONY: setup
setup: ## make .venv and install Pensieve with its developer tools; the other targets do it by themselves
	@$(SETUP_DEV)

.PHONY: test
test: ## every test that this machine can run
	@$(SETUP_DEV)
	@$(BIN)/pensieve pull
# Two processes with one BLAS thread each. A browser's event loop runs in its test's process, for which others have no use;
# what starts whole services comes last, so that no more than two of those run at a time.
	OPENBLAS_NUM_THREADS=1 $(BIN)/pytest -n 2 --dist loadfile --ignore tests/e2e --ignore tests/browser
	$(BIN)/pytest -n 2 --dist loadfile tests/browser
	OPENBLAS_NUM_THREADS=1 $(BIN)/pytest -n 2 --dist loadfile tests/e2e

# Not part of `make test`: on Python 3.11 tracing and greenlets of ended threads, Playwright's among them, can stand still together.
.PHONY: coverage
coverage: ## how much of the code the tests run, browser and end-to-end tests left out
	@$(SETUP_DEV)
	@$(BIN)/pensieve pull
	$(BIN)/coverage erase
	OPENBLAS_NUM_THREADS=1 $(BIN)/coverage run -m pytest -n 2 --dist loadfile --ignore tests/e2e --ignore tests/browser
	$(BIN)/coverage combine --quiet
	$(BIN)/coverage report

# CLAUDE_CLIENTS=a folder; without these the tests that need them are skipped.
.PHONY: claude-client
claude-client: ## get the real Claude Code clients from npm for the end-to-end tests (600 MB, into ~/.cache)
	@$(SETUP_DEV)
	$(BIN)/python -m tests.support.claude_client

.PHONY: lint
lint: ## style, types, imports and dependencies, changing nothing
	@$(SETUP_DEV)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-logo
	$(BIN)/deptry .

.PHONY: fmt
fmt: ## rewrite the code in the house style
	@$(SETUP_DEV)
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

# MODEL=a folder or a shape of random weights; ARGS=... as `python -m tests.perf.bench --help` lists them.
.PHONY: bench
bench: ## the bare loop, the engine, Pensieve and mlx_lm.server side by side; writes docs/BENCHMARKS.md (half an hour)
	@$(SETUP_DEV)
	@$(BIN)/pensieve pull
	$(BIN)/python -m tests.perf.bench $(MODEL) $(ARGS)
	$(BIN)/python -m tests.perf.bench.document

# ARGS=... as `python -m tests.chaos --help` lists them, such as "--kills 200".
.PHONY: chaos
chaos: ## kill, freeze and cut off every part under load, and count what is lost; writes docs/RELIABILITY.md (ten minutes)
	@$(SETUP_DEV)
	@$(BIN)/pensieve pull
	$(BIN)/python -m tests.chaos $(ARGS); status=$$?; $(BIN)/python -m tests.chaos.document && exit $$status

# ARGS=... as `python -m tests.perf.load --help` lists them, such as "--only overload".
.PHONY: load
load: ## a crowd, slow clients, attackers: what others notice of them; writes docs/LOAD.md (twenty minutes)
	@$(SETUP_DEV)
	@$(BIN)/pensieve pull
	$(BIN)/python -m tests.perf.load $(ARGS)

# ARGS=... as `python -m tests.fuzz --help` lists them, such as "requests --seconds 3600". Linux only.
.PHONY: fuzz
fuzz: ## look for inputs that break what reads strangers' bytes: requests, answers, model files (a minute)
	@$(SETUP_DEV)
	@$(BIN)/pip install --quiet --disable-pip-version-check -c deploy/constraints.txt atheris
	$(BIN)/python -m tests.fuzz $(ARGS)

.PHONY: pictures
pictures: ## picture every view of the page, in light and dark, on desktop and phone; writes docs/images (two minutes)
	@$(SETUP_DEV)
	$(BIN)/python -m tests.browser.pictures

.PHONY: lock
lock: ## ask the package index for the checksums of the pinned versions' files, and write deploy/lock.txt
	@$(SETUP_DEV)
	$(BIN)/pip install --quiet --disable-pip-version-check uv
	$(BIN)/python -m deploy.lock

# Needs the network: it asks PyPI what is known of the installed versions.
.PHONY: audit
audit: ## ask whether what is installed has known weaknesses
	@$(SETUP)
	$(BIN)/pip install --quiet --disable-pip-version-check -c deploy/constraints.txt pip-audit
	$(BIN)/pip-audit --strict --disable-pip --no-deps --require-hashes -r .venv/pensieve-requirements.txt

.PHONY: map
map: ## every file with its purpose
	@$(SETUP)
	@$(BIN)/python -m deploy.map
