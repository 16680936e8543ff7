# `make chat` and `make test` prepare .venv by themselves; `make help` lists the rest.
# PYTHON=/path/to/python3 chooses the interpreter, ARGS=... is handed to the program or to pytest.

PY := .venv/bin/python
SETUP = @python=$$(sh scripts/find_python.sh) && "$$python" scripts/setup_venv.py

.DEFAULT_GOAL := help
.PHONY: help chat run doctor test check bench chaos lock clean FORCE

help:  ## List what there is
	@sed -n 's/^\([a-z]*\):.*## \(.*\)/  make \1	\2/p' Makefile

chat: .venv/run.stamp  ## Talk to the model in this terminal
	@$(PY) -m bot chat $(ARGS)

run: .venv/run.stamp  ## Answer what people ask (settings: .env)
	@$(PY) -m bot run $(ARGS)

doctor: .venv/run.stamp  ## Check the settings and everything they name
	@$(PY) -m bot doctor $(ARGS)

test: .venv/dev.stamp  ## Run all tests
	@$(PY) -m pytest $(ARGS)

# Tools are called as modules: their start scripts hold absolute paths and break when the checkout is moved.
check: .venv/dev.stamp  ## Formatting, lint, types, import rules: the same as CI
	@$(PY) -m ruff format --check .
	@$(PY) -m ruff check .
	@$(PY) -m mypy
	@$(PY) -c 'from importlinter.cli import lint_imports_command; lint_imports_command()'

bench: .venv/dev.stamp  ## Measure, and write docs/benchmarks.md (eleven minutes; ARGS=--long: 14)
	@$(PY) -m benchmarks --write $(ARGS)

chaos: .venv/dev.stamp  ## Kill, stop and cut off what answers, and see that no question suffers
	@$(PY) -m tests.chaos $(ARGS)

lock: .venv/dev.stamp  ## Renew the pinned versions and hashes in requirements/
	@$(PY) scripts/lock.py $(ARGS)

clean:  ## Remove .venv and all caches
	rm -rf .venv .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache

# A stamp is written when its .venv is whole. When the Python behind .venv has gone, it counts for nothing.
ifneq ($(shell test -x $(PY) && echo there),there)
.venv/run.stamp .venv/dev.stamp: FORCE
endif

.venv/run.stamp: requirements/run.txt requirements/demo-model.txt
	$(SETUP) run

.venv/dev.stamp: requirements/dev.txt requirements/run.txt requirements/demo-model.txt
	$(SETUP) dev

FORCE:
