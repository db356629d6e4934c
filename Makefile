# Everything runs in .venv, which the first target that needs it creates.
# `make help` lists the targets.

SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:

# The interpreter of a new .venv, where it should not be searched for, as in `make test PYTHON=/opt/python3.12/bin/python3`.
PYTHON ?=
PYTEST_ARGS ?=
DEMO_ARGS ?=
BENCH_ARGS ?=
NOTEBOOKS ?= examples/[0-9]*.py
REPRODUCTION_ARGS ?=
# Reference numbers from R go here; SYSUCC names sysucc_targeted.csv, which is not of this project.
FIXTURES ?= tests/data
SYSUCC ?=

BIN := .venv/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check
# Exit status 0 where the interpreter is one the package supports and can make environments: a
# pyenv shim may exist and not run, and a system Python may lack ensurepip.
SUITABLE := import sys, venv, ensurepip; sys.exit(not (3, 12) <= sys.version_info[:2] <= (3, 13))
export SUITABLE

# Figures go to files; without this Matplotlib looks for a display.
export MPLBACKEND ?= Agg

.PHONY: help demo test lint bench notebooks reproduction fixtures lock lock-check clean

help:  ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "make %-13s %s\n", $$1, $$2 }' Makefile

demo: .venv/.installed  ## set up, then run the demonstration analysis, chen2025_os (DEMO_ARGS)
	$(BIN)/hccbayes demo $(DEMO_ARGS)

test: .venv/.installed-dev  ## set up, then run the tests (PYTEST_ARGS='-m slow')
	$(BIN)/python -m pytest $(PYTEST_ARGS)

lint: .venv/.installed-dev  ## set up, then run ruff and mypy
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

# One BLAS thread for what takes milliseconds: where another program holds a core, waiting for a
# second thread takes longer than the work, for every contender.
bench: .venv/.installed-bench  ## set up, then measure speed and memory against rivals (BENCH_ARGS)
	$(BIN)/python benchmarks/run.py $(BENCH_ARGS)
	OPENBLAS_NUM_THREADS=1 $(BIN)/python benchmarks/cox_speed.py
	OPENBLAS_NUM_THREADS=1 $(BIN)/python benchmarks/conventional_speed.py
	OPENBLAS_NUM_THREADS=1 $(BIN)/python benchmarks/visit_episodes.py
	$(BIN)/python benchmarks/sensitivity_grid.py

# In a notebook figures are shown inline, whatever scripts use.
notebooks: .venv/.installed-notebooks  ## set up, then run the examples as build/notebooks/*.ipynb (NOTEBOOKS)
	mkdir -p build/notebooks
	@for example in $(NOTEBOOKS); do \
		notebook=build/notebooks/$$(basename "$$example" .py).ipynb; \
		$(BIN)/jupytext --quiet --to ipynb --set-kernel python3 --output "$$notebook" "$$example"; \
		env -u MPLBACKEND $(BIN)/jupyter-execute --inplace --timeout=-1 "$$notebook"; \
		echo "wrote $$notebook"; \
	done

reproduction: .venv/.installed  ## set up, then write docs/reproduction.md anew (some minutes)
	$(BIN)/python docs/reproduction.py $(REPRODUCTION_ARGS)

R_PACKAGES := survival survey MatchIt mvtnorm metafor
R_SCRIPTS := tests/reference/r

fixtures:  ## rerun the R scripts behind the reference numbers (SYSUCC=patients.csv)
	@if ! command -v Rscript >/dev/null; then \
		echo "make fixtures needs R (4.2 or later) with the packages $(R_PACKAGES)" >&2; exit 1; \
	fi
	@Rscript -e 'needed <- commandArgs(trailingOnly = TRUE)' \
		-e 'there <- vapply(needed, requireNamespace, logical(1), quietly = TRUE)' \
		-e 'if (!all(there)) stop("make fixtures needs the R packages ", toString(needed[!there]))' \
		$(R_PACKAGES)
	Rscript $(R_SCRIPTS)/lung.R "$(FIXTURES)"
	Rscript $(R_SCRIPTS)/evidence_tests.R "$(FIXTURES)"
	Rscript $(R_SCRIPTS)/synthetic_chen2025.R \
		hccbayes/synthetic/data/synthetic_chen2025.csv "$(FIXTURES)"
	for script in survival_curves rank_tests cox_extensions schoenfeld_smooth meta_analysis \
		classic_data start_stop; do \
		Rscript $(R_SCRIPTS)/$$script.R "$(FIXTURES)" $(if $(SYSUCC),"$(SYSUCC)"); \
	done
	@patients="sysucc_targeted propensity_matching propensity_weighting"; \
	if [ -z "$(SYSUCC)" ]; then \
		echo "not rerun: $$patients; they read the patients of SYSUCC=sysucc_targeted.csv"; \
	else \
		for script in $$patients; do \
			Rscript $(R_SCRIPTS)/$$script.R "$(SYSUCC)" "$(FIXTURES)"; \
		done; \
	fi

