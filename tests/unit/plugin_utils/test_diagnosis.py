# Copyright: ibgw.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Which gateways of a machine a report has rows for."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from typing import Any

import pytest
from ansible_collections.ibgw.ops.plugins.plugin_utils.diagnosis import seen_on
from ansible_collections.ibgw.ops.plugins.plugin_utils.findings.registry import Verdict
from ansible_collections.ibgw.ops.plugins.plugin_utils.plain import variables_of
from ansible_collections.ibgw.ops.plugins.plugin_utils.verdict import verdicts_of_machine

NOW = datetime(2026, 3, 1, 12, tzinfo=timezone.utc)


def judged(machine: str, variables: dict[str, Any]) -> list[Verdict]:
    """The verdicts on what was seen on a machine."""
    return verdicts_of_machine(seen_on(machine, variables, None, NOW))


def health(**gateways: bool) -> dict[str, Any]:
    """What health told of these names, and whether each exists."""
    seen = [{"name": name, "available": True, "exists": exists} for name, exists in gateways.items()]
    return {"health": {"available": True, "gateways": seen}}


@pytest.mark.parametrize(
    ("entry", "exists", "codes"),
    [
        ({"name": "gw"}, False, ["container.missing"]),
        ({"name": "gw", "state": "present"}, False, ["container.missing"]),
        ({"name": "gw", "state": "absent"}, False, []),
    ],
)
def test_a_gateway_that_is_to_be_absent_is_not_missed(entry: dict[str, Any], exists: bool, codes: list[str]) -> None:
    variables = {"gateways": [entry, {"name": "other"}], "diagnose_health": health(gw=exists, other=False)}
    verdicts = judged("alpha", variables)
    assert [each.leading.finding.code for each in verdicts if each.name == "gw" and each.leading] == codes


def test_what_a_machine_says_of_all_its_gateways_reaches_their_rules() -> None:
    variables = {
        "gateways": [{"name": "gw"}],
        "diagnose_health": health(gw=True),
        "audit_alerting": " a mail ",
        "gateway_expose": True,
    }
    (gateway,) = seen_on("alpha", variables, None, NOW).gateways
    (case,) = gateway.cases
    assert case.alerting == "a mail"
    assert case.declared is not None
    assert case.declared.expose is True


def test_one_that_is_still_there_is_diagnosed_as_one_that_nobody_declares() -> None:
    variables = {"gateways": [{"name": "gw", "state": "absent"}], "diagnose_health": health(gw=True)}
    (verdict,) = judged("alpha", variables)
    assert (verdict.name, verdict.declared) == ("gw", False)


def test_a_container_that_a_rebuild_keeps_is_no_gateway_that_nobody_declares() -> None:
    begun = {"began_at": "20260301T115000Z", "old": {"id": "old"}}
    seen = health(**{"gw": True, "gw.before": True, "other.before": True})
    for each, one in zip(seen["health"]["gateways"], ("new", "old", "others"), strict=True):
        each.update(container={"id": one, "status": "exited"}, rebuild=begun if each["name"] == "gw" else None)
    verdicts = judged("alpha", {"gateways": [{"name": "gw"}], "diagnose_health": seen})
    assert [each.name for each in verdicts] == ["gw", "other.before"]


class _Rendered(dict[str, Any]):
    def __getitem__(self, key: str) -> Any:
        assert key != "diagnose_health"
        return super().__getitem__(key)


class HostVars(dict[str, Any]):
    """Ansible's hostvars with the result of a task, which is not to be rendered."""

    def __init__(self, result: dict[str, Any]) -> None:
        super().__init__(alpha=_Rendered(gateways=[{"name": "gw"}]))
        self.result = result

    def raw_get(self, machine: str) -> dict[str, Any]:
        return {**self[machine], "diagnose_probed": self.result}


def test_how_a_task_was_stopped_that_timed_out_is_not_read() -> None:
    timedout = {"frame": "deprecated", "period": 3}
    result = {"failed": True, "msg": "Timed out after 3 second(s).", "timedout": timedout}
    variables = variables_of(HostVars(result), "alpha")
    (verdict,) = verdicts_of_machine(seen_on("alpha", variables, None, NOW))
    assert verdict.name == "gw"
    assert verdict.summary == "health: no answer within the task's time"
    assert "timedout" not in variables["diagnose_health"]


def test_a_result_is_read_as_the_task_gave_it_and_not_rendered() -> None:
    result = {"changed": False, "health": health(gw=False)}
    (verdict,) = verdicts_of_machine(seen_on("alpha", variables_of(HostVars(result), "alpha"), None, NOW))
    assert verdict.leading is not None
    assert verdict.leading.finding.code == "container.missing"


@pytest.mark.parametrize(
    ("told", "offset"),
    [(-3600, -3300.0), (-301, -1.0), (-300, 0.0), (-20, 0.0), (0, 0.0), (1, 1.0), (3600, 3600.0)],
)
def test_a_clock_is_off_by_what_lies_before_the_question_or_after_the_answer(told: int, offset: float) -> None:
    seen = health(gw=True)
    seen["health"]["host"] = {"now": (NOW + timedelta(seconds=told)).isoformat()}
    variables = {"gateways": [{"name": "gw"}], "diagnose_health": seen}
    (gateway,) = seen_on("alpha", variables, None, NOW, NOW - timedelta(minutes=5)).gateways
    assert gateway.cases[0].clock_offset == offset
