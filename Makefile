# Everything a developer runs. `make demo` and `make test` work on a fresh clone with Python, pip, git and make alone.
PYTHON ?= python3
VENV   ?= .venv
BIN    := $(VENV)/bin

.PHONY: demo test test-browser pictures fuzz test-agents check bench docs clean

$(BIN)/headroom: pyproject.toml
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install -q --disable-pip-version-check -e .
	@touch $@

$(VENV)/.dev: $(BIN)/headroom
	$(BIN)/pip install -q --disable-pip-version-check -e '.[dev,tokens]'
	@touch $@

demo: $(BIN)/headroom        ## the main job on real output of this machine, offline
	@$(BIN)/headroom demo

test: $(VENV)/.dev           ## the whole test suite
	$(BIN)/python -m pytest

.agents/.installed: tests/agents/package.json tests/agents/aider.txt
	mkdir -p .agents
	cp tests/agents/package.json .agents/
	npm install --prefix .agents --no-audit --no-fund --loglevel error
	$(PYTHON) -m venv .agents/aider
	.agents/aider/bin/pip install -q --disable-pip-version-check -r tests/agents/aider.txt
	@touch $@

test-agents: $(VENV)/.dev .agents/.installed ## real agents through the real proxy; installs them first (npm, 1.8 GB)
	$(BIN)/python -m pytest -s tests/agents

$(VENV)/.browser: $(VENV)/.dev
	command -v chromium >/dev/null || (apt-get update -q && apt-get install -y -q chromium)
	$(BIN)/pip install -q --disable-pip-version-check 'playwright>=1.50'
	@touch $@

test-browser: $(VENV)/.browser ## the dashboard in headless Chromium; installs it first (Debian, as root)
	$(BIN)/python -m pytest tests/dashboard

pictures: $(VENV)/.browser   ## takes the documents' pictures of the dashboard anew
	$(BIN)/python -m benchmarks.dashboard --pictures docs/images

fuzz: $(VENV)/.dev           ## the laws of bytes over a hundred thousand made-up requests
	HEADROOM_FUZZ=100000 $(BIN)/python -m pytest tests/test_byte_laws.py

check: $(VENV)/.dev          ## types and style
	$(BIN)/ruff check src tests benchmarks docs
	$(BIN)/ruff format --check src tests benchmarks docs
	$(BIN)/mypy

bench: $(VENV)/.dev          ## side by side with headroom-ai from the package index; writes bench-out/
	$(BIN)/python -m benchmarks.compare $(ARGS)

docs: $(VENV)/.dev           ## renews generated parts of the documents, runs every command, checks flags and links
	$(BIN)/python docs/build.py
	$(BIN)/python -m pytest tests/test_docs.py

clean:
	rm -rf $(VENV) .venv-* .agents bench-out .pytest_cache .mypy_cache .ruff_cache
