# Copyright: ibgw.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Findings that an operator said not to care about: given in every way that Ansible knows, and never out of sight."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.integration.diagnose.conftest import LOCAL, Diagnose, Diagnosed, judged, refused

DOWN = ("down", "engine.down")
KNOWN = {"code": "engine.down@alpha", "reason": "being mended", "until": "2999-12-31"}
MARKED = {"host": "alpha", "reason": "being mended", "until": "2999-12-31T23:59:59Z"}
INVENTORY: dict[str, Any] = {"gateway_hosts": {"hosts": {"alpha": LOCAL}}}


def suppress(*entries: Any) -> list[str]:
    """The variable on the command line."""
    return ["-e", json.dumps({"diagnose_suppress": entries})]


def suppressed(ended: Diagnosed) -> dict[str, Any]:
    """By row, what it is suppressed by."""
    assert ended.report is not None, ended.output
    judged(ended)
    return {row["id"]: row["suppressed"] for row in ended.report["gateways"]}


@pytest.mark.parametrize("way", ["command line", "file", "all", "group", "template"])
def test_a_suppressed_gateway_stays_in_sight_and_fails_no_run(diagnose: Diagnose, tmp_path: Path, way: str) -> None:
    variables = {"diagnose_suppress": [KNOWN]}
    templates = {"diagnose_suppress": ["{{ known }}"], "known": KNOWN, "diagnose_fail_on": "{{ 'down' }}"}
    (tmp_path / "suppress.yml").write_text(yaml.safe_dump(variables).replace("'", ""), encoding="utf-8")
    arguments = {"command line": suppress(KNOWN), "file": ["-e", f"@{tmp_path}/suppress.yml"]}.get(way, [])
    inventory = {
        "all": {**INVENTORY, "all": {"vars": variables}},
        "group": {"gateway_hosts": {**INVENTORY["gateway_hosts"], "vars": variables}},
        "template": {"gateway_hosts": {**INVENTORY["gateway_hosts"], "vars": templates}},
    }.get(way, INVENTORY)
    ended = diagnose(inventory, *arguments, whole=True, COLUMNS="120")
    assert ended.status == 0, ended.output
    assert ended.rows == {"alpha/ib-gateway": DOWN}
    assert suppressed(ended) == {"alpha/ib-gateway": MARKED}
    assert ended.report is not None
    assert [each["gateways"] for each in ended.report["fleet"]["suppressed"]] == [["alpha/ib-gateway"]]
    assert "- alpha/ib-gateway is DOWN: engine.down, suppressed until 2999-12-31 23:59:59 UTC:" in ended.output
    assert "1 gateway on 1 machine: 1 down (1 suppressed)." in ended.output


def test_what_is_suppressed_elsewhere_still_fails(diagnose: Diagnose) -> None:
    ended = diagnose({"alpha": LOCAL, "beta": LOCAL}, *suppress(KNOWN))
    assert ended.status == 2
    assert suppressed(ended) == {"alpha/ib-gateway": MARKED, "beta/ib-gateway": None}
    assert "1 of 2 gateways reach diagnose_fail_on=down (1 suppressed): beta/ib-gateway (engine.down)" in ended.output


def test_one_that_is_over_has_no_effect_and_is_a_warning(diagnose: Diagnose) -> None:
    ended = diagnose({"alpha": LOCAL}, *suppress({**KNOWN, "until": "2026-01-31"}))
    assert ended.status == 2
    assert suppressed(ended) == {"alpha/ib-gateway": None}
    assert (
        "[WARNING]: diagnose_suppress has engine.down@alpha until 2026-01-31T23:59:59Z, which is over" in ended.output
    )
    assert ended.report is not None
    assert [each["expired"] for each in ended.report["fleet"]["suppressed"]] == [True]


def test_a_machine_outside_the_limit_may_be_named(diagnose: Diagnose) -> None:
    ended = diagnose({"alpha": LOCAL, "beta": {**LOCAL, "gateways": "{{ nobody }}"}}, *suppress(KNOWN), "-l", "alpha")
    assert ended.status == 0, ended.output
    ended = diagnose({"alpha": LOCAL, "beta": LOCAL}, *suppress({**KNOWN, "code": "engine.down@beta"}), "-l", "alpha")
    assert ended.status == 2
    assert "engine.down@beta is suppressed" in ended.output


@pytest.mark.parametrize(
    ("entry", "said"),
    [
        ("engine.down", "entry 1 of diagnose_suppress is 'engine.down'; it must be a mapping"),
        ({"code": "engine.dwon", "reason": "x"}, "which is no finding; nearest is engine.down"),
        ({"code": "engine.down"}, "entry 1 of diagnose_suppress (engine.down) has no reason"),
        ({"code": "engine.down", "reason": "x", "until": "tomorrow"}, "has until 'tomorrow'; it must be a date"),
    ],
)
def test_an_entry_that_makes_no_sense(diagnose: Diagnose, entry: Any, said: str) -> None:
    refused(diagnose({"alpha": LOCAL}, *suppress(entry)), said)


def test_a_machine_that_is_not_there_is_a_warning(diagnose: Diagnose) -> None:
    ended = diagnose({"alpha": LOCAL}, *suppress(KNOWN, {"code": "engine.down@alhpa", "reason": "x"}), COLUMNS="200")
    assert ended.status == 0, ended.output
    assert "which has no effect: the inventory has no such machine or gateway; nearest is alpha" in ended.output


def test_machines_that_differ(diagnose: Diagnose) -> None:
    own = {**LOCAL, "diagnose_suppress": [KNOWN]}
    refused(
        diagnose({"alpha": own, "beta": LOCAL}), "diagnose_suppress is not the same for the machines alpha and beta"
    )


def test_a_saved_log(diagnose: Diagnose, tmp_path: Path) -> None:
    (tmp_path / "other.log").write_text("nothing of ours\n", encoding="utf-8")
    entry = {"code": "probe.incomplete", "reason": "an empty log"}
    ended = diagnose(None, "-e", f"diagnose_log_path={tmp_path}/other.log", *suppress(entry))
    assert ended.status == 0, ended.output
    assert list(suppressed(ended).values()) == [{"host": None, "reason": "an empty log", "until": None}]
