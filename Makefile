# `make demo` shows it, `make test` proves it. Both set up what they need; Python 3.11+ and make are all they assume.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
VOD_HOME ?= .vod
OUT ?= cdk.out

.PHONY: help demo test chaos fuzz bench lint synth player setup setup-dev lock clean

help:
	@echo "make demo          put a 20-second film through the pipeline on this machine (ONCE=1: exit when it has ended)"
	@echo "make test          run the tests"
	@echo "make chaos         200 uploads under injected faults, and a look whether every promise was kept (N=, SEED=)"
	@echo "make fuzz          300 films damaged at random, each must end as it should (N=, SEED=, FILM=)"
	@echo "make bench         the encoder against x264 alone, one ffmpeg a rendition, and Shaka Streamer (SOURCE=, SECONDS=, ROUNDS=)"
	@echo "make synth         write the CloudFormation template to cdk.out (OUT=DIR: elsewhere; CONTEXT=\"-c env=prod\")"
	@echo "make lint          read the code as ruff does"
	@echo "make lock          pin again what requirements*.in ask for"
	@echo "make clean         remove everything that was made here"

demo: setup player
	$(BIN)/vod demo $(if $(ONCE),--once)

test: setup-dev player
	$(BIN)/python -m pytest -n 2 --dist loadfile $(TESTS)

chaos: setup player
	$(BIN)/python -m pipeline.local.chaos --uploads $(or $(N),200) $(if $(SEED),--seed $(SEED))

fuzz: setup-dev
	$(BIN)/python -m tests.local.mediaconvert.fuzz --films $(or $(N),300) $(if $(SEED),--seed $(SEED)) $(if $(FILM),--film $(FILM))

bench: $(VENV)/.ready-bench
	$(BIN)/python -m bench $(if $(SOURCE),--source $(SOURCE)) $(if $(SECONDS),--seconds $(SECONDS)) --rounds $(or $(ROUNDS),3)

lint: setup-dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

synth: setup player
	$(BIN)/python -m pipeline.local.synth --out $(OUT) $(CONTEXT)

player: setup
	@$(BIN)/python -m pipeline.local.player_build

setup: $(VENV)/.ready
setup-dev: $(VENV)/.ready-dev

# uv first, by pip and with hashes; then everything by uv, with hashes; then this checkout, for the `vod` command.
$(VENV)/.uv: requirements-uv.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or newer is needed; PYTHON=python3.12 make ... chooses one")'
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements-uv.txt
	@touch $@

$(VENV)/.ready: $(VENV)/.uv requirements.txt pyproject.toml
	$(BIN)/uv pip install --quiet --python $(BIN)/python --require-hashes -r requirements.txt
	$(BIN)/uv pip install --quiet --python $(BIN)/python --no-deps --no-build-isolation --editable .
	@touch $@

$(VENV)/.ready-dev: $(VENV)/.ready requirements-dev.txt
	$(BIN)/uv pip install --quiet --python $(BIN)/python --require-hashes -r requirements-dev.txt
	@touch $@

$(VENV)/.ready-bench: $(VENV)/.ready-dev requirements-bench.txt
	$(BIN)/uv pip install --quiet --python $(BIN)/python --require-hashes -r requirements-bench.txt
	@touch $@

lock: $(VENV)/.uv
	for file in requirements requirements-dev requirements-uv requirements-bench; do \
	  $(BIN)/uv pip compile --quiet --generate-hashes --universal --python-version 3.11 --no-header $$file.in -o $$file.txt || exit 1; \
	done

clean:
	rm -rf $(VENV) $(VOD_HOME) cdk.out player/node_modules player/dist *.egg-info .pytest_cache .ruff_cache .bench fuzz.failures
