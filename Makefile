# SmartRocket Analytics: every command, and what depends on what. `make help` lists them.

PROFILE ?= sample
ifdef SHOP
PROFILE := own_shop
# A folder's name may hold any sign, so make takes it as it is, and the shell from the environment, where it means nothing.
override SHOP := $(value SHOP)
export SHOP
else ifeq ($(origin SHOP),command line)
# As a variable of the shell that is not set leaves it: the sample shop is not what was meant.
$(error SHOP is empty: give the folder that holds the shop's events.csv, or leave SHOP out)
endif
ifneq ($(words $(PROFILE)),1)
$(error PROFILE must be the name of one file of params/, without its .yaml, and is "$(PROFILE)")
endif
ifneq ($(findstring :,$(CURDIR)),)
# It parts the folders in PATH, so that Python would look for the library elsewhere.
$(error the project's folder has a colon in its path, $(CURDIR): rename that folder)
endif
HOST ?= 127.0.0.1
PORT ?= 8000
SCALE ?=
TRIES ?= 500
SEED ?= 1
BUILD := build/$(PROFILE)

# An activated conda environment made from environment.yml is used as it is; otherwise .venv is set up here.
CONDA_READY := $(if $(CONDA_PREFIX),$(wildcard $(CONDA_PREFIX)/lib/python3*/site-packages/smartrocket-*.dist-info))
ifneq ($(CONDA_READY),)
BIN := $(CONDA_PREFIX)/bin
READY :=
else
BIN := .venv/bin
READY := .venv/ready
endif
# Quoted, since a folder's name may hold blanks.
PYTHON := "$(BIN)/python"
export PATH := $(if $(filter /%,$(BIN)),,$(CURDIR)/)$(BIN):$(PATH)
# This folder's library, even where the environment was set up for another copy of the project.
export PYTHONPATH := $(CURDIR)/lib$(if $(PYTHONPATH),:$(PYTHONPATH))
SMARTROCKET := $(PYTHON) -m smartrocket

NAMES := 01_eda 02_cleaning 03_features 04_forecast_lightgbm 05_forecast_tuning 06_gru4rec_baseline 07_gru4rec_tuning
NOTEBOOKS := $(NAMES:%=$(BUILD)/notebooks/%.ipynb)
PAGES := _quarto.yml index.qmd $(wildcard bench/results.json chapters/* dashboard/* theme/*)

.PHONY: report notebooks test nightly clone fuzz corners faults coverage mutants audit bench lab pdf serve data picture clean help prepare
.DEFAULT_GOAL := help
# A recipe that fails leaves no half-made target, and a `make -j` never runs two notebooks on the same two cores.
.DELETE_ON_ERROR:
.NOTPARALLEL:

report: _site/built.json ## build the report into _site/ (PROFILE=sample, or SHOP=folder for your own log)
	@echo "_site/index.html holds the report of profile $(PROFILE)"

_site/built.json: $(NOTEBOOKS) $(PAGES) build/site.json
	@$(SMARTROCKET) publish --profile $(PROFILE)

notebooks: $(NOTEBOOKS) ## run the seven notebooks without rendering the site

# The profile and the raw files are looked at in every call. Only what changed is written anew, so that a file's
# time tells whether something is stale; the empty recipes below make make look at the times again.
prepare: $(READY)
	@$(SMARTROCKET) prepare --profile $(PROFILE) $(if $(SHOP),--shop "$$SHOP")
build/site.json $(NAMES:%=$(BUILD)/inputs/%.json): prepare ;

# A notebook depends on itself, on its resolved parameters and library modules (both in inputs/), and on the
# notebooks whose results it reads.
$(BUILD)/notebooks/%.ipynb: notebooks/%.ipynb $(BUILD)/inputs/%.json
	@$(SMARTROCKET) run $* --profile $(PROFILE)
$(BUILD)/notebooks/02_cleaning.ipynb: $(BUILD)/notebooks/01_eda.ipynb
$(BUILD)/notebooks/03_features.ipynb: $(BUILD)/notebooks/02_cleaning.ipynb
$(BUILD)/notebooks/04_forecast_lightgbm.ipynb: $(BUILD)/notebooks/03_features.ipynb
$(BUILD)/notebooks/05_forecast_tuning.ipynb: $(BUILD)/notebooks/04_forecast_lightgbm.ipynb
$(BUILD)/notebooks/06_gru4rec_baseline.ipynb: $(BUILD)/notebooks/03_features.ipynb
$(BUILD)/notebooks/07_gru4rec_tuning.ipynb: $(BUILD)/notebooks/06_gru4rec_baseline.ipynb

test: $(READY) $(if $(READY),.venv/spark) ## check style and run the tests (they need Debian's chromium and openjdk-17-jre-headless)
	@$(FIND_JAVA)
	@"$(BIN)/ruff" check .
	@"$(BIN)/ruff" format --check .
	@$(PYTEST)

nightly: $(READY) $(if $(READY),.venv/spark) ## run the tests that look further than those of make test, for minutes more
	@$(FIND_JAVA)
	@$(PYTEST) -m "nightly or hypothesis" --hypothesis-profile nightly

PYTEST := $(PYTHON) -m pytest --numprocesses 2 --max-worker-restart 0 --dist loadfile --no-loadscope-reorder
FIND_JAVA := "$${JAVA_HOME:+$$JAVA_HOME/bin/}java" -version > /dev/null 2>&1 || \
  { echo "error: the tests of the engine Spark need Java: apt install openjdk-17-jre-headless" >&2; exit 2; }

# TRAIN and TEST measure the recommenders alone, and SCALE how the stages grow with one more size of shop. All of it is
# kept in bench/results.json.
bench: $(READY) ## measure stages, forecasts and site, on shops up to ten times RetailRocket's (an hour; SCALE=1: one size)
ifdef TRAIN
	@$(PYTHON) bench/recommenders.py --train "$(TRAIN)" --test "$(TEST)" $(if $(OFFICIAL),--official "$(OFFICIAL)")
else ifdef OFFICIAL
	@echo "error: OFFICIAL needs the sessions that both codes learn and are asked, TRAIN=file TEST=file (see README)" >&2; exit 2
else ifneq ($(SCALE),)
	@$(PYTHON) bench/scaling.py $(SCALE)
else
	@$(PYTHON) bench/data.py --runs 3
	@$(PYTHON) bench/scaling.py 0.1 0.3
	@$(PYTHON) bench/scaling.py 1 --limits 1GB 200MB
	@$(PYTHON) bench/scaling.py 10 --limits 2GB
	@$(PYTHON) bench/forecasts.py
	@$(PYTHON) bench/processes.py
	@$(MAKE) --no-print-directory report
	@$(PYTHON) bench/site.py --profile $(PROFILE)
	@$(PYTHON) bench/pages.py
	@$(MAKE) --no-print-directory report
endif

fuzz: $(READY) ## try hundreds of mutations of raw files and profiles (half an hour; TRIES=500, SEED=1)
	@$(PYTHON) bench/mutations.py --tries $(TRIES) --seed $(SEED)

corners: $(READY) ## build whole reports of shops at the edge of what a shop is, such as of one visitor (a quarter of an hour)
	@$(PYTHON) bench/corners.py

faults: $(READY) ## kill make, fill the disk and build twice at once, and compare the site after each (half an hour)
	@$(PYTHON) bench/faults.py --seed $(SEED)

clone: $(READY) ## clone the project, run `make test` there from nothing, and keep how long it takes (ten minutes)
	@$(PYTHON) bench/clone.py

coverage: build/coverage/coverage ## say which lines and branches of the library no unit test reaches (what runs in other processes is not counted)
	@COVERAGE_CORE=sysmon PYTHONPATH="build/coverage:$$PYTHONPATH" $(PYTHON) -m coverage run --branch --source lib/smartrocket \
	  --data-file build/coverage/data -m pytest -p no:xdist -p no:cacheprovider -m "not browser and not chain and not nightly"
	@PYTHONPATH="build/coverage:$$PYTHONPATH" $(PYTHON) -m coverage report --data-file build/coverage/data --show-missing
	@PYTHONPATH="build/coverage:$$PYTHONPATH" $(PYTHON) -m coverage json -q --data-file build/coverage/data -o build/coverage/report.json
	@$(PYTHON) bench/line_coverage.py build/coverage/report.json

build/coverage/coverage: $(READY)
	@$(PYTHON) -m pip install -q --disable-pip-version-check --upgrade --target build/coverage coverage==7.17.4

mutants: build/mutants/tools/mutmut ## make mistakes in modules and count which the tests notice (hours; MODULES="sessions panel")
	@$(PYTHON) bench/mutants.py $(MODULES)
build/mutants/tools/mutmut: $(READY)
	@$(PYTHON) -m pip install -q --disable-pip-version-check --upgrade --target build/mutants/tools mutmut==3.8.1 2> /dev/null

audit: $(READY) ## look up known weaknesses of the locked packages (needs the network)
	@$(PYTHON) -m pip install -q --disable-pip-version-check --target build/audit pip-audit==2.10.1 2> /dev/null
	@PYTHONPATH=build/audit $(PYTHON) -m pip_audit --strict --disable-pip --no-deps -r requirements.lock \
	  -r requirements-spark.lock || \
	  { echo "error: see above: a weakness, a package that the service does not know, or no service to be reached" >&2; exit 2; }

lab: notebooks ## open the notebooks in JupyterLab, on a copy of the sample shop that the report never reads
	@$(SMARTROCKET) copy-lab --profile $(PROFILE)
	@"$(BIN)/jupyter" lab --notebook-dir notebooks $(if $(filter 0,$(shell id -u)),--allow-root)

pdf: report ## print the report as _site/report.pdf (needs Debian's chromium)
	@$(SMARTROCKET) print

serve: $(READY) ## serve _site/ on http://127.0.0.1:8000 (PORT=..., HOST=0.0.0.0 for other machines too)
	@$(SMARTROCKET) serve --host $(HOST) --port $(PORT)

data: $(READY) ## fetch the RetailRocket files into data/raw/retailrocket/ and check them
	@$(SMARTROCKET) fetch

picture: $(READY) ## redraw the picture in README from the built site (needs Debian's chromium)
	@$(SMARTROCKET) picture

clean: ## remove everything that was generated (not the environment, not data/raw)
	rm -rf build analysis downloads _site _parts _variables.yml .quarto

help: ## list these commands
	@awk -F ':.*## ' '/^[a-z]+:.*## / {printf "  make %-10s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

# The environment: Python packages from the lock, the project itself in place, and Quarto where it can be had.
INSTALL := .venv/bin/python -m pip install -qq --disable-pip-version-check --no-compile
# uv unpacks in a sixth of pip's time. It does not know pip's settings, so pip does its work where those name another index,
# and where uv fails. A package that it was stopped at counts as installed afterwards, so a mark stands meanwhile.
UV := .venv/bin/uv pip install -q --python .venv/bin/python
OTHER_INDEX := .venv/bin/python -m pip config list | grep -E '\.(index-url|no-index)=' > /dev/null
TORCH = $$(grep '^torch==' requirements.lock)
ALL_BUT_TORCH := grep -v -e '^\#' -e '^torch==' requirements.lock
# The CPU build of torch saves gigabytes; where its index cannot be reached, the usual build has to do.
INSTALL_TORCH = { $(INSTALL) --no-deps --retries 0 --timeout 10 --index-url https://download.pytorch.org/whl/cpu $(TORCH) \
  2> /dev/null || $(INSTALL) --constraint requirements.lock $(TORCH); }
# Large packages, or parts of some, that neither the report nor its tests import; some of it is not meant to be Python.
RARELY_IMPORTED := tests?|testing|pip|setuptools|plotly|sympy|mpmath|networkx|sqlalchemy|debugpy|fontTools|lexers|wcwidth|rich
RARELY_IMPORTED := $(RARELY_IMPORTED)|prompt_toolkit|kagglesdk|google|torchgen|distributed|_inductor|_dynamo|onnx
# What is unpacked while the rest is compiled already.
STILL_COMING := torch|functorch|pyspark|py4j
COMPILE := .venv/bin/python -m compileall -qq
# Not every system has the command timeout.
AT_MOST_5_MINUTES = .venv/bin/python -c 'import subprocess, sys; sys.exit(subprocess.call(sys.argv[1:], timeout=300))'
define MAKE_VENV
{ python3 -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
  { echo "error: python3 must be 3.11 or newer (it is $$(python3 --version))" >&2; exit 2; }; } && \
{ python3 -m venv .venv || \
  { echo "error: python3 cannot make an environment; install it whole: apt install python3-venv" >&2; exit 2; }; }
endef
.venv/ready: requirements.lock pyproject.toml
	@echo "setting up .venv as requirements.lock says (once, a minute)"
	@# There may be none, or one not whole, or its Python has gone, and nothing in it can be used; or it was made without pip.
	@{ [ ! -e .venv/torn ] && .venv/bin/python -c "" 2> /dev/null; } || { rm -rf .venv && $(MAKE_VENV); }
	@.venv/bin/python -m pip --version > /dev/null 2>&1 || .venv/bin/python -m ensurepip > /dev/null
	@$(INSTALL) uv==0.13.9 2> /dev/null || true
	@touch .venv/torn
	@{ ! { $(OTHER_INDEX); } && $(ALL_BUT_TORCH) | $(UV) --no-deps -r - 2> .venv/uv.log; } || \
	  $(ALL_BUT_TORCH) | $(INSTALL) --no-deps --force-reinstall -r /dev/stdin || \
	  { rm .venv/torn; echo "error: the packages could not be fetched or unpacked (see above): once the network is there, run make again" >&2; exit 2; }
	@rm .venv/torn
	@# Ctrl-C does not reach what a shell has in the background.
	@trap 'kill 0' INT; $(if $(WANTED_BESIDE),$(INSTALL) -r $(WANTED_BESIDE) 2> /dev/null &) \
	{ $(COMPILE) -x '/($(RARELY_IMPORTED)|$(STILL_COMING))/' .venv/lib || true; } & \
	{ $(INSTALL_TORCH) && { $(COMPILE) -x '/($(RARELY_IMPORTED))/' .venv/lib/python3*/site-packages/torch || true; }; } & torch=$$!; \
	$(INSTALL) --no-deps -e . && \
	{ command -v quarto > /dev/null || \
	  $(AT_MOST_5_MINUTES) $(INSTALL) quarto-cli==1.10.19 > .venv/quarto.log 2>&1 || \
	  echo "Quarto cannot be installed here: its pinned fallback, smalldocs, will render the site"; }; \
	failed=$$?; wait $$torch || failed=2; wait; exit $$failed
	@touch $@

# The optional engine, which only its tests need here: 434 MB to fetch, half a minute to install. A new environment gets
# it while the rest is installed, and here it is seen to be there.
test nightly: WANTED_BESIDE := requirements-spark.lock
.venv/spark: .venv/ready requirements-spark.lock
	@echo "adding Spark to .venv for its tests (once)"
	@$(INSTALL) -r requirements-spark.lock
	@$(COMPILE) .venv/lib/python3*/site-packages/pyspark .venv/lib/python3*/site-packages/py4j
	@touch $@
