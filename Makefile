# Needs Python 3.11 or newer and make; fetches the rest. `make run`, then open the address it prints.
#   make run PORT=9000 DATA=/some/dir    make test ONLY=tests/house    make bench ONLY=name SCALE=0.1
PYTHON ?= python3
PORT ?= 8000
DATA ?= .data
ONLY ?=
SCALE ?= 1
MAILS ?= 100000
FAULTS ?= 200
SEED ?= 1
BIN := .venv/bin/python

.PHONY: run test bench report chaos mutate lint clean environment tools
.DEFAULT_GOAL := run

environment:
	@$(PYTHON) bootstrap.py

tools:
	@$(PYTHON) bootstrap.py dev

run: environment
	@exec $(BIN) manage.py up --port $(PORT) --data $(DATA)

test: tools
	@exec $(BIN) -m pytest -n 2 --dist loadgroup $(ONLY)

bench:
	@$(PYTHON) bootstrap.py dev bench
	@exec $(BIN) -m tests.bench --scale $(SCALE) $(ONLY)

report:
	@$(PYTHON) bootstrap.py dev bench
	@exec $(BIN) -m tests.anchors --scale $(SCALE) $(ONLY)

mutate: tools
	@exec $(BIN) -m tests.mutations $(CODES)

chaos: tools
	@exec $(BIN) -m tests.faults.chaos --mails $(MAILS) --faults $(FAULTS) --seed $(SEED)

lint: tools
	@exec $(BIN) -m tests.house.lint

clean:
	@DATA=$(DATA) $(PYTHON) bootstrap.py clean
