# Two commands for users: `make demo` shows RegQC at work, `make test` checks that it is sound.
# Both make their own virtual environment and skip what is already installed.

PYTHON ?= python3
VENV ?= .venv
TORCH_SPEC ?= torch==2.13.0
PYTEST_FLAGS ?=

BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check --quiet
SAMPLE := Resources/SampleData

.PHONY: demo test lint clean

demo: $(VENV)/.installed
	@rm -rf demo
	@$(BIN)/regqc check $(SAMPLE)/flair.nii.gz $(SAMPLE)/t1w.nii.gz --out demo/aligned
	@$(BIN)/regqc check $(SAMPLE)/flair.nii.gz $(SAMPLE)/t1w.nii.gz \
		--transform $(SAMPLE)/moved.tfm --out demo/moved
	@echo "Open demo/aligned/report.html and demo/moved/report.html in a browser."

test: lint
	OMP_NUM_THREADS=2 $(BIN)/python -m pytest $(PYTEST_FLAGS)

lint: $(VENV)/.installed-for-tests
	$(BIN)/ruff check RegQCLib Testing Resources
	$(BIN)/ruff format --check RegQCLib Testing Resources
	$(BIN)/mypy

clean:
	rm -rf $(VENV) demo build *.egg-info .mypy_cache .ruff_cache .pytest_cache .hypothesis

# Some distributions ship Python without ensurepip: then the system's pip brings pip along.
$(BIN)/python:
	@$(PYTHON) -m venv $(VENV) >/dev/null 2>&1 || { \
		$(PYTHON) -m venv --clear --without-pip $(VENV) && \
		$(PYTHON) -m pip --python $(VENV) install --quiet pip; }

# The package is installed in place: later edits need no new installation.
$(VENV)/.installed: pyproject.toml | $(BIN)/python
	$(PIP) install --editable .
	@touch $@

# torch comes first and alone, so that TORCH_SPEC decides which build the other packages find.
$(VENV)/.installed-for-tests: pyproject.toml | $(BIN)/python
	$(PIP) install $(TORCH_SPEC)
	$(PIP) install --editable '.[train,dev]'
	@touch $@ $(VENV)/.installed
