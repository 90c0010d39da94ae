# make demo: the whole study on artificial languages, offline.   make check, make test, make slow: what CI runs.   make lab: JupyterLab.
PYTHON ?= python3
CORES ?= 2
DEVICE ?= cpu
SHARED := $(wildcard ../shared/models/mini-xlmr)
BENCH ?= $(if $(SHARED),--backbone $(SHARED) --corpus ../shared/data/masakhaner2/swa --language sw)
BIN := .venv/bin
DONE := .venv/.installed
export PYTHONUTF8 := 1

.PHONY: help setup demo start study plan test slow torture fuzz check bench lab work format

help:
	@sed -n 's/^\([a-z]*\):.*## /  make \1\t/p' $(MAKEFILE_LIST)

setup: $(DONE) ## create .venv with the versions of constraints.txt

$(DONE): pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo "nerlib needs Python 3.11 or newer, got $$($(PYTHON) --version); try make PYTHON=python3.11 $(MAKECMDGOALS)"; exit 1; }
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[all]'
	@touch $@

demo: setup ## the Assamese study's shape on artificial languages, a few minutes
	@OMP_NUM_THREADS=$(CORES) $(BIN)/python -c 'from nerlib.pretraining import demo_backbone; demo_backbone(on_start=print)'
	@$(MAKE) --no-print-directory study STUDY=demo

start: setup ## look at a corpus and write its study's file: make start CORPUS=path/to/folder
	@$(BIN)/python -m nerlib.start $(CORPUS) $(START)

study: setup ## all pages of a study: make study STUDY=name
	@PATH="$(CURDIR)/$(BIN):$$PATH" $(BIN)/snakemake --cores $(CORES) --configfile params/studies/$(STUDY).yaml --quiet all
	@echo "$${NERLIB_REPORTS:-$(CURDIR)/reports}/$(STUDY)/index.html"

plan: setup ## what a study will cost, before it begins: make plan STUDY=name PRICE=2.5
	@$(BIN)/python -m nerlib.batch plan $(STUDY) --price $(or $(PRICE),0)

PYTEST := OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n $(CORES) --dist loadscope --no-loadscope-reorder

test: setup ## the tests, a few minutes
	$(PYTEST) -m 'not slow'

slow: setup ## the others: whole studies, every family in new processes, what is known of the demo found again
	$(PYTEST) -m slow

torture: setup ## runs killed at every file event, damaged and starved (about an hour)
	OMP_NUM_THREADS=1 $(BIN)/python -W ignore -m tests.reliability.torture

fuzz: setup ## 20,000 odd inputs to every reader: nothing but nerlib's own errors, nothing lost in silence
	OMP_NUM_THREADS=1 $(BIN)/python -W ignore -m tests.reliability.fuzz

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

lab: setup work ## JupyterLab on copies of the notebooks in work/; with STUDY=name, its parameters are filled in
	$(if $(STUDY),$(BIN)/python -m nerlib.batch fill $(STUDY) work)
	$(BIN)/jupyter lab --notebook-dir=work

# Copies are kept; of a notebook that has changed since it was copied, the new one stands beside its copy.
work:
	@mkdir -p work/.originals
	@for name in $(notdir $(basename $(wildcard notebooks/*.ipynb))); do \
	  if [ ! -e work/$$name.ipynb ]; then cp notebooks/$$name.ipynb work/$$name.ipynb; \
	  elif ! cmp -s notebooks/$$name.ipynb work/.originals/$$name.ipynb; then \
	    cp notebooks/$$name.ipynb work/$$name.new.ipynb; echo "$$name has changed since it was copied: work/$$name.new.ipynb"; \
	  fi; cp notebooks/$$name.ipynb work/.originals/; done
