# For developers and CI; `python3 bootstrap.py` is all that a user needs.
BIN := .venv/bin

.PHONY: check fix test types imports install

check: install
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-cache

fix: install
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

test:
	python3 bootstrap.py test

install:
	python3 bootstrap.py install
