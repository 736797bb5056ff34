# Two commands for a newcomer: `make demo` and `make test`. Everything is installed
# into .venv; `make test` also fetches the servers the tests start (see tests/parts).
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
ARGS ?=

.PHONY: demo test check soak lock sbom audit clean

demo: $(VENV)/.demo
	$(BIN)/farcopy demo $(ARGS)

test: $(VENV)/.test
	PATH="$(CURDIR)/$(BIN):$$PATH" $(BIN)/python -m tests.everything $(ARGS)

# What needs no server, in a few seconds: run it while you work.
check: $(VENV)/.test
	PATH="$(CURDIR)/$(BIN):$$PATH" $(BIN)/python -m tests.everything --quick $(ARGS)

$(VENV)/.demo: requirements.lock pyproject.toml
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "farcopy needs Python 3.11 or newer")'
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV) || { \
	  echo "python3 -m venv failed; on Debian: apt-get install python3-venv"; exit 1; }
	$(BIN)/pip install --quiet --disable-pip-version-check --require-hashes -r requirements.lock
	$(BIN)/pip install --quiet --disable-pip-version-check --no-deps --editable .
# Where Python is told to write no bytecode, each start would compile all of it again.
	$(BIN)/python -m compileall -q src
	touch $@

$(VENV)/.test: requirements-test.lock $(VENV)/.demo
	$(BIN)/pip install --quiet --disable-pip-version-check --require-hashes -r requirements-test.lock
	$(BIN)/python -m compileall -q tests bench
	touch $@

# Needs uv; writes both locks anew, with hashes and without any registry's address.
lock:
	uv pip compile --universal --python-version 3.11 --generate-hashes --no-header --quiet --upgrade \
	  --extra demo --extra postgres pyproject.toml -o requirements.lock
	uv pip compile --universal --python-version 3.11 --generate-hashes --no-header --quiet --upgrade \
	  --extra test pyproject.toml -c requirements.lock -o requirements-test.lock

# The list of parts, from the lock: docs/reference/sbom.cdx.json.
sbom: $(VENV)/.test
	$(BIN)/python -m tests.docs.sbom

# Asks a public service for known vulnerabilities of what is locked, so it is no part of `make test`;
# and bandit over the source. In an environment of its own.
audit:
	test -x .cache/audit/bin/pip-audit || { $(PYTHON) -m venv .cache/audit && \
	  .cache/audit/bin/pip install --quiet --disable-pip-version-check pip-audit==2.10.1 bandit==1.9.4; }
	.cache/audit/bin/bandit --quiet --recursive --configfile pyproject.toml src
	.cache/audit/bin/pip-audit --disable-pip --require-hashes -r requirements.lock
	.cache/audit/bin/pip-audit --disable-pip --require-hashes -r requirements-test.lock

# The long forms of what tries to break it: hours. ARGS="--only kills --seeds 7" and the like.
soak: $(VENV)/.test
	$(BIN)/python -m tests.parts.fetch
	PATH="$(CURDIR)/$(BIN):$$PATH" $(BIN)/python -m tests.soak $(ARGS)

clean:
	rm -rf $(VENV) .cache
