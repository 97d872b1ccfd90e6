# Copyright: ibgw.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What makes no sense ends with status 2 and one sentence, before anything is probed and without a report."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.ibgw.ops.plugins.plugin_utils.commands import pattern, selecting

from tests.integration.diagnose.conftest import LOCAL, Diagnose, judged, refused


@pytest.mark.parametrize(
    ("inventory", "said"),
    [
        (None, "the inventory has no group gateway_hosts"),
        ({"others": {"hosts": {"alpha": LOCAL}}}, "the inventory has no group gateway_hosts"),
        ({"gateway_hosts": {}}, "the group gateway_hosts of the inventory is empty"),
        (
            {"gateway_hosts": {}, "others": {"hosts": {"alpha": LOCAL}}},
            "the group gateway_hosts of the inventory is empty",
        ),
    ],
    ids=["no inventory", "no group", "empty group", "empty group beside another"],
)
def test_no_machines(diagnose: Diagnose, inventory: dict[str, Any] | None, said: str) -> None:
    refused(diagnose(inventory, whole=True), said)


def test_limit_that_leaves_no_machine_of_the_group(diagnose: Diagnose) -> None:
    inventory = {"gateway_hosts": {"hosts": {"alpha": LOCAL}}, "others": {"hosts": {"web": LOCAL}}}
    refused(
        diagnose(inventory, "-l", "web", whole=True),
        "--limit leaves no machine of the group gateway_hosts; it has alpha",
    )


def test_limit_that_matches_nothing_is_ansibles_own_error(diagnose: Diagnose) -> None:
    ended = diagnose({"alpha": LOCAL}, "-l", "nobody")
    assert ended.status == 1
    assert not ended.probed


@pytest.mark.parametrize(
    ("machine", "said"),
    [
        ({"gateways": [{"name": "gw", "ports": {"paper": 70000}}]}, "a port is a number from 1 to 65535"),
        ({"gateways": [{"trading_mode": "paper"}]}, "gateway 1 of the machine alpha has no name"),
        ({"gateways": "{{ nobody_defined_this }}"}, "gateways of the machine alpha can not be read"),
        ({"diagnose_docker_host": "docker.sock"}, "diagnose_docker_host of the machine alpha is"),
    ],
)
def test_machine_without_what_it_needs(diagnose: Diagnose, machine: dict[str, Any], said: str) -> None:
    refused(diagnose({"alpha": {**LOCAL, **machine}}), said)


@pytest.mark.parametrize(
    ("setting", "said"),
    [
        ("diagnose_fail_on=broken", "allowed are never, down, waiting, degraded"),
        ("diagnose_depth=deep", "allowed are tcp, api, account"),
        ("diagnose_only=beta/ib-gateway", "the machines of this run are alpha"),
        ("diagnose_log_path=/nonexistent.log", "does not exist on the controller"),
        ("diagnose_log_as_of=2026-03-01", "without diagnose_log_path"),
        ("diagnose_bundle=/nonexistent.tar.gz", "does not exist on the controller; it must be an evidence bundle"),
        ("diagnose_bundle=inventory.yml", "diagnose_bundle is inventory.yml, which is not a whole tar.gz"),
    ],
)
def test_setting_that_makes_no_sense(diagnose: Diagnose, setting: str, said: str) -> None:
    refused(diagnose({"alpha": LOCAL}, "-e", setting), said)


def test_selection_that_is_nowhere_stops_after_the_machines_were_asked(diagnose: Diagnose) -> None:
    ended = diagnose({"alpha": LOCAL}, "-e", "diagnose_only=ib-gatewey")
    assert ended.status == 2
    assert "no such gateway is declared or found; there is alpha/ib-gateway" in ended.output
    assert ended.report is None
    assert "Read the log" not in ended.output


def test_machines_of_almost_any_name_are_told_apart_and_the_option_that_selects_one_selects_no_other(
    diagnose: Diagnose, tmp_path: Path
) -> None:
    names = ["my host", "$(touch pwned)", "it's <b>", "a,b", "a", "-dash", "web/1"]
    machines = dict.fromkeys(names, LOCAL)
    ended = diagnose(machines)
    judged(ended)
    assert set(ended.rows) == {f"{name}/ib-gateway" for name in names}
    assert set(diagnose(machines, *shlex.split(selecting("diagnose_only", "a,b", "ib-gateway"))).rows) == {
        "a,b/ib-gateway"
    }
    assert set(diagnose(machines, "-l", *shlex.split(pattern("it's <b>"))).rows) == {"it's <b>/ib-gateway"}
    assert not list(tmp_path.rglob("pwned"))


def test_machine_whose_name_drives_a_terminal_is_refused(diagnose: Diagnose) -> None:
    ended = diagnose({"alpha": LOCAL, "x\x9b2J\u202ey": LOCAL})
    refused(ended, "the inventory has a machine named 'x\\x9b2J\\u202ey'; a name has no control characters")


def test_key_that_diagnosis_does_not_know_is_a_warning(diagnose: Diagnose) -> None:
    ended = diagnose({"alpha": {**LOCAL, "gateways": [{"name": "gw", "tradingmode": "paper"}]}})
    assert "tradingmode" in ended.output
    assert ended.report is not None
