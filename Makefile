# make run · make test · make check · make bench · make docs · make bundle · make bundle-smoke
# Every command prepares what it needs in .venv first; see packaging/bootstrap.sh.

.PHONY: setup run test check format bench docs bundle bundle-smoke clean
.DEFAULT_GOAL := run

BIN := .venv/bin
SAMPLE := resources/samples/nuclei_noisy.tif
# Folder for the results when there is no display to open the window on.
OUTPUT := out/sample
PYTEST_ARGS ?=

setup:
	@packaging/bootstrap.sh gui,dev

run:
	@packaging/bootstrap.sh gui
	@$(BIN)/cellmend gui $(SAMPLE) --output $(OUTPUT)

test: setup
	QT_QPA_PLATFORM=offscreen $(BIN)/python -m pytest $(PYTEST_ARGS)

check: setup
	$(BIN)/ruff format --check
	$(BIN)/ruff check
	$(BIN)/lint-imports
	$(BIN)/mypy
	$(BIN)/typos

format: setup
	$(BIN)/ruff format
	$(BIN)/ruff check --fix

# PEER=/path/to/python of an environment with cellpose 3 puts that beside it.
PEER ?=
bench: setup
	QT_QPA_PLATFORM=offscreen $(BIN)/python tests/benchmarks/startup.py
	$(BIN)/cellmend study speed --output out/bench $(if $(PEER),--peer $(PEER))
	QT_QPA_PLATFORM=offscreen $(BIN)/python tests/benchmarks/window.py
	QT_QPA_PLATFORM=offscreen $(BIN)/python tests/benchmarks/editing.py

docs:
	@packaging/bootstrap.sh docs
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict

# The program for machines without Python, for the operating system that this runs on.
bundle:
	@packaging/bootstrap.sh gui,bundle
	$(BIN)/python packaging/bundle.py

# SMOKE_FILES names more files that the built program has to read.
SMOKE_FILES ?=
bundle-smoke:
	@packaging/bootstrap.sh gui,bundle
	$(BIN)/python packaging/smoke.py $(SMOKE_FILES)

clean:
	rm -rf .venv build dist site out
