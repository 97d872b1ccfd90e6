# Copyright: ibgw.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A saved log is judged on the controller: no engine, no inventory, no connection."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from tests.integration.diagnose.conftest import LOCAL, Diagnose, judged


def test_without_an_inventory(diagnose: Diagnose, log: Path) -> None:
    ended = diagnose(None, "-e", f"diagnose_log_path={log}")
    assert [(row["name"], row["code"]) for row in ended.report["gateways"]] == [("gateway.log", "twofa.pending")]
    assert "\ngateway.log is WAITING: twofa.pending" in ended.output
    assert "ansible-playbook" not in ended.output
    assert re.search(r"\| line \d+, 2026-03-02 ", ended.output)
    assert re.search(
        r"1 gateway in gateway\.log: 1 waiting, as of its last line, 2026-03-02 .*\bago\)", ended.output, re.S
    )
    judged(ended)
    assert ended.status == 0


def test_a_relative_path_and_a_level(diagnose: Diagnose, log: Path) -> None:
    ended = diagnose(None, "-e", f"diagnose_log_path={log.name}", "-e", "diagnose_fail_on=waiting")
    assert ended.status == 2
    assert ended.report is not None


def test_no_machine_of_an_inventory_is_asked(diagnose: Diagnose, log: Path, dead: dict[str, Any]) -> None:
    ended = diagnose({"alpha": LOCAL, "dead": dead}, "-e", f"diagnose_log_path={log}", "-l", "dead")
    assert not ended.probed
    assert "UNREACHABLE" not in ended.output
    assert len(ended.rows) == 1


def test_judged_as_of_a_later_moment(diagnose: Diagnose, log: Path) -> None:
    ended = diagnose(None, "-e", f"diagnose_log_path={log}", "-e", "diagnose_log_as_of=2026-03-02T11:00:00Z")
    ((_status, code),) = ended.rows.values()
    assert code != "twofa.pending"


def test_not_a_gateways_log(diagnose: Diagnose, tmp_path: Path) -> None:
    (tmp_path / "other.log").write_bytes(b"\xff\xfe\x00 nothing of ours \x1b[2J\n" * 50)
    ended = diagnose(None, "-e", f"diagnose_log_path={tmp_path}/other.log")
    ((status, _code),) = ended.rows.values()
    assert (status, ended.status) == ("unknown", 2)


def test_what_the_gateway_wrote_itself(diagnose: Diagnose, tmp_path: Path) -> None:
    said = ("-- IB GATEWAY RESTART --", "Started on 20260302-10:00:00", "AuthTimeoutMonitor-CCP: Timeout!")
    lines = "".join(f"2026-03-02 10:00:00.000 INFO  [JTS-Main] - {words}\n" for words in said)
    (tmp_path / "launcher.log").write_text(lines, encoding="utf-8")
    ended = diagnose(None, "-e", f"diagnose_log_path={tmp_path}/launcher.log")
    assert ended.rows == {"launcher.log": ("waiting", "login.auth_silent")}


def test_an_error_of_docker_instead_of_a_log(diagnose: Diagnose, tmp_path: Path) -> None:
    (tmp_path / "some.log").write_text("Error response from daemon: No such container: gw\n", encoding="utf-8")
    ended = diagnose(None, "-e", f"diagnose_log_path={tmp_path}/some.log")
    assert ended.rows == {"some.log": ("unknown", "probe.incomplete")}
    assert "it is no log, but an error of Docker (there is no such container)" in " ".join(ended.output.split())
