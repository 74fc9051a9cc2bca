# make demo   installs into .venv and shows new defects on real solar cells
# make test   installs the tools too; checks style, types and behaviour
# PYTHON and PIP_ARGS can be given: make demo PYTHON=python3.12 PIP_ARGS="--no-index --find-links wheels"

PYTHON ?= python3
PIP_ARGS ?=
AUDIT_ARGS ?=
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check
INSTALL := $(PIP) install --quiet $(PIP_ARGS) -c constraints.txt

.PHONY: demo test lint browser wheel sbom audit clean
.DELETE_ON_ERROR:

demo: $(VENV)/.installed-demo
	$(BIN)/flawsmith demo --overwrite

test: lint browser
	$(BIN)/python -m pytest --numprocesses 2 --dist worksteal

lint: $(VENV)/.installed-dev
	$(BIN)/ruff check .
	$(BIN)/mypy

# What the studio's tests look with; where it cannot be installed, they are left out (FLAWSMITH_BROWSER=required: they fail).
browser:
	@command -v chromium chromium-browser google-chrome >/dev/null || \
		{ apt-get -qq update && apt-get -qq install -y --no-install-recommends chromium fonts-dejavu-core; } >/dev/null || \
		echo "No chromium here, and it could not be installed: tests with a browser are left out."

wheel: $(VENV)/.installed-dev
	$(BIN)/python -m build --outdir dist
	$(MAKE) sbom

# What the wheel needs to run, with versions and licences, as CycloneDX. The tool lives in an environment of its own that is thrown away.
sbom: $(VENV)/.installed-dev
	mkdir -p dist
	rm -rf $(VENV)-sbom
	$(PYTHON) -m venv $(VENV)-sbom
	$(VENV)-sbom/bin/python -m pip --disable-pip-version-check install --quiet $(PIP_ARGS) 'cyclonedx-bom>=7,<8'
	$(VENV)-sbom/bin/cyclonedx-py environment --pyproject pyproject.toml --of JSON --output-reproducible -o $(VENV)-sbom/all.json $(BIN)/python
	VERSION=$$($(BIN)/python -c 'from flawsmith.version import __version__; print(__version__)') && \
		$(BIN)/python packaging/sbom.py $(VENV)-sbom/all.json sd metrics demo tensorboard studio > dist/flawsmith-$$VERSION.cdx.json
	rm -rf $(VENV)-sbom

# Known weaknesses of the pinned versions; asks a service on the network, and fails where it has no answer (docs/security.md).
# AUDIT_ARGS: further options of pip-audit, such as '-s osv' for another service.
audit: $(VENV)/.created
	rm -rf $(VENV)-audit
	$(PYTHON) -m venv $(VENV)-audit
	$(VENV)-audit/bin/python -m pip --disable-pip-version-check install --quiet $(PIP_ARGS) pip-audit
	$(VENV)-audit/bin/python packaging/audit.py $(VENV)-audit/bin/pip-audit constraints.txt $(AUDIT_ARGS)
	rm -rf $(VENV)-audit

clean:
	rm -rf $(VENV) $(VENV)-sbom $(VENV)-audit dist flawsmith-demo .mypy_cache .pytest_cache .ruff_cache .hypothesis
	find src tests bench -name __pycache__ -type d -prune -exec rm -rf {} + 2>/dev/null || true

# A stamp is written last, so that a broken installation is begun again and a whole one is not repeated.
$(VENV)/.created:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 10))' || \
		{ echo "flawsmith needs Python 3.10 or newer; name one: make PYTHON=/path/to/python3"; exit 1; }
	$(PYTHON) -m venv --clear $(VENV)
	touch $@

# torch comes first and by itself: where a CPU wheel of the pinned version is at hand, pip takes it and fetches no GPU libraries.
$(VENV)/.installed-torch: $(VENV)/.created constraints.txt
	$(INSTALL) "$$(grep -m 1 '^torch==' constraints.txt)"
	touch $@

$(VENV)/.installed-demo: $(VENV)/.installed-torch pyproject.toml
	$(INSTALL) -e '.[demo]'
	touch $@

$(VENV)/.installed-dev: $(VENV)/.installed-torch pyproject.toml
	$(INSTALL) -e '.[demo,dev,metrics,sd,tensorboard,consumers,studio]'
	touch $@ $(VENV)/.installed-demo
