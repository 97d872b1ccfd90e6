# Copyright: ibgw.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What an audit makes of machines that can not be looked at, and of settings that make no sense."""

from __future__ import annotations

import json
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.integration.diagnose.conftest import LOCAL
from tests.integration.playbooks import Play, write_inventory

ACCEPTED = {"code": "config.heap_over_limit", "reason": "it moves", "until": "2999-12-31"}


@pytest.fixture
def dead() -> Iterator[dict[str, Any]]:
    """A machine that does not answer."""
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        yield {"ansible_host": "127.0.0.1", "ansible_port": bound.getsockname()[1]}


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"audit_fail_on": "broken"}, "audit_fail_on is 'broken'; allowed are never, down, degraded, advice, any"),
        ({"audit_accept": [{**ACCEPTED, "until": None}]}, "has no until; what is accepted has to be looked at again"),
        ({"audit_accept": [{**ACCEPTED, "code": "relay.down"}]}, "relay.down, which is no matter of the audit"),
        ({"audit_only": "beta/gw"}, "audit_only has beta/gw, but the machines of this run are alpha"),
        ({"diagnose_bundle": "some.tar.gz"}, "only machines are asked here; what was saved is for ibgw.ops.diagnose"),
    ],
)
def test_what_makes_no_sense_is_one_sentence(
    ansible_playbook: Play, tmp_path: Path, settings: dict[str, Any], said: str
) -> None:
    run = ansible_playbook("audit", "-i", write_inventory(tmp_path, {"alpha": LOCAL}), "-e", json.dumps(settings))
    assert run.status == 2
    assert said in run.output
    assert run.report is None
    assert "Look at engine" not in run.output


def test_what_can_not_be_looked_at_is_not_fine(ansible_playbook: Play, tmp_path: Path, dead: dict[str, Any]) -> None:
    over = {**ACCEPTED, "until": "2026-01-31"}
    (tmp_path / "file").touch()
    given = (
        "-i",
        write_inventory(tmp_path, {"alpha": LOCAL, "dead": dead}),
        "-e",
        json.dumps({"audit_accept": [over], "audit_report_dir": "file/reports"}),
    )
    run = ansible_playbook("audit", *given, COLUMNS="120")
    assert run.status == 2
    assert "alpha/ib-gateway could not be audited" in run.output
    assert "dead could not be audited" in run.output
    assert "2 of 2 gateways reach audit_fail_on=advice: alpha/ib-gateway (not seen), dead (not seen)" in run.output
    assert "[WARNING]: audit_accept has config.heap_over_limit until 2026-01-31T23:59:59Z, which is over" in run.output
    assert "audit.json and audit.html could not be written to file/reports" in run.output
    assert ansible_playbook("audit", *given, "-e", "audit_fail_on=never").status == 0
