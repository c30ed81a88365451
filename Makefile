# For users: `make demo` shows RegQC at work, `make gui` opens the Slicer module without Slicer,
# `make test` checks that all is sound. Each makes its own virtual environment and skips what is
# already installed.

PYTHON ?= python3
VENV ?= .venv
TORCH_SPEC ?= torch==2.13.0
PYTEST_FLAGS ?=
# Processes that test, one thread each.
JOBS ?= 2

BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check --quiet
PYTEST = OMP_NUM_THREADS=1 $(BIN)/python -m pytest --numprocesses $(JOBS) --dist loadscope --max-worker-restart 0 $(PYTEST_FLAGS)
SAMPLE := Resources/SampleData
MODULE_TESTS := Testing/SlicerHost $(addprefix Testing/Slicer/,correct display panels record scene end_to_end)
SOURCES := RegQC RegQCLib Testing Resources

# Off-screen rendering, Qt's own libraries, and fonts for screenshots.
DEBIAN_PACKAGES := fonts-dejavu-core libegl1 libgl1-mesa-dri libosmesa6 libxkbcommon0 \
	libfontconfig1 libdbus-1-3

.PHONY: demo gui test lint clean

demo: $(VENV)/.installed
	@rm -rf demo
	@$(BIN)/regqc check $(SAMPLE)/flair.nii.gz $(SAMPLE)/t1w.nii.gz --out demo/aligned
	@$(BIN)/regqc check $(SAMPLE)/flair.nii.gz $(SAMPLE)/t1w.nii.gz \
		--transform $(SAMPLE)/moved.tfm --out demo/moved
	@echo "Open demo/aligned/report.html and demo/moved/report.html in a browser."

gui: $(VENV)/.installed-for-gui $(VENV)/.debian-packages
	PYTHONPATH=Testing $(BIN)/python -m SlicerHost.gui

# The module's tests run folder by folder: Qt and VTK leave traces in a process, and after some hundred
# tests in one, connections get lost. Exit code 5: none of a folder's tests can run here.
test: lint $(VENV)/.debian-packages
	$(PYTEST) Testing/Python
	$(PYTEST) Testing/Slicer/test_*.py
	@for tests in $(MODULE_TESTS); do $(PYTEST) $$tests || test $$? = 5 || exit 1; done

lint: $(VENV)/.installed-for-tests
	$(BIN)/ruff check $(SOURCES)
	$(BIN)/ruff format --check $(SOURCES)
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

# Where this may not install them, tests that cannot render say so and are skipped.
$(VENV)/.debian-packages: | $(BIN)/python
	@command -v dpkg-query >/dev/null || { touch $@; exit 0; }; \
	missing=; for name in $(DEBIAN_PACKAGES); do \
		dpkg-query --show --showformat='$${Status}' $$name 2>/dev/null \
			| grep -q 'install ok installed' || missing="$$missing $$name"; done; \
	test -z "$$missing" && { touch $@; exit 0; }; \
	as_root=; test "$$(id -u)" = 0 || as_root="sudo -n"; \
	if $$as_root true 2>/dev/null && $$as_root apt-get update -qq >/dev/null \
		&& $$as_root apt-get install -qq -y --no-install-recommends $$missing >/dev/null; \
	then touch $@; \
	else echo "Not installed, so some tests of the Slicer module are skipped:$$missing"; fi

# What the module needs outside Slicer, without torch.
$(VENV)/.installed-for-gui: pyproject.toml | $(BIN)/python
	$(PIP) install --editable '.[slicer-test]'
	@touch $@ $(VENV)/.installed

# torch comes first and alone, so that TORCH_SPEC decides which build the other packages find.
$(VENV)/.installed-for-tests: pyproject.toml | $(BIN)/python
	$(PIP) install $(TORCH_SPEC)
	$(PIP) install --editable '.[train,dev]'
	@touch $@ $(VENV)/.installed
