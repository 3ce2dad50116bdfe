# The two commands to begin with: `make demo` and `make test`. Everything happens in .venv; nothing else is touched.

PYTHON ?= python3
BIN := .venv/bin
export VIDEOCNN_DATA ?= $(abspath $(wildcard ../shared/data))
export TF_CPP_MIN_LOG_LEVEL ?= 2

.PHONY: demo install test test-slow test-tf217 lint format bench notebooks notebooks-check site serve walk clean

demo: .venv/installed
	$(BIN)/videocnn demo --out demo --overwrite

install: .venv/installed

test: .venv/installed-test
	$(BIN)/python -m pytest -n 2

test-slow: .venv/installed-test
	$(BIN)/python -m pytest -m slow

lint: .venv/installed-test
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/lint-imports

format: .venv/installed-test
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

bench: .venv/installed-bench
	$(BIN)/python benchmarks/step.py
	$(BIN)/python benchmarks/input.py

# Execute the notebooks whose code, or the signatures it uses, have changed since they were executed; or list them.
notebooks: .venv/installed-test
	$(BIN)/python tutorials/run.py

notebooks-check: .venv/installed-test
	$(BIN)/python tutorials/run.py --check

# The site: in site/, or on 127.0.0.1:8000.
site: .venv/installed-test
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict

serve: .venv/installed-test
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs serve --no-strict --watch videocnn --watch siteparts --watch benchmarks/README.md

# A newcomer's walk through README and the course, in a fresh clone and environment, each step timed.
walk:
	$(PYTHON) benchmarks/walk.py --out tutorials/start/first-run.md

# The oldest TensorFlow, and the last that the compiled operations of tensorflow-io load on.
test-tf217: .venv-tf217/installed
	.venv-tf217/bin/python -m pytest -n 2

.venv/bin/python:
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --upgrade pip

.venv/installed: setup.py | .venv/bin/python
	$(BIN)/python -m pip install --quiet --editable .
	touch $@

.venv/installed-test: setup.py | .venv/bin/python
	$(BIN)/python -m pip install --quiet --editable '.[test,peers,browser,export,notebooks,docs]'
	touch $@ .venv/installed

# PyTorch's own index has builds without CUDA; install one first where the default brings gigabytes.
.venv/installed-bench: setup.py | .venv/bin/python
	$(BIN)/python -m pip install --quiet --editable '.[bench]'
	touch $@ .venv/installed

.venv-tf217/installed: setup.py
	$(PYTHON) -m venv .venv-tf217
	.venv-tf217/bin/python -m pip install --quiet --upgrade pip
	.venv-tf217/bin/python -m pip install --quiet 'tensorflow==2.17.1' 'tensorflow-io==0.37.1' --editable '.[test]'
	touch $@

clean:
	rm -rf .venv .venv-tf217 demo site tutorials/course build *.egg-info .pytest_cache .ruff_cache .hypothesis
