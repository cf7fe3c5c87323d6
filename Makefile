SHELL := bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
MAKEFLAGS += --no-builtin-rules --no-print-directory

# Recipes are printed as one would type them in an activated .venv.
export PATH := $(CURDIR)/.venv/bin:$(PATH)
export MLFLOW_DISABLE_TELEMETRY := true

CODE := core operator trainer cli tests bench scripts

##@ Use

.PHONY: demo
demo: .venv-local ## Train examples/iris four times and see what becomes of each
	@scripts/demo

##@ Develop

PREPARE := PYTHONPATH=tests python tests/prepare.py
PYTEST := pytest -n auto --maxprocesses 4 --dist worksteal --durations 15

.PHONY: test
test: .venv-dev ## Run what a change can break; servers that tests need are built into ~/.cache/retrain
	@$(PREPARE)
	cd examples/iris && pytest -q
	$(PYTEST) -m "not exhaustive and not bed"

.PHONY: test-all
test-all: .venv-dev ## Run every test: whole tables, each trigger on a node, the tests' own servers
	@$(PREPARE)
	cd examples/iris && pytest -q
	RETRAIN_DIFFERENTIAL_CASES=500 RETRAIN_EXAMPLES=10 $(PYTEST)

# One lane; `pytest -m LANE` runs all of it.
.PHONY: test-unit test-api test-stores test-node test-bed
test-unit: .venv-dev ## Run the tests that need no server
	@$(PREPARE) unit
	$(PYTEST) -m "unit and not exhaustive"
test-api: .venv-dev ## Run those on a control plane without a node
	@$(PREPARE) api
	$(PYTEST) -m "api and not exhaustive"
test-stores: .venv-dev ## Run those on git, S3, MLflow and Prometheus servers
	@$(PREPARE) stores
	$(PYTEST) -m "stores and not exhaustive"
test-node: .venv-dev ## Run those in pods and containers
	@$(PREPARE) node
	$(PYTEST) -m "node and not exhaustive"
test-bed: .venv-dev ## Run those of the tests' own cluster and servers
	@$(PREPARE) bed
	$(PYTEST) -m bed

.PHONY: lint
lint: .venv-dev ## Style, types and import rules; changes nothing
	ruff format --check .
	ruff check .
	mypy $(CODE)
	lint-imports

.PHONY: fmt
fmt: .venv-dev ## Correct what the formatter and the linter can
	ruff check --fix-only .
	ruff format .

.PHONY: verify
verify: lint ## lint, manifests, locks, and that what is generated is current
	hadolint Dockerfile.operator Dockerfile.trainer examples/own-image/Dockerfile
	zizmor --offline --quiet .github examples/iris/.github
	python scripts/manifests.py
	python scripts/pod_schema.py --check
	python scripts/crds.py --check
	python scripts/reasons.py | diff -u docs/reasons.md -
	python scripts/reference.py | diff -u docs/trainingrun.md -
	python scripts/reference.py retrainschedule | diff -u docs/retrainschedule-fields.md -
	python scripts/chart_readme.py | diff -u charts/retrain/README.md -
	scripts/lock --check

.PHONY: generate
generate: .venv-dev ## Write from the code what is generated: CRDs, references, the chart's table
	python scripts/pod_schema.py
	python scripts/crds.py
	python scripts/reasons.py > docs/reasons.md
	python scripts/reference.py > docs/trainingrun.md
	python scripts/reference.py retrainschedule > docs/retrainschedule-fields.md
	python scripts/chart_readme.py > charts/retrain/README.md

.PHONY: lock
lock: .venv-dev ## Lock the requirements of pyproject.toml; all anew with UPGRADE=1
	scripts/lock $(if $(UPGRADE),--upgrade)

.PHONY: bench
bench: .venv-dev ## Print what retrain costs over the bare stages, and the operator over bare Jobs
	python bench/trainer.py
	PYTHONPATH=tests python bench/control_plane.py

.PHONY: cluster-up
cluster-up: .venv-dev ## Start a one-node Kubernetes on this machine; prints the KUBECONFIG line
	@PYTHONPATH=tests python -m cluster up

.PHONY: cluster-down
cluster-down: .venv-dev ## End it and leave nothing behind
	@PYTHONPATH=tests python -m cluster down

.PHONY: images
images: ## Build both images as archives below dist/
	scripts/images --output dist

.PHONY: kind-load
kind-load: images ## Build both images and load them into the kind cluster `retrain`
	kind load image-archive --name retrain dist/operator.tar dist/trainer.tar

.PHONY: clean
clean: ## Remove what these targets have made here
	rm -rf .venv .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache dist build
	rm -rf examples/iris/.retrain
	find . -name __pycache__ -prune -exec rm -rf {} +

.PHONY: .venv-local .venv-dev
.venv-local .venv-dev: .venv-%:
	@scripts/setup $*

.PHONY: help
help: ## Print this list
	@awk 'BEGIN { FS = ":.*## " } \
		/^##@ / { printf "\n%s:\n", substr($$0, 5) } \
		/^[a-z-]+:.*## / { printf "  make %-13s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)
