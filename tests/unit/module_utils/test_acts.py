# Copyright: ibgw.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What acts rest on and needs no engine. The rest is in tests/integration/recover."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from ansible_collections.ibgw.ops.plugins.module_utils import acts
from ansible_collections.ibgw.ops.plugins.module_utils.families.family import Family
from ansible_collections.ibgw.ops.plugins.module_utils.families.recognise import FAMILIES
from ansible_collections.ibgw.ops.plugins.module_utils.probe import Misuse

NOWHERE = "unix:///nonexistent/docker.sock"


@pytest.mark.parametrize(
    ("name", "asked", "said"),
    [
        ("../etc", {"start": True}, "no container's name"),
        ("ib-gateway", {}, "0 acts were asked for; allowed is one of"),
        ("ib-gateway", {"start": False}, "0 acts"),
        ("ib-gateway", {"start": True, "forget_session": True}, "2 acts"),
        ("ib-gateway", {"restart_policy": "sometimes"}, "'sometimes' is no restart policy"),
        ("ib-gateway", {"restart_policy": "on-failure:0"}, "no restart policy"),
    ],
)
def test_what_makes_no_sense_is_refused_before_anything_is_asked(name: str, asked: dict[str, Any], said: str) -> None:
    with pytest.raises(Misuse) as refused:
        acts.probe(name, None, NOWHERE, 1.0, False, **asked)
    assert said in str(refused.value)


@pytest.mark.parametrize("status", ["running", "restarting"])
def test_what_runs_is_not_started_again(status: str) -> None:
    nobody: Any = None  # of whom anything could be asked
    gateway = acts.Gateway(nobody, {"State": {"Status": status}}, None)
    for check_mode in (True, False):
        assert acts._start(gateway, True, check_mode) == acts.Outcome(True, False, f"it is {status} already")


@pytest.mark.parametrize("family", FAMILIES, ids=lambda family: family.name)
def test_each_family_says_how_it_is_acted_on(family: Family) -> None:
    roles = {role for _pattern, role in family.processes}
    assert not family.ends_java_first or "gateway" in roles
    assert family.restarts_java is None or family.restarts_java in roles
    assert family.relay is not None
    command = family.relay.command.format(relay=4004, gateway=4002, endpoint="paper")
    assert "4004" in command
    assert "4002" in command
    assert family.process_role(command.rpartition("exec ")[2].strip('"').replace("sudo ", "")) == "relay"


UNITS = {
    "ib-gateway.service": "[Service]\nExecStart=/usr/bin/docker start -a ib-gateway\n",
    "trading.service": "[Service]\nExecStart=/usr/bin/docker compose --project-directory /srv/trading up\n",
    "other.service": "[Service]\nExecStart=/usr/bin/docker start -a ib-gateway-paper\n",
    "ib-gateway.timer": "ib-gateway",
}
COMPOSE = {
    "com.docker.compose.project": "trading",
    "com.docker.compose.service": "gateway",
    "com.docker.compose.project.working_dir": "/srv/trading",
}


@pytest.mark.parametrize(
    ("labels", "named"),
    [
        ({}, ["the systemd unit ib-gateway.service"]),
        (
            COMPOSE,
            [
                "docker compose up of the project trading",
                "the systemd unit ib-gateway.service",
                "the systemd unit trading.service",
            ],
        ),
    ],
)
def test_what_may_start_a_container_again_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, labels: dict[str, str], named: list[str]
) -> None:
    for name, text in UNITS.items():
        (tmp_path / name).write_text(text)
    monkeypatch.setattr(acts, "UNITS", (tmp_path, tmp_path / "missing"))
    found = list(acts._starters({"Name": "/ib-gateway", "Config": {"Labels": labels}}))
    assert [said[: len(start)] for said, start in zip(found, named, strict=True)] == named
