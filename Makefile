# `make demo` is enough on a fresh machine with Python and make, `make test` on one that
# has Node, too. Nothing is written outside this directory, but for the Debian
# packages that `make test` installs when it is run as root.

PYTHON ?= python3
PORT ?= 8080
MINUTES ?= 5
TESTS ?=
SESSION ?=
MODULE ?= txsockjs/bridge.py

VENV := .venv
BIN := $(VENV)/bin
NPM := npm ci --ignore-scripts --no-audit --no-fund --loglevel=error
LOCK := $(BIN)/uv pip compile -q --universal --python-version 3.11 --generate-hashes \
	--no-header --no-annotate pyproject.toml
# The programs that tests start. Each is also the name of its Debian package, but for
# those with a colon, which have the package's behind it.
PROGRAMS := chromium firefox-esr nginx haproxy caddy apache2 redis-server rabbitmq-server \
	openssl ip:iproute2 systemd-analyze:systemd dot:graphviz

# What is missing, which is the shell's $missing.
INSTALL = if [ -z "$$missing" ]; then exit 0; fi; \
	if [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null; then \
	    echo "Installing$$missing"; \
	    export DEBIAN_FRONTEND=noninteractive; \
	    apt-get update -qq && apt-get install -y -qq --no-install-recommends $$missing >/dev/null; \
	else echo "Not here, and only root can install them:$$missing. What needs them will say so."; fi
# Where Debian's packages of Go libraries are.
GOCODE := /usr/share/gocode/src

# Debian keeps the daemons where only root's PATH looks.
export PATH := $(PATH):/usr/sbin

.DEFAULT_GOAL := help
.PHONY: help demo test nox lint format types docs conformance bench soak wstest fuzz \
	coverage mutants lock release shots programs peers drawing clean

help: ## Show this list
	@sed -n 's/^\([a-z]*\):.*## /\1\t/p' Makefile | expand -t 14

demo: $(VENV)/.demo ## Serve the demo on http://127.0.0.1:PORT/ (PORT=8080)
	@exec $(BIN)/twistd -n --pidfile= sockjs --listen tcp:$(PORT):interface=127.0.0.1

test: $(VENV)/.dev tests/node_modules/.done programs ## Install what the tests need and run all of them (TESTS=tests.test_tap)
	@$(BIN)/python -m $(if $(TESTS),twisted.trial $(TESTS),tests.suite)

nox: $(VENV)/.dev ## Run the unit tests on each CPython that is installed, and with the lowest versions
	@$(BIN)/nox $(if $(SESSION),--session $(SESSION))

lint: $(VENV)/.dev ## Check style, format, spelling, and that what is installed fits together
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/codespell
	@$(BIN)/pip check --disable-pip-version-check

format: $(VENV)/.dev ## Put style and format right
	@$(BIN)/ruff check --fix .
	@$(BIN)/ruff format .

types: $(VENV)/.dev ## Check the types
	@$(BIN)/mypy --strict

docs: $(VENV)/.dev drawing ## Build the documents (build/docs/index.html)
	@$(BIN)/sphinx-build -W --keep-going -q -b html docs build/docs

shots: $(VENV)/.dev tests/node_modules/.done programs ## Take the pictures of the documents anew, in five minutes
	@$(BIN)/python -m tests.shots

conformance: $(VENV)/.dev ## Run the conformance suite against any SockJS server (URL=http://HOST:PORT)
	@test -n "$(URL)" || { echo "Say which server: make conformance URL=http://127.0.0.1:8081"; exit 2; }
	@$(BIN)/python -m txsockjs check $(URL)

bench: $(VENV)/.dev peers ## Measure against other SockJS servers, in 25 minutes
	@$(BIN)/python -m benchmarks

soak: $(VENV)/.dev ## Churn sessions and look for leaks (MINUTES=5)
	@$(BIN)/python -m tests.soak --minutes $(MINUTES)

wstest: $(VENV)/.dev ## Run the Autobahn WebSocket suite against /websocket
	@$(BIN)/python -m tests.wstest

fuzz: $(VENV)/.dev ## Feed random input to every reader and to sessions (MINUTES=5)
	@$(BIN)/python -m tests.fuzz --minutes $(MINUTES) $(FUZZERS)

coverage: $(VENV)/.dev ## Measure which lines and branches the unit tests reach
	@$(BIN)/nox --session coverage

mutants: $(VENV)/.dev ## Change a module in small ways, and look which its tests notice (MODULE=txsockjs/bridge.py)
	@$(BIN)/python -m tests.mutants $(MODULE)

lock: $(VENV)/.dev ## Take the newest versions of all that development needs, with their hashes
	@$(LOCK) --upgrade --extra dev -o requirements/dev.txt
	@$(LOCK) -c requirements/dev.txt --extra test --extra http2 --extra metrics --extra redis \
	    --extra cli -o requirements/test.txt

release: $(VENV)/.dev ## Build what is released into dist/, and check it
	@$(BIN)/python .ci/release

clean: ## Remove what make has installed here
	rm -rf $(VENV) .nox tests/node_modules txsockjs.egg-info

# Each stamp is younger than what it was made from, so a second start is quick.

$(BIN)/python:
	@bash .ci/venv $(PYTHON) $(VENV)

$(VENV)/.demo: $(BIN)/python pyproject.toml setup.py
	$(BIN)/pip install -q --disable-pip-version-check -e .
	@touch $@

$(VENV)/.dev: $(BIN)/python pyproject.toml setup.py requirements/dev.txt
	$(BIN)/pip install -q --disable-pip-version-check --require-hashes -r requirements/dev.txt
	$(BIN)/pip install -q --disable-pip-version-check --no-deps --no-build-isolation -e .
	@touch $@ $(VENV)/.demo

tests/node_modules/.done: tests/package.json tests/package-lock.json
	@if command -v npm >/dev/null; then (cd tests && $(NPM)) && touch $@; \
	else echo "npm is not here: the tests that need it will say so."; fi

# What the servers need that benchmarks compare with.
peers:
	@missing=; \
	command -v npm >/dev/null || missing="$$missing npm"; \
	command -v redis-server >/dev/null || missing="$$missing redis-server"; \
	command -v go >/dev/null || missing="$$missing golang-go"; \
	test -d $(GOCODE)/github.com/igm/sockjs-go/v3 || \
	    missing="$$missing golang-github-igm-sockjs-go-dev"; \
	$(INSTALL)

# What draws for the documents.
drawing:
	@missing=; command -v dot >/dev/null || missing=" graphviz"; $(INSTALL)

programs:
	@missing=; for program in $(PROGRAMS); do \
	    command -v $${program%:*} >/dev/null || missing="$$missing $${program#*:}"; done; \
	command -v promtool >/dev/null || missing="$$missing prometheus"; \
	$(INSTALL)
