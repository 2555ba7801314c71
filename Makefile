# Every target sets up what it needs: a virtual environment with the exact versions of
# constraints.txt. Another interpreter: make PYTHON=python3.12 test
PYTHON ?= $(shell for p in python3 python3.11 python3.12 python3.13; do \
    $$p -c 'import sys; sys.exit(not (3, 11) <= sys.version_info < (3, 14))' 2>/dev/null \
    && echo $$p && break; done)
VENV ?= .venv
PY := $(VENV)/bin/python
INSTALLED := $(VENV)/.installed
BN ?= runs/bn-quick
SOURCES := jaxcifar configs tests scripts docs

.PHONY: bn test test-all lint types docs clean

bn: $(INSTALLED)  ## the BatchNorm study in minutes, on synthetic images, with its figures
	$(PY) -m jaxcifar.train --config configs/bn.py:quick --workdir $(BN)
	$(PY) -m jaxcifar.landscape line --workdir $(BN) --member bn-0.001 plain-0.001 \
	    --resolution 21 --subset 500
	$(PY) -m jaxcifar.report --workdir $(BN)

test: lint types  ## what CI runs
	$(PY) -m pytest -q -n 2 --dist loadfile --no-loadscope-reorder -m "not slow"

test-all: lint types  ## the slow tests too; docs/reliability.md is written from what they tried
	$(PY) -m pytest -q -n 2 --dist loadfile --no-loadscope-reorder --junitxml=build/tests.xml
	$(PY) scripts/reliability.py build/tests.xml

lint: $(INSTALLED)
	$(PY) -m ruff format --check $(SOURCES)
	$(PY) -m ruff check $(SOURCES)

types: $(INSTALLED)
	$(PY) -m mypy

docs: $(INSTALLED)  ## the documentation as a site: build/docs/index.html
	$(PY) -m pip install -q -c constraints.txt -e ".[docs]"
	$(PY) -m sphinx -W --keep-going -q -b html docs build/docs
	@echo "the site: build/docs/index.html"

$(INSTALLED): pyproject.toml constraints.txt
	@test -n "$(PYTHON)" || { echo "error: no Python 3.11, 3.12 or 3.13 found; give PYTHON=..." >&2; exit 2; }
	$(PYTHON) -m venv $(VENV)
	$(PY) -m pip install -q -c constraints.txt -e ".[test]"
	@touch $@

clean:
	rm -rf $(VENV) build *.egg-info
