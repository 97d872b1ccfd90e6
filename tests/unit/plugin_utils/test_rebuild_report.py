# Copyright: ibgw.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The report of a rebuild tells how it stands after each piece of news, and what fails the run."""

from __future__ import annotations

import json
from dataclasses import asdict
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml
from ansible_collections.ibgw.ops.plugins.plugin_utils import rebuild_report as report
from ansible_collections.ibgw.ops.plugins.plugin_utils.findings.registry import STATUSES
from ansible_collections.ibgw.ops.plugins.plugin_utils.rebuild_report import Journal, News, Run
from ansible_collections.ibgw.ops.plugins.plugin_utils.results import read

from tests.unit.test_house import CHECKOUT

SCHEMA = json.loads((CHECKOUT / "docs" / "rebuild.schema.json").read_text(encoding="utf-8"))
TASKS = CHECKOUT / "roles" / "rebuild" / "tasks"
NOW = datetime(2026, 3, 1, 12, tzinfo=timezone.utc)

HEALTHY = {"status": "healthy", "code": None, "summary": "API handshake completed in 9 ms"}
DOWN = {"status": "down", "code": "container.failed", "summary": "ended with 1"}
CLIENTS = {"guard": "clients", "passed": False, "reason": "1 client is connected"}

PLANNED = {"outcome": "planned", "intent": "made anew", "cost": "a login", "guards": [], "before": HEALTHY}
MADE = [PLANNED, {"step": "put_aside"}, {"step": "make", "logins": 1}, {"step": "try", "backup": "/b.tar"}]
KEPT = [*MADE, {"step": "keep"}, {"outcome": "rebuilt", "reason": "served", "after": HEALTHY}]
BACK = [*MADE, {"step": "go_back", "after": DOWN}, {"step": "start_old", "logins": 1}]

STORIES: dict[str, tuple[list[dict[str, Any]], str, int]] = {
    "not looked at": ([{}], "not_begun", 2),
    "a guard refuses": ([{**PLANNED, "outcome": "refused", "guards": [CLIENTS]}], "refused", 2),
    "it could not be looked at": ([{"outcome": "failed", "reason": "the socket refuses"}], "refused", 2),
    "a guard refuses, and so the task fails": (
        [{**PLANNED, "outcome": "refused", "reason": "1 client"}, {"outcome": "failed", "reason": "x"}],
        "refused",
        2,
    ),
    "kept": (KEPT, "rebuilt", 0),
    "kept and of no avail": ([*KEPT[:-1], {"outcome": "rebuilt", "after": DOWN}, {"outcome": "failed"}], "rebuilt", 2),
    "back": ([*BACK, {"outcome": "rolled_back", "reason": "ended with 1"}, {"outcome": "failed"}], "rolled_back", 2),
    "held": ([*MADE, {"step": "go_back"}, {"outcome": "protected"}], "protected", 2),
    "undecided": ([*MADE, {"outcome": "undecided"}, {"outcome": "failed"}], "undecided", 2),
    "broken on the way": ([*BACK, {"outcome": "failed", "reason": "no room"}], "failed", 2),
    "cut off": (MADE, "begun", 2),
}


def journal(news: list[dict[str, Any]]) -> Journal:
    """What is known after the news, of which each came ten seconds after the other, through Ansible's variables and back."""
    known = Journal()
    for at, each in enumerate(news):
        known = report.told(known, read(News, each), NOW + timedelta(seconds=10 * at))
        known = read(Journal, json.loads(json.dumps(asdict(known))))
    return known


def built(confirmed: bool = True, dry_run: bool = False, **stories: list[dict[str, Any]]) -> dict[str, Any]:
    journals = {"alpha": {name: journal(news) for name, news in stories.items()}}
    told = report.build(journals, Run("2026-03-01T12:00:00Z", "here", confirmed, dry_run))
    jsonschema.Draft202012Validator(SCHEMA).validate(told)
    return told


