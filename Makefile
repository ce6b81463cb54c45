# Two commands: `make demo` shows djtaskq at work, `make test` proves it.

PYTHON ?= python3
PORT ?= 8000
BROKER_URL ?=
DATABASE_URL ?=
ARGS ?=
JOBS ?= $(shell [ "$$(nproc 2>/dev/null || echo 1)" -gt 1 ] && echo 2 || echo 1)
BENCH ?= beat_scale

BIN := .venv/bin

# What `check --deploy` looks at are the settings that production runs on, and not those of the demo.
PRODUCTION = DJTASKQ_DEMO= DJTASKQ_HOME=build/lint DATABASE_URL=sqlite://:memory: \
	DJTASKQ_ALLOWED_HOSTS=djtaskq.example DJTASKQ_SECRET_KEY=$$($(PYTHON) -c 'import secrets; print(secrets.token_hex(40))')

.PHONY: help demo watch test faults bench conformance lint clean python
.SILENT:

help:
	echo "make demo    start the demo [PORT=8000] [BROKER_URL=redis://...] [DATABASE_URL=postgres://...]"
	echo "make watch   watch another application's workers: BROKER_URL=redis://... [PORT=8000] [DATABASE_URL=...]"
	echo "make test    run all tests [ARGS=\"-k beat\"] [JOBS=1 for one process, two where there are two cores]"
	echo "make faults  kill, stop and mislead what runs, and its servers, for an hour and more [ARGS=\"-k kills\"]"
	echo "make bench   measure [BENCH=beat_scale] [ARGS=\"--peers --broker rabbitmq\"]"
	echo "make conformance  run Celery's own integration tests on our result backend and on Redis [ARGS=\"-k chord\"]"
	echo "make lint    run every check that runs no task"
	echo "make clean   remove .venv, caches and builds; what is in demo/ and watch/ stays"

demo: export DJTASKQ_DEMO := 1
demo: export BROKER_URL := $(BROKER_URL)
demo: export DATABASE_URL := $(DATABASE_URL)
demo: python
	$(PYTHON) -m tools.setup requirements.txt --database-url "$$DATABASE_URL"
	# Ctrl-C is how the demo ends: no error, and nothing for make to complain about.
	trap : INT; $(BIN)/python manage.py demo --port "$(PORT)" || code=$$?; [ "$${code:-0}" -eq 130 ] || exit $${code:-0}

watch: export BROKER_URL := $(BROKER_URL)
watch: export DATABASE_URL := $(DATABASE_URL)
watch: python
	$(PYTHON) -m tools.setup requirements.txt --database-url "$$DATABASE_URL"
	trap : INT; $(BIN)/python -m djtaskq.project watch --port "$(PORT)" || code=$$?; [ "$${code:-0}" -eq 130 ] || exit $${code:-0}

test: python
	$(PYTHON) -m tools.setup tests/requirements.txt --servers
	$(BIN)/python -m pytest $(if $(filter-out 1,$(JOBS)),-n $(JOBS) --dist loadfile --no-loadscope-reorder) $(ARGS)

faults: python
	$(PYTHON) -m tools.setup tests/requirements.txt --servers
	DJTASKQ_FAULTS=full $(BIN)/python -m pytest -p no:randomly tests/faults $(ARGS)

bench: python
	$(PYTHON) -m tools.setup tests/requirements.txt --servers
	$(BIN)/python -m benchmarks.$(BENCH) $(ARGS)

conformance: python
	$(PYTHON) -m tools.setup tests/requirements.txt --servers
	$(BIN)/python -m tests.conformance.run $(ARGS)

lint: python
	$(PYTHON) -m tools.setup tests/requirements.txt
	$(BIN)/python -m ruff check .
	$(BIN)/python -m ruff format --check .
	$(BIN)/python -m mypy
	$(PRODUCTION) $(BIN)/python -W error manage.py makemigrations --check --dry-run
	$(PRODUCTION) $(BIN)/python -W error manage.py check --deploy --fail-level WARNING
	$(BIN)/python -m pytest -q tests/architecture

clean:
	rm -rf .venv build dist .hypothesis .mypy_cache .pytest_cache .ruff_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

python:
	command -v "$(PYTHON)" >/dev/null || { \
		echo "There is no $(PYTHON) here: install Python 3.11 or later (sudo apt-get install python3)." >&2; exit 1; }
