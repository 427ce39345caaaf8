# `make demo` and `make test` are the two commands to know; every target makes .venv itself when it is missing.
PYTHON ?= python3
BIN := .venv/bin
# In CI the versions are those of constraints.txt; a newcomer gets the newest that pyproject.toml allows.
CONSTRAINTS := $(if $(CI),--constraint constraints.txt,)

.PHONY: help venv libraries test-libraries demo study-quick test test-long caffe lint bench

help:
	@echo "make demo    the whole idea on real photographs, into build/demo (IMAGES=folder for your own)"
	@echo "make study-quick  a small study with controls, in minutes (needs the data sets, \$$DEEPVIS_DATA)"
	@echo "make test    all quick tests"
	@echo "make caffe   install a real BVLC Caffe 1.0 to compare with"
	@echo "make lint    style, types, import order"
	@echo "make bench   measured times and ratios"

venv: .venv/installed

.venv/installed: pyproject.toml $(if $(CI),constraints.txt)
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	    { echo "Python 3.11 or newer is needed; name one with: make PYTHON=python3.12 $(MAKECMDGOALS)"; exit 1; }
	@echo "Making .venv and installing the packages (torch is large: several minutes and 6 GB) ..."
	@$(BIN)/python -m pip --version >/dev/null 2>&1 || $(PYTHON) -m venv .venv
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check $(CONSTRAINTS) --editable '.[dev]'
	@touch $@

libraries:
	@tools/install_system_libraries

test-libraries:
	@tools/install_system_libraries test

demo: libraries .venv/installed
	@echo "Running the demo into build/demo (a few minutes) ..."
	@$(BIN)/python -m finetune run demo $(if $(IMAGES),--images "$(IMAGES)")

study-quick: libraries .venv/installed
	@echo "Running the small study into build/studies/quick (about ten minutes) ..."
	@$(BIN)/python -m finetune run quick
	@$(BIN)/python -m finetune report build/studies/quick

test: test-libraries .venv/installed
	@echo "Running the tests ..."
	@OMP_NUM_THREADS=1 $(BIN)/python -m pytest --numprocesses auto --maxprocesses 4 --dist loadscope

test-long: test-libraries .venv/installed
	@echo "Running the tests that take minutes ..."
	@OMP_NUM_THREADS=1 $(BIN)/python -m pytest -m long --numprocesses auto --maxprocesses 4 --dist loadscope

caffe:
	@tools/install_caffe

lint: .venv/installed
	@echo "Checking style, types and import order ..."
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports

bench: .venv/installed
	@echo "Measuring; other work on the machine makes the numbers worse ..."
	@for bench in benchmarks/bench_*.py; do echo "== $$bench"; $(BIN)/python "$$bench" || exit 1; done
