# Everything a contributor runs. `make env` once (the others call it), then `make demo` or `make test`.

VENV := .venv
BIN := $(VENV)/bin
ANSIBLE_PLAYBOOK := $(BIN)/ansible-playbook
export PATH := $(CURDIR)/$(BIN):$(PATH)

.PHONY: env demo demo-down test test-unit test-integration test-smoke test-faults test-molecule lint sanity docs docs-example benchmark clean

env: $(VENV)/.complete

# The collection is linked into its own environment, so every Ansible command there finds it from any directory.
$(VENV)/.complete: requirements-dev.txt scripts/setup.sh
	@scripts/setup.sh $(VENV)
	@touch $@

demo: env
	@$(BIN)/python -m simulator demo

demo-down: env
	@$(BIN)/python -m simulator down

test: lint test-unit sanity test-integration test-smoke

test-unit: env
	$(BIN)/pytest -n 2 -q tests/unit

test-integration: env
	$(BIN)/pytest -n 4 --dist loadscope -q -m 'not servers and not long' tests/integration

# One row of the fault matrix for each remedy; the whole writes its result to docs/faults.md (half an hour).
test-smoke: env
	$(BIN)/pytest -n 2 -q -m smoke tests/faults

test-faults: env
	$(BIN)/pytest -n 2 -q tests/faults --faults-table docs/faults.md
	$(BIN)/pytest -q -m long tests/integration

# Every Molecule scenario, one after the other; those on servers with systemd are not part of `make test`.
test-molecule: env
	$(BIN)/pytest -q tests/integration/test_molecule.py

lint: env
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/mypy -p simulator
	$(BIN)/lint-imports --no-cache --no-logo
	$(BIN)/yamllint --strict .
	$(BIN)/ansible-lint --offline --strict
	$(BIN)/antsibull-changelog lint

sanity: env
	@scripts/sanity.sh

docs: env
	$(BIN)/python -m scripts.docs

# A new example of a report, of the demo fleet; one gateway of it suppressed, so that the example shows that too.
EXAMPLE := .cache/example
SUPPRESSED := {code: container.stopped@demo/paper-stopped, reason: moves to another machine, until: 2099-12-31}
docs-example: env
	rm -rf $(EXAMPLE)
	$(BIN)/python -m simulator up
	$(ANSIBLE_PLAYBOOK) playbooks/diagnose.yml -i inventories/demo \
	    -e '{diagnose_report_dir: $(EXAMPLE), diagnose_suppress: [$(SUPPRESSED)]}' || [ $$? = 2 ]
	$(BIN)/python -m scripts.docs $(EXAMPLE)/report.json

# What people do today when a gateway does not serve, beside recover: logins, pushes, clients cut (half an hour).
benchmark: env
	$(BIN)/python -m benchmarks.habits

clean:
	rm -rf $(VENV) .cache
