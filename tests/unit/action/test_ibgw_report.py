# Copyright: ibgw.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Which runs write metrics: those that looked at the whole fleet. And what is published of a report store that has become empty."""

from __future__ import annotations

import json
from typing import Any

import pytest
from ansible_collections.ibgw.ops.plugins.action import ibgw_report
from ansible_collections.ibgw.ops.plugins.action.ibgw_report import left_out, merged_and_files
from ansible_collections.ibgw.ops.plugins.module_utils.probe import Misuse
from ansible_collections.ibgw.ops.plugins.plugin_utils.run import Run

MACHINES: dict[str, Any] = {"alpha": {}, "beta": {}}
PLAN: dict[str, Any] = {"log": None, "bundle": None, "only": [], "machines": MACHINES}
GROUPS = {"all": ["alpha", "beta", "web"], "gateway_hosts": ["alpha", "beta"]}


@pytest.mark.parametrize(
    "variables",
    [
        {"groups": GROUPS},
        {"groups": GROUPS, "ansible_limit": "gateway_hosts"},
        {"groups": {"all": ["alpha", "beta", "web"], "mine": ["alpha", "beta"]}},  # a play of somebody's own
    ],
    ids=["no limit", "a limit to the whole group", "another group"],
)
def test_a_run_that_looked_at_all(variables: dict[str, Any]) -> None:
    assert left_out(PLAN, variables) is None


@pytest.mark.parametrize(
    ("plan", "limit", "said"),
    [
        ({"only": ["alpha/gw"]}, None, "selected gateways only"),
        ({"machines": {"alpha": {}}}, "alpha", "limited to some machines"),
        ({"log": "gateway.log", "machines": {}}, None, "no machine as it is now"),
        ({"bundle": "ibgw-bundle.tar.gz"}, None, "no machine as it is now"),
    ],
    ids=["a selection", "a limit", "a saved log", "a bundle"],
)
def test_a_run_that_would_take_others_out_of_the_file(plan: dict[str, Any], limit: str | None, said: str) -> None:
    variables = {"groups": GROUPS} | ({"ansible_limit": limit} if limit else {})
    assert said in str(left_out({**PLAN, **plan}, variables))


def test_an_empty_store_is_a_mistake_unless_its_last_machine_was_forgotten() -> None:
    run = Run(machines=0, generated_at="2026-03-01T12:00:00Z", controller="here", fail_on="down")
    given: dict[str, Any] = {"store_dir": "/srv/ibgw", "stale_after": 900, "metrics_file": ""}
    with pytest.raises(Misuse, match="the report store in /srv/ibgw is empty"):
        merged_and_files({"groups": {}}, {**given, "forget": []}, run, {})
    _whole, files = merged_and_files({"groups": {}}, {**given, "forget": ["alpha"]}, run, {})
    assert json.loads(files["report.json"])["gateways"] == []


@pytest.mark.parametrize(("metrics_file", "said"), [("", False), ("/var/lib/x/ibgw.prom", True)])
def test_what_is_not_written_with_a_store_that_can_not_be_used_is_told_in_the_same_sentence(
    metrics_file: str, said: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    told: list[str] = []
    monkeypatch.setattr(ibgw_report.display, "warning", told.append)

    def merge() -> dict[str, Any]:
        raise Misuse("the report store could not be used")

    ibgw_report._tell_of_store(merge, 900, metrics_file)
    (sentence,) = told
    assert "the report of this run stands above" in sentence
    assert ("the metrics in /var/lib/x/ibgw.prom are left as they are" in sentence) is said