@pytest.mark.parametrize(("news", "outcome", "status"), STORIES.values(), ids=STORIES)
def test_how_it_ended_and_with_what_the_run_ends(news: list[dict[str, Any]], outcome: str, status: int) -> None:
    told = built(gw=news)
    assert told["gateways"][0]["outcome"] == outcome
    assert told["exit_status"] == status
    assert told["fleet"]["failing"] == (["alpha/gw"] if status else [])


def test_what_broke_afterwards_does_not_hide_why() -> None:
    (row,) = built(gw=STORIES["back"][0])["gateways"]
    assert row["reason"] == "ended with 1"


def test_steps_have_their_times_and_logins() -> None:
    (row,) = built(gw=[*BACK, {"outcome": "rolled_back"}])["gateways"]
    assert [step["step"] for step in row["steps"]] == ["put_aside", "make", "try", "go_back", "start_old"]
    assert [step["seconds"] for step in row["steps"]] == [10] * 5
    assert (row["seconds"], row["logins_spent"]) == (50, 2)
    (cut_off,) = built(gw=MADE)["gateways"]
    assert cut_off["steps"][-1]["ended_at"] is None


def test_what_is_not_confirmed_ends_with_2_unless_it_is_a_check() -> None:
    assert built(confirmed=False, gw=[PLANNED])["exit_status"] == 2
    assert built(confirmed=False, dry_run=True, gw=[PLANNED])["exit_status"] == 0


def test_a_run_that_was_cut_off_before_its_next_gateway_has_not_ended_well() -> None:
    assert built(kept=KEPT, next=[PLANNED])["exit_status"] == 2


def test_what_was_changed_and_not_judged_since_has_no_verdict() -> None:
    artifact = report.artifact(built(gw=[*MADE, {"step": "go_back"}, {"outcome": "rolled_back"}]))
    assert artifact["alpha/gw"]["status"] is None


def test_the_worst_stands_first_and_the_artifact_has_all() -> None:
    told = built(kept=KEPT, back=STORIES["back"][0], other=[PLANNED])
    assert [row["name"] for row in told["gateways"]] == ["back", "other", "kept"]
    artifact = report.artifact(told)
    assert artifact["alpha/kept"]["status"] == artifact["alpha/other"]["status"] == "healthy"
    assert artifact["alpha/back"] == {
        "outcome": "rolled_back",
        "status": "down",
        "code": "container.failed",
        "steps": ["put_aside", "make", "try", "go_back", "start_old"],
        "logins_spent": 2,
        "summary": "ended with 1",
    }
    assert report.sentence(told) == "1 of 3 gateways are not rebuilt as they should be: alpha/back (rolled_back)"


def test_no_secret_and_no_control_character_is_told() -> None:
    (row,) = built(gw=[{"outcome": "failed", "reason": "password=hunter2 \x1b[31m"}])["gateways"]
    assert "hunter2" not in row["reason"]
    assert "\x1b" not in row["reason"]


def test_the_schema_and_the_role_know_every_outcome_and_step() -> None:
    definitions = SCHEMA["$defs"]
    assert definitions["outcome"]["enum"] == list(report.OUTCOMES)
    assert definitions["step"]["properties"]["step"]["enum"] == list(report.STEPS)
    assert set(definitions["verdict"]["properties"]["status"]["enum"]) == set(STATUSES)
    assert {each["step"] for each in _reported() if "step" in each} == set(report.STEPS)


def _reported() -> list[dict[str, Any]]:
    """All news that the role's tasks report."""
    found: list[dict[str, Any]] = []

    def walk(tasks: list[dict[str, Any]]) -> None:
        for task in tasks:
            found.extend([task["vars"]["rebuild_news"]] if "rebuild_news" in task.get("vars", {}) else [])
            for part in ("block", "rescue", "always"):
                walk(task.get(part, []))

    for path in sorted(Path(TASKS).glob("*.yml")):
        walk(yaml.safe_load(path.read_text(encoding="utf-8")) or [])
    return found


def test_the_example_in_the_docs_has_the_form_of_the_schema() -> None:
    example = json.loads((CHECKOUT / "docs" / "rebuild.example.json").read_text(encoding="utf-8"))
    jsonschema.Draft202012Validator(SCHEMA).validate(example)
