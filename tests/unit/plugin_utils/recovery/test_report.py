# Copyright: ibgw.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The report of a recovery has its form, says what fails the run, and can be read."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import jsonschema
import pytest
from ansible_collections.ibgw.ops.plugins.plugin_utils.findings.registry import REMEDIES, STATUSES
from ansible_collections.ibgw.ops.plugins.plugin_utils.recovery import report, summary
from ansible_collections.ibgw.ops.plugins.plugin_utils.recovery.guards import Check
from ansible_collections.ibgw.ops.plugins.plugin_utils.recovery.plan import began, next_move
from ansible_collections.ibgw.ops.plugins.plugin_utils.recovery.report import OUTCOMES, Worked, sentence
from ansible_collections.ibgw.ops.plugins.plugin_utils.run import NAMED

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


def many(failing: int) -> dict[str, Any]:
    """A report of two gateways that are as they should be and of so many that are not."""
    built = reported(started({}, "healthy"))
    (row,) = built["gateways"]
    ids = [f"alpha/{nth}" for nth in range(failing)]
    rows = [{**row, "id": each, "outcome": "given_up"} for each in ids] + [row, {**row, "id": "alpha/fine"}]
    return {**built, "gateways": rows, "fleet": {**built["fleet"], "failing": ids}}


@pytest.mark.parametrize(
    ("failing", "said"),
    [
        (0, "no gateway reaches diagnose_fail_on=down"),
        (1, "1 of 3 gateways are not as they should be: alpha/0 (given_up)"),
        (NAMED, ", ".join(f"alpha/{nth} (given_up)" for nth in range(NAMED))),
        (NAMED + 2, f"alpha/{NAMED - 1} (given_up) and 2 more"),
    ],
)
def test_the_sentence_names_those_that_fail_as_far_as_it_can_be_read(failing: int, said: str) -> None:
    assert sentence(many(failing)).endswith(said)


@pytest.mark.parametrize(
    ("told", "result", "logins"),
    [
        ({}, "done", 1),
        ({"failed": True}, "failed", 1),
        ({"ended_at": None}, "cut_off", 1),
        ({"logins": None}, "done", 0),
    ],
    ids=["done", "failed", "cut off", "nobody knows its price"],
)
def test_how_a_step_went_and_what_it_cost(told: dict[str, Any], result: str, logins: int) -> None:
    worked = started({}, "healthy", pushes=1)
    (step,) = worked.journal.steps
    worked = replace(worked, journal=replace(worked.journal, steps=(replace(step, **told),)))
    (row,) = reported(worked)["gateways"]
    assert (row["steps"][0]["result"], row["logins_spent"], row["pushes_spent"]) == (result, logins, 1)


def test_what_was_left_alone_took_no_time_and_spent_nothing() -> None:
    worked = started(KILLED, "refused", pushes=1)
    (row,) = reported(replace(worked, journal=replace(worked.journal, steps=())))["gateways"]
    assert (row["seconds"], row["logins_spent"], row["pushes_spent"], row["steps"]) == (0, 0, 0, [])


def test_the_guards_are_those_of_the_last_word_else_those_of_the_last_step_else_of_the_plan() -> None:
    def guards(worked: Worked) -> list[str]:
        (row,) = reported(worked)["gateways"]
        return [check["reason"] for check in row["guards"]]

    def saying(reason: str) -> tuple[Check, ...]:
        return (Check("held", False, reason),)

    worked = started(KILLED, "given_up")
    (step,) = worked.journal.steps
    worked = replace(
        worked,
        planned=replace(worked.planned, step=replace(worked.planned.step, guards=saying("plan"))),
        journal=replace(worked.journal, steps=(replace(step, guards=saying("step")),)),
        last=replace(worked.last, step=replace(worked.last.step, guards=saying("last"))),
    )
    silent = replace(worked, last=replace(worked.last, step=replace(worked.last.step, guards=())))
    assert guards(worked) == ["last"]
    assert guards(silent) == ["step"]
    assert guards(replace(silent, journal=replace(worked.journal, steps=()))) == ["plan"]
