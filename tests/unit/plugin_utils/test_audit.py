# Copyright: ibgw.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The checklist: one row per rule and gateway, what is accepted, and what fails a run."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.ibgw.ops.plugins.plugin_utils import audit, report
from ansible_collections.ibgw.ops.plugins.plugin_utils.findings.registry import Proof, findings
from ansible_collections.ibgw.ops.plugins.plugin_utils.suppression import Suppression

from tests.unit.plugin_utils.findings.rows import NEVER_PROVEN, ROWS, UNREACHABLE
from tests.unit.plugin_utils.findings.scene import case, machine

#: Less memory than the heap of the scene's gateway may take.
TIGHT = {"container": {"memory": {"limit": 500_000_000}}}

ACCEPTED = Suppression("config.heap_over_limit", "alpha", "it is moved soon", "2026-04-01T00:00:00Z")


def run(fail_on: str = "advice", *accepted: Suppression) -> report.Run:
    return report.Run(1, "2026-03-01T12:00:00Z", "controller", fail_on, suppressions=accepted)


def audited(changes: dict[str, Any], fail_on: str = "advice", *accepted: Suppression) -> dict[str, Any]:
    """The report of the audit of one gateway."""
    asked = run(fail_on, *accepted)
    return audit.build(audit.audited(machine(**changes), accepted, asked), asked)


def row_of(built: dict[str, Any], code: str) -> dict[str, Any]:
    (row,) = (row for row in built["gateways"][0]["rows"] if row["code"] == code)
    return row


@pytest.mark.parametrize("code", [rule.code for rule in audit.checklist()])
def test_a_rule_of_the_audit_always_answers_and_can_fail(code):
    answers = [findings()[code].prove(case(**changes)) for pair in ROWS.values() for changes in pair]
    assert None not in answers
    assert any(isinstance(answer, Proof) for answer in answers) or code in NEVER_PROVEN


def test_a_failed_row_names_the_setting_to_change():
    row = row_of(audited(TIGHT), "config.heap_over_limit")
    assert (row["result"], row["severity"], row["change"]) == ("fail", "advice", "mem_limit: 1536m")
    assert row["evidence"][0]["quote"] == "heap up to 768 MiB, memory limit 476 MiB"


def test_of_a_deployed_gateway_it_is_the_word_of_the_inventory():
    deployed = {**TIGHT, "gateway": {"deployment": {"container": {"id": "c0ffee"}}}}
    assert row_of(audited(deployed), "config.heap_over_limit")["change"] == "memory_mb: 1536 (inventory)"


def test_what_is_kept_says_what_shows_it():
    row = row_of(audited({}), "config.heap_over_limit")
    assert (row["result"], row["summary"]) == ("pass", "heap up to 768 MiB, memory limit 1907 MiB")


def test_what_is_accepted_stays_visible_and_fails_nothing():
    code = ACCEPTED.code
    assert code in {row["code"] for row in audited(TIGHT)["gateways"][0]["rows"] if row["result"] == "fail"}
    built = audited(TIGHT, "advice", ACCEPTED)
    assert row_of(built, code)["accepted"] == {"reason": ACCEPTED.reason, "until": ACCEPTED.until}
    assert built["fleet"]["accepted"][0]["gateways"] == ["alpha/ib-gateway"]
    assert audited({}, "advice", ACCEPTED)["fleet"]["accepted"][0]["gateways"] == []


def test_a_machine_that_can_not_be_looked_at_is_not_known_and_fails_but_at_never():
    unseen = {"tasks": {"health": UNREACHABLE, "logscan": {}, "handshake": {}, "inside": {}}}
    built = audited(unseen, "down")
    assert {row["result"] for row in built["gateways"][0]["rows"]} == {"not_known"}
    assert built["fleet"]["failing"] == ["alpha/ib-gateway"]
    assert audited(unseen, "never")["fleet"]["failing"] == []
