# All of it happens in .venv. PYTHON names another interpreter to make it from: make test PYTHON=python3.13

VENV := .venv
BIN := $(VENV)/bin
INSTALL := $(BIN)/python -m pip install --quiet --disable-pip-version-check --editable

# A worker for each processor and one more, since many tests wait for processes of their own. A worker that has nothing
# left to do takes tests from another. The modules are compiled once, whatever the environment says: the tests start the
# command some hundred times.
WORKERS = $(shell echo $$(($$(getconf _NPROCESSORS_ONLN) < 4 ? $$(getconf _NPROCESSORS_ONLN) + 1 : 5)))
TEST = -m pytest --numprocesses $(WORKERS) --dist worksteal
test lowest: export PYTHONDONTWRITEBYTECODE :=

# The first of these that runs and is new enough.
PYTHON ?= $(shell for name in python3 python3.11 python3.12 python3.13 python3.14 python; do \
	$$name -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo $$name && break; done)

# Those whose bytecode the single file brings: it starts faster with them.
PYTHONS = $(shell for name in $(BIN)/python python3.11 python3.12 python3.13 python3.14; do \
	$$name -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo $$name; done; true)

.DELETE_ON_ERROR:
.PHONY: help demo demo-page test lint lowest lock pyz dist docs reference screenshots bench clean

help: ## list what there is to make
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "make %-11s %s\n", $$1, $$2 }' Makefile

demo: $(VENV)/installed ## see it work: an application, log-shuttle and a local drain, for five seconds
	$(BIN)/python demo/run.py

demo-page: $(VENV)/installed ## the same application with charts of its metrics, on a page that stays until Ctrl-C
	$(BIN)/python demo/page.py

test: lint ## everything that must pass: lint, then the tests
	$(BIN)/python $(TEST)

lint: $(VENV)/installed-test ## ruff and mypy
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy

lowest: ## the tests with the lowest versions that pyproject.toml admits
	@PIP_CONSTRAINT=lowest.txt $(MAKE) VENV=.venv-lowest lowest.txt .venv-lowest/installed-test
	.venv-lowest/bin/python $(TEST)

lowest.txt: pyproject.toml tests/helpers/requirements.py
	@$(PYTHON) -m tests.helpers.requirements lowest > $@

lock: $(VENV)/installed-test ## write requirements.lock: what the image holds, with hashes
	$(BIN)/python -m tests.helpers.requirements lock > requirements.lock.new
	mv requirements.lock.new requirements.lock

pyz: $(VENV)/installed ## build dist/log-shuttle.pyz, one file that any Python 3.11 or later runs
	$(BIN)/python -m release.single_file dist/log-shuttle.pyz $(PYTHONS)

dist: $(VENV)/installed-release ## build the wheel and the sdist of the last commit into dist/, and check them
	rm -rf build/release
	mkdir -p build/release
	git archive HEAD | tar -x -C build/release
	$(BIN)/python -m release.readme build/release
	$(BIN)/python -m build --outdir dist build/release
	$(BIN)/python -m twine check --strict dist/*.whl dist/*.tar.gz

docs: $(VENV)/installed-docs ## build the documentation as a site in build/site; a warning is an error
	$(BIN)/python -m mkdocs build --strict

reference: $(VENV)/installed ## write the flags and the modules, as the code has them, into docs/ and share/
	$(BIN)/python -m shuttle.command.reference docs/flags.md
	$(BIN)/python -m release.shared share
	$(BIN)/python -m tests.helpers.rooms docs/rooms.md

screenshots: $(VENV)/installed-test ## draw the pages that the documents show, with a real browser (Debian: chromium-driver)
	$(BIN)/python -m tests.helpers.screenshots docs

bench: $(VENV)/installed-test ## measure; make bench BENCH='--peer go=./log-shuttle' puts a peer beside it
	$(BIN)/python -m bench.micro
	$(BIN)/python -m bench $(BENCH)

clean: ## remove all that was made
	rm -rf $(VENV) .venv-lowest lowest.txt build dist .mypy_cache .ruff_cache .pytest_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

# Stamps: pip runs again when pyproject.toml has changed. The code itself is installed as a link to its sources.
$(VENV)/installed: pyproject.toml | $(VENV)/bin/python
	@echo "Installing log-shuttle into $(VENV) ..."
	@$(INSTALL) .
	@touch $@

$(VENV)/installed-test: pyproject.toml | $(VENV)/bin/python
	@echo "Installing log-shuttle and what its tests need into $(VENV) ..."
	@$(INSTALL) '.[test]'
	@touch $@ $(VENV)/installed

$(VENV)/installed-docs $(VENV)/installed-release: $(VENV)/installed-%: pyproject.toml | $(VENV)/bin/python
	@echo "Installing log-shuttle and the extra [$*] into $(VENV) ..."
	@$(INSTALL) '.[$*]'
	@touch $@ $(VENV)/installed

$(VENV)/bin/python:
	@test -n "$(PYTHON)" || { \
		echo "log-shuttle needs Python 3.11 or later, and none was found: install one, or name it, as in"; \
		echo "    make PYTHON=/opt/python3.13/bin/python3 demo"; exit 1; } >&2
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
		echo "log-shuttle needs Python 3.11 or later; PYTHON=$(PYTHON) is not, or does not run"; exit 1; } >&2
	@$(PYTHON) -m venv $(VENV) || { rm -rf $(VENV); echo "(on Debian: apt install python3-venv)"; exit 1; } >&2
