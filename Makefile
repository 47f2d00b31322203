# `make run` runs the daemon, `make check` runs all tests. Both install what they need into .venv first.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
INSTALLED := $(VENV)/.installed

.PHONY: run check lint trial wheel audit bench fuzz attack histories storm faults clean

run: $(INSTALLED)
	$(BIN)/twistd --nodaemon --pidfile= justchat $(ARGS)

check: lint trial wheel audit

lint: $(INSTALLED)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

trial: $(INSTALLED)
	$(BIN)/trial -j2 --temp-directory=_trial_temp tests

wheel: $(INSTALLED)
	$(BIN)/python tests/wheel.py

# Known holes in what is installed; says so and passes where the advisories cannot be reached.
audit: $(INSTALLED)
	$(BIN)/python tests/audit.py

# Random histories, each of 200 steps; HISTORIES is how many. A failure names its seed.
HISTORIES ?= 20
histories: $(INSTALLED)
	JUSTCHAT_STEPS=200 JUSTCHAT_HISTORIES=$(HISTORIES) $(BIN)/trial --temp-directory=_trial_temp \
		tests.end_to_end.test_histories

# Random bodies to every call, BODIES to each, and random bytes to the parsers of frames, for FUZZ_SECONDS.
BODIES ?= 1000
FUZZ_SECONDS ?= 60
fuzz: $(INSTALLED)
	$(BIN)/pip install --quiet --editable '.[fuzz]' --config-settings editable_mode=compat
	$(BIN)/python -m tests.attacks.fuzz_frames -max_total_time=$(FUZZ_SECONDS)
	JUSTCHAT_BODIES=$(BODIES) $(BIN)/trial --temp-directory=_trial_temp tests.http.test_random_bodies \
		tests.attacks.test_parsers

# Attacks in their large form, what they do to honest people as a table, and schemathesis. ATTACK holds trial targets for
# some of them, or --docs for the table as docs/security.rst has it.
attack: $(INSTALLED)
	$(BIN)/pip install --quiet --editable '.[attack]' --config-settings editable_mode=compat
	$(BIN)/python -m tests.attacks $(ATTACK)

# Five thousand clients who come back within ten seconds.
storm: $(INSTALLED)
	JUSTCHAT_STORM=5000 JUSTCHAT_PATIENCE=5 $(BIN)/trial --temp-directory=_trial_temp tests.end_to_end.test_storms

# People talk and pay for SECONDS while daemon, database and sockets are killed, stopped and cut (docs/faults.rst).
SECONDS ?= 180
faults: $(INSTALLED)
	$(BIN)/python -m tests.faults $(SECONDS)

# BENCH holds its options: --docs writes docs/speed.rst anew, --help tells the others.
bench: $(INSTALLED)
	$(BIN)/pip install --quiet --editable '.[bench]' --config-settings editable_mode=compat
	$(BIN)/python -m bench $(BENCH)

$(INSTALLED): setup.py pyproject.toml
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --upgrade pip setuptools
	# The plug-in is found only if the project's own folder is on the path, as this mode puts it.
	$(BIN)/pip install --quiet --editable '.[embedded,dev]' --config-settings editable_mode=compat
	touch $@

clean:
	rm -rf $(VENV) build dist *.egg-info _trial_temp*
