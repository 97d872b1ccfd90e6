# Copyright: ibgw.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The report of a recovery has its form, says what fails the run, and can be read."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from ansible_collections.ibgw.ops.plugins.plugin_utils.findings.registry import REMEDIES, STATUSES
from ansible_collections.ibgw.ops.plugins.plugin_utils.recovery import report, summary
from ansible_collections.ibgw.ops.plugins.plugin_utils.recovery.plan import (
    Outcome,
    began,
    ended,
    looked,
    next_move,
    opened,
)
from ansible_collections.ibgw.ops.plugins.plugin_utils.recovery.report import OUTCOMES, Run, Worked, build, sentence
from ansible_collections.ibgw.ops.plugins.plugin_utils.recovery.settings import Settings

from tests.unit.plugin_utils.findings.scene import NOW, at
from tests.unit.plugin_utils.recovery.situations import KILLED, OURS, OWNER, Changes, records, situation, working

DOCS = Path(__file__).parents[4] / "docs"
SCHEMA = json.loads((DOCS / "recovery.schema.json").read_text(encoding="utf-8"))
SETTINGS = Settings()


def started(then: Changes, outcome: str, **changed: Any) -> Worked:
    """A killed gateway that was started and then looked so."""
    before, after = situation(KILLED, kept=records(lock=OURS)), situation(then, kept=records(lock=OURS))
    journal = opened(before, SETTINGS)
    first = next_move(before, SETTINGS, journal)
    act = next_move(before, SETTINGS, working(before, SETTINGS), (), OWNER)
    journal = looked(ended(began(journal, act.step, NOW), after, SETTINGS, Outcome(True, "a new start time")), after)
    last = next_move(after, SETTINGS, journal, (), OWNER)
    said = {"before": before.row, "after": after.row, "planned": first, "last": last, "journal": journal}
    return Worked(**{**said, "outcome": outcome, "reason": "it is so", "ended_at": at(-30), **changed})


def reported(*worked: Worked, **run: Any) -> dict[str, Any]:
    built = build(
        worked, Run(**{"generated_at": at(), "controller": "here", "dry_run": False, "fail_on": "down", **run})
    )
    jsonschema.Draft202012Validator(SCHEMA).validate(built)
    return built


def text(built: dict[str, Any], ascii_only: bool = False) -> str:
    return "\n".join(line.text for line in summary.lines(built, 120, ascii_only))


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


@pytest.mark.parametrize("outcome", OUTCOMES)
def test_every_outcome_can_be_shown(outcome: str) -> None:
    built = reported(started({}, outcome), not_seen=["beta"])
    assert "alpha/ib-gateway" in text(built)
    assert "beta" in text(built)
    assert text(built, ascii_only=True).isascii()


def test_the_summary_ends_with_the_worst_and_the_fleet() -> None:
    better = started({}, "healthy")
    worse = started(KILLED, "given_up")
    said = text(reported(better, worse))
    assert said.index("healthy again") < said.index("given up")
    assert said.endswith("2 gateways: 1 healthy, 1 given up; 2 logins spent.")


def test_the_schema_knows_every_outcome_status_and_remedy() -> None:
    definitions = SCHEMA["$defs"]
    assert set(definitions["outcome"]["enum"]) == set(OUTCOMES) == set(summary.SAID)
    assert set(definitions["step"]["properties"]["remedy"]["enum"]) == set(REMEDIES)
    assert set(definitions["verdict"]["properties"]["status"]["enum"]) == set(STATUSES)


def test_the_example_in_the_docs_has_the_form_of_the_schema() -> None:
    example = json.loads((DOCS / "recovery.example.json").read_text(encoding="utf-8"))
    jsonschema.Draft202012Validator(SCHEMA).validate(example)


def test_a_plan_shows_every_guard_and_what_it_costs() -> None:
    one = situation(KILLED, kept=records(lock={**OURS, "owner": "another\x1b[31m"}))
    move = next_move(one, SETTINGS, opened(one, SETTINGS))
    said = "\n".join(line.text for line in summary.plan([(move, one.row)], ["beta"], 120, False))
    assert all(check.guard in said for check in move.step.guards)
    assert "× another works on it" in said
    assert "Costs a login (paper), without a second factor" in said
    assert "not seen in this run: beta" in said
    assert "\x1b" not in said


def test_what_a_run_did_not_finish_is_said() -> None:
    before = situation(KILLED, kept=records(lock=OURS))
    journal = working(before, SETTINGS)
    act = next_move(before, SETTINGS, journal, (), OWNER)
    cut_off = started({}, "given_up", journal=began(journal, act.step, NOW), last=act)
    (row,) = reported(cut_off)["gateways"]
    assert row["steps"][0]["result"] == "cut_off"
    assert report.artifact(reported(cut_off))["alpha/ib-gateway"]["steps"] == ["start"]
