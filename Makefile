# make demo: the whole study on artificial languages, offline.   make test, make check: what CI runs.   make lab: JupyterLab.
PYTHON ?= python3
CORES ?= 2
DEVICE ?= cpu
SHARED := $(wildcard ../shared/models/mini-xlmr)
BENCH ?= $(if $(SHARED),--backbone $(SHARED) --corpus ../shared/data/masakhaner2/swa --language sw)
BIN := .venv/bin
DONE := .venv/.installed
export PYTHONUTF8 := 1

.PHONY: help setup demo test check bench lab format

help:
	@sed -n 's/^\([a-z]*\):.*## /  make \1\t/p' $(MAKEFILE_LIST)

setup: $(DONE) ## create .venv with the versions of constraints.txt

$(DONE): pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo "nerlib needs Python 3.11 or newer, met $$($(PYTHON) --version); try make PYTHON=python3.11 $(MAKECMDGOALS)"; exit 1; }
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[all]'
	@touch $@

demo: setup ## the Assamese study's shape on artificial languages, a few minutes
	@OMP_NUM_THREADS=$(CORES) $(BIN)/python -c 'from nerlib.pretraining import demo_backbone; demo_backbone(on_start=print)'
	@PATH="$(CURDIR)/$(BIN):$$PATH" $(BIN)/snakemake --cores $(CORES) --configfile params/studies/demo.yaml --quiet all
	@$(BIN)/python -m nerlib.reporting index demo

test: setup ## all tests
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n $(CORES) --dist loadgroup

check: setup ## style, types, floors, notebooks without outputs
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/nbstripout --verify notebooks/*.ipynb

format: setup ## mend style and strip notebooks
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .
	$(BIN)/nbstripout notebooks/*.ipynb

bench: setup ## speed against the usual way (make bench DEVICE=cuda; BENCH=--quick: minutes)
	@$(BIN)/python -m benchmarks.speed --device $(DEVICE) --threads $(CORES) $(BENCH)

lab: setup ## JupyterLab on the notebooks
	$(BIN)/jupyter lab --notebook-dir=notebooks
