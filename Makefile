# Two commands do all the set-up: `make demo` and `make test`. Both make their own virtual environment.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
WORKERS ?= 2

# The peer libraries, their benchmark and the parity tests have an environment of their own: docs/peers.md.
PEERS_VENV := .venv-peers
PEERS_BIN := $(PEERS_VENV)/bin
BENCH ?=

.PHONY: demo test test-fast test-slow check bench-peers test-peers clean

$(VENV)/installed: pyproject.toml constraints.txt
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[dev]'
	touch $@

demo: $(VENV)/installed  ## the main job on a simulated shop: simulate, check, train, report
	rm -rf demo
	$(BIN)/camenn simulate demo/shop
	$(BIN)/camenn check demo/shop
	$(BIN)/camenn train --config configs/demo.toml --shop demo/shop --run demo/run
	@echo "look at demo/run/report.html (figures and pictures), demo/run/metrics.json, demo/run/bundle/README.md"

test: check  ## everything CI runs: lint, types, contracts, the tests, the slower proofs

check: $(VENV)/installed
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	OMP_NUM_THREADS=1 $(BIN)/pytest -n $(WORKERS) -m "not slow"
	OMP_NUM_THREADS=1 $(BIN)/pytest -n $(WORKERS) -m slow

test-fast: $(VENV)/installed  ## the tests alone, without the slower proofs
	OMP_NUM_THREADS=1 $(BIN)/pytest -n $(WORKERS) -m "not slow"

test-slow: $(VENV)/installed
	OMP_NUM_THREADS=1 $(BIN)/pytest -n $(WORKERS) -m slow

$(PEERS_VENV)/installed: pyproject.toml constraints.txt benchmarks/peers/requirements.txt
	$(PYTHON) -m venv $(PEERS_VENV)
	$(PEERS_BIN)/pip install --quiet --disable-pip-version-check -c constraints.txt -r benchmarks/peers/requirements.txt -e .
	touch $@

bench-peers: $(PEERS_VENV)/installed  ## speed beside other libraries; CAMENN_SHARED holds peers/, PEERS_SRC their sources
	$(PEERS_BIN)/python benchmarks/peers/compare.py $(BENCH)

test-peers: $(PEERS_VENV)/installed  ## our mechanisms against the peers' own modules with the same weights
	OMP_NUM_THREADS=1 $(PEERS_BIN)/python -m pytest -q -W default benchmarks/peers/test_parity.py

clean:
	rm -rf demo runs $(VENV) $(PEERS_VENV)
