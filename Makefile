# Everything that one runs in a clone: `make demo`, `make test`. Each prepares what it needs.

VENV := .venv
BIN := $(VENV)/bin
ANSIBLE_PLAYBOOK := $(BIN)/ansible-playbook
export PATH := $(CURDIR)/$(BIN):$(PATH)
# Ansible does not start under a locale that is not installed, such as one that came along over SSH, nor under C.
export LC_ALL := C.UTF-8

.PHONY: env tools demo demo-down test test-unit test-integration test-faults test-molecule lint sanity docs docs-example benchmark benchmark-logs benchmark-handshake benchmark-health benchmark-fleet clean

# The collection is linked into its own environment, so every Ansible command there finds it from any directory.
env:
	@scripts/setup.sh $(VENV) requirements.txt

tools:
	@scripts/setup.sh $(VENV) requirements.txt requirements-dev.txt
	@scripts/promtool.sh

demo: env
	@$(BIN)/python -m simulator demo

demo-down: env
	@$(BIN)/python -m simulator down

# Lint keeps one processor busy: the unit tests go beside it. Sanity does not, for within it Galaxy's importer gives ansible-lint three minutes.
test: tools
	@$(MAKE) --no-print-directory -j2 --output-sync=target lint test-unit
	@$(MAKE) --no-print-directory sanity test-integration

test-unit: tools
	$(BIN)/pytest -n 2 -q tests/unit

# With one row of the fault matrix for each remedy. Mostly it waits, for logins and for silence: hence more at once than there are processors.
test-integration: tools
	$(BIN)/pytest -n 5 -q --durations 12 -m 'not servers and not long' tests/integration

# The whole matrix, which writes its result to docs/faults.md (half an hour), and whatever else takes minutes.
test-faults: tools
	$(BIN)/pytest -n 2 -q tests/integration/faults --faults-table docs/faults.md
	$(BIN)/pytest -q -m long tests/integration --ignore tests/integration/faults

# Every Molecule scenario, one after the other; those on servers with systemd are not part of `make test`.
test-molecule: tools
	$(BIN)/pytest -q tests/integration/test_molecule.py

lint: tools
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/mypy -p simulator
	$(BIN)/lint-imports --no-cache --no-logo
	$(BIN)/yamllint --strict .
	$(BIN)/ansible-lint --offline --strict
	$(BIN)/antsibull-changelog lint

sanity: tools
	@scripts/sanity.sh

docs: tools
	$(BIN)/python -m scripts.docs

# New examples of reports, of some gateways of the demo fleet: a diagnosis with one of each kind, and one suppressed; an audit of one.
EXAMPLE := .cache/example
SHOWN := [paper-ok, live-2fa, live-monday, live-hung, paper-stopped, ib-gateway]
SUPPRESSED := {code: container.stopped@demo/paper-stopped, reason: moves to another machine, until: 2099-12-31}
AUDITED := demo/paper-bypass
ACCEPTED := {code: config.healthcheck_missing, reason: a diagnosis runs every five minutes, until: 2099-12-31}
docs-example: tools
	rm -rf $(EXAMPLE)
	$(BIN)/python -m simulator up
	$(ANSIBLE_PLAYBOOK) playbooks/diagnose.yml -i inventories/demo \
	    -e '{diagnose_report_dir: $(EXAMPLE), diagnose_only: $(SHOWN), diagnose_suppress: [$(SUPPRESSED)]}' || [ $$? = 2 ]
	$(ANSIBLE_PLAYBOOK) playbooks/audit.yml -i inventories/demo \
	    -e '{audit_report_dir: $(EXAMPLE), audit_only: [$(AUDITED)], audit_accept: [$(ACCEPTED)]}' || [ $$? = 2 ]
	$(BIN)/python -m scripts.docs $(EXAMPLE)/report.json $(EXAMPLE)/audit.json

# What people do today when a gateway does not serve, beside recover: logins, pushes, clients cut (half an hour).
benchmark: tools
	$(BIN)/python -m benchmarks.habits

# What the log probe is worth: how often it is right, what it says at every moment of a log's life, what reading costs (half an hour).
benchmark-logs: tools
	$(BIN)/python -m benchmarks.accuracy
	$(BIN)/python -m benchmarks.cuts
	$(BIN)/python -m benchmarks.logs

# What asking an API costs, beside ib_async (two minutes).
benchmark-handshake: tools
	$(BIN)/python -m benchmarks.handshake

# What looking at gateways costs, beside docker inspect and docker top (two minutes).
benchmark-health: tools
	$(BIN)/python -m benchmarks.health

# What a fleet costs its controller, beside ansible -m ping (ten minutes).
benchmark-fleet: tools
	$(BIN)/python -m benchmarks.fleet

# What runs is found again by what stands in .cache.
clean:
	@! ls .cache/dockerd.pid .cache/demo-* 2>/dev/null | grep -q . || { echo "make clean: what was started for the demo is still there; make demo-down removes it first" >&2; exit 1; }
	rm -rf $(VENV) .cache .mypy_cache .pytest_cache .ruff_cache .hypothesis .ansible