# Keeps the pins there are and adds what is new; UPGRADE=1 takes the newest versions instead. The
# lock holds `name==version` and nothing else, so that it says nothing of where packages came from.
lock: | $(BIN)/python  ## rewrite requirements.lock (UPGRADE=1 for the newest versions)
	rm -rf build/lock
	$(BIN)/python -m venv build/lock
	build/lock/bin/python -m pip install --quiet $(if $(UPGRADE),,-c requirements.lock) \
		".[dev,bench,notebooks]"
	build/lock/bin/python -m pip freeze \
		| { grep -E '^[A-Za-z0-9._-]+==[A-Za-z0-9.!+]+$$' || true; } \
		| { grep -v '^hccbayes==' || true; } > build/requirements.lock
	test -s build/requirements.lock
	mv build/requirements.lock requirements.lock
	rm -rf build/lock
	$(MAKE) lock-check

# autograd-gamma is published as source alone.
lock-check: | $(BIN)/python  ## ask whether each pinned version exists for Python 3.12 and 3.13
	for version in 3.12 3.13; do \
		$(PIP) install --quiet --dry-run --ignore-installed --no-deps --target build/none \
			--python-version $$version --only-binary=:all: --no-binary=autograd-gamma \
			-r requirements.lock; \
		echo "requirements.lock can be installed with Python $$version"; \
	done

clean:  ## remove caches and build products; .venv and results stay
	rm -rf build dist .pytest_cache .mypy_cache .ruff_cache .hypothesis
	find . -path ./.venv -prune -o -type d -name __pycache__ -exec rm -rf {} +

# The stamps are empty files whose dates make compares; a new .venv has none.
.venv/.installed: pyproject.toml requirements.lock | $(BIN)/python
	$(PIP) install --quiet -c requirements.lock -e .
	@touch $@

.venv/.installed-dev: pyproject.toml requirements.lock | $(BIN)/python
	$(PIP) install --quiet -c requirements.lock -e ".[dev]"
	@touch $@ .venv/.installed

.venv/.installed-bench: pyproject.toml requirements.lock | $(BIN)/python
	$(PIP) install --quiet -c requirements.lock -e ".[bench]"
	@touch $@ .venv/.installed

.venv/.installed-notebooks: pyproject.toml requirements.lock | $(BIN)/python
	$(PIP) install --quiet -c requirements.lock -e ".[notebooks]"
	@touch $@ .venv/.installed

# Each suitable interpreter is tried until one makes a working environment: those on the path, those
# pyenv holds but has not made active, then uv, which fetches one.
$(BIN)/python:
	@pyenv_root=$$(pyenv root 2>/dev/null || true); \
	if [ -n "$(PYTHON)" ]; then set -- "$(PYTHON)"; else \
		set -- python3.13 python3.12 python3 python \
			"$$pyenv_root"/versions/3.13*/bin/python "$$pyenv_root"/versions/3.12*/bin/python; \
	fi; \
	for candidate in "$$@"; do \
		"$$candidate" -c "$$SUITABLE" >/dev/null 2>&1 || continue; \
		"$$candidate" -m venv --clear .venv && $(PIP) --version >/dev/null || continue; \
		echo "created .venv with $$($(BIN)/python --version) ($$candidate)"; \
		exit 0; \
	done; \
	if [ -z "$(PYTHON)" ] && command -v uv >/dev/null; then \
		rm -rf .venv; \
		uv venv --quiet --seed --python '>=3.12,<3.14' .venv && exit 0; \
	fi; \
	echo "hccbayes needs Python 3.12 or 3.13 with the venv module; looked at: $$*, uv." >&2; \
	echo "Install one, or name it: make $(MAKECMDGOALS) PYTHON=/path/to/python" >&2; \
	exit 1
