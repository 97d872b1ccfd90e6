# Copyright: ibgw.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The report of a recovery has its form, says what fails the run, and can be read."""

from __future__ import annotations

import json

import jsonschema
import pytest
from ansible_collections.ibgw.ops.plugins.plugin_utils.findings.registry import REMEDIES, STATUSES
from ansible_collections.ibgw.ops.plugins.plugin_utils.recovery import report, summary
from ansible_collections.ibgw.ops.plugins.plugin_utils.recovery.plan import began, next_move
from ansible_collections.ibgw.ops.plugins.plugin_utils.recovery.report import OUTCOMES, sentence

from tests.unit.plugin_utils.findings.scene import NOW
from tests.unit.plugin_utils.recovery.situations import KILLED, OURS, OWNER, Changes, records, situation, working
from tests.unit.plugin_utils.recovery.worked import DOCS, SCHEMA, SETTINGS, reported, started


def test_before_action_after_time_and_cost_are_in_the_report() -> None:
    (row,) = reported(started({}, "healthy"))["gateways"]
    assert (row["before"]["code"], row["after"]["status"]) == ("container.killed", "healthy")
    assert [(step["remedy"], step["result"], step["proof"]) for step in row["steps"]] == [
        ("start", "done", "a new start time")
    ]
    assert (row["seconds"], row["logins_spent"]) == (30, 1)
    assert {check["guard"] for check in row["guards"]} >= {"budget", "agreement", "held"}


@pytest.mark.parametrize(
    ("then", "outcome", "fail_on", "fails"),
    [
        ({}, "healthy", "degraded", False),
        (KILLED, "given_up", "down", True),
        (KILLED, "given_up", "never", False),
        ({}, "given_up", "down", True),
        (KILLED, "refused", "down", True),
    ],
)
def test_what_fails_the_run(then: Changes, outcome: str, fail_on: str, fails: bool) -> None:
    built = reported(started(then, outcome), fail_on=fail_on)
    assert built["fleet"]["failing"] == (["alpha/ib-gateway"] if fails else [])
    assert ("alpha/ib-gateway" in sentence(built)) is fails


def test_the_schema_knows_every_outcome_status_and_remedy() -> None:
    definitions = SCHEMA["$defs"]
    assert set(definitions["outcome"]["enum"]) == set(OUTCOMES) == set(summary.SAID)
    assert set(definitions["step"]["properties"]["remedy"]["enum"]) == set(REMEDIES)
    assert set(definitions["verdict"]["properties"]["status"]["enum"]) == set(STATUSES)


def test_the_example_in_the_docs_has_the_form_of_the_schema() -> None:
    example = json.loads((DOCS / "recovery.example.json").read_text(encoding="utf-8"))
    jsonschema.Draft202012Validator(SCHEMA).validate(example)


def test_what_a_run_did_not_finish_is_said() -> None:
    before = situation(KILLED, kept=records(lock=OURS))
    journal = working(before, SETTINGS)
    act = next_move(before, SETTINGS, journal, (), OWNER)
    cut_off = started({}, "given_up", journal=began(journal, act.step, NOW), last=act)
    (row,) = reported(cut_off)["gateways"]
    assert row["steps"][0]["result"] == "cut_off"
    assert report.artifact(reported(cut_off))["alpha/ib-gateway"]["steps"] == ["start"]
