# Copyright: ibgw.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Recovery as an operator runs it, on simulated gateways; IBKR's ledger tells what it cost."""

from __future__ import annotations

import json
import os
import shutil
import threading
from collections.abc import Callable
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from ansible_collections.ibgw.ops.plugins.module_utils.record import RECORDS

from tests.integration.gateways import PUSH, Running, Start
from tests.integration.playbooks import CHECKOUT, HERE, Play, Run, write_inventory

pytestmark = pytest.mark.skipif(
    os.geteuid() != 0, reason="takes root to keep records and see the processes of containers"
)

SCHEMA = json.loads((CHECKOUT / "docs" / "recovery.schema.json").read_text(encoding="utf-8"))


class Recovered(Run):
    """A finished run."""

    def row(self, running: Running) -> dict[str, Any]:
        """What is reported of a gateway."""
        return self.gateways[running.user]

    def told(self, running: Running) -> tuple[str, list[str], int]:
        """How it ended, what was done, and the logins that were spent."""
        row = self.row(running)
        return row["outcome"], [step["remedy"] for step in row["steps"]], row["logins_spent"]

    def refused_by(self, running: Running) -> list[str]:
        return [check["guard"] for check in self.row(running)["guards"] if check["passed"] is False]


Recover = Callable[..., Recovered]


@pytest.fixture
def recover(ansible_playbook: Play, address: str, tmp_path: Path) -> Recover:
    """Run recovery on these gateways of this machine; further arguments go to `ansible-playbook`."""

    def run(*gateways: Running, arguments: tuple[str, ...] = (), **variables: Any) -> Recovered:
        names = [{"name": gateway.user} for gateway in gateways]
        machine = {**HERE, "diagnose_docker_host": address, "gateways": names, **variables}
        ended = ansible_playbook("recover", "-i", write_inventory(tmp_path, {"alpha": machine}), *arguments)
        jsonschema.Draft202012Validator(SCHEMA).validate(ended.report)
        return Recovered(**vars(ended))

    return run


def attempts(running: Running) -> int:
    """How often the gateway has asked IBKR to log it in."""
    return int(running.broker.count("login_attempt", running.user))


def record(running: Running, part: str, value: Any) -> None:
    """Keep that on the machine, as another run would."""
    directory = RECORDS / running.user
    directory.mkdir(parents=True, exist_ok=True)
    (directory / f"{part}.json").write_text(json.dumps(value), encoding="utf-8")


def in_an_hour() -> str:
    return (datetime.now(timezone.utc) + timedelta(hours=1)).strftime("%Y-%m-%dT%H:%M:%SZ")


def test_a_killed_gateway_is_started_once_and_proven(recover: Recover, start: Start) -> None:
    paper = start().logged_in()
    paper.container.kill()
    spent = attempts(paper)

    planned = recover(paper, arguments=("--check",))
    assert planned.told(paper) == ("planned", [], 0)
    assert planned.row(paper)["plan"]["remedy"] == "start"
    assert (attempts(paper), (RECORDS / paper.user).exists()) == (spent, False)

    ended = recover(paper)
    assert ended.told(paper) == ("healthy", ["start"], 1), ended.output
    assert (ended.status, attempts(paper)) == (0, spent + 1)
    assert ended.row(paper)["before"]["code"] == "container.killed"
    assert ended.row(paper)["after"]["status"] == "healthy"
    (evidence,) = (RECORDS / paper.user / "evidence").iterdir()
    assert json.loads(evidence.read_text(encoding="utf-8"))["row"]["code"] == "container.killed"
    assert not (RECORDS / paper.user / "lock.json").exists()

    again = recover(paper)
    assert again.told(paper) == ("nothing_to_do", [], 0)
    assert attempts(paper) == spent + 1


HOLD = {"code": None, "reason": "moves", "by": "anna", "at": "2026-01-01T00:00:00Z"}


def guarded() -> dict[str, tuple[str, Any]]:
    """What is kept on the machine by the guard that obeys it."""
    later, now = in_an_hour(), datetime.now(timezone.utc).isoformat()
    return {
        "paused": ("pause", {"until": later, "by": "anna"}),
        "locked": ("lock", {"owner": "another", "since": "2026-01-01T00:00:00Z", "until": later}),
        "budget": ("logins", [{"at": now, "remedy": "start", "cause": "container.killed"}] * 2),
    }


def test_what_the_machine_keeps_is_obeyed(recover: Recover, start: Start) -> None:
    paper = start().logged_in()
    paper.container.kill()
    spent = attempts(paper)
    record(paper, "hold", HOLD)
    held = recover(paper)
    assert (held.status, held.row(paper)["after"]["code"]) == (2, "container.held")
    (RECORDS / paper.user / "hold.json").unlink()

    # Each guard alone: tests/unit/plugin_utils/recovery/test_guards.py.
    for part, value in guarded().values():
        record(paper, part, value)
    refused = recover(paper)
    assert (refused.status, set(refused.refused_by(paper))) == (2, set(guarded())), refused.output
    for part, _value in guarded().values():
        (RECORDS / paper.user / f"{part}.json").unlink()
    assert attempts(paper) == spent

    (RECORDS / paper.user / "logins.json").write_text("{not json", encoding="utf-8")
    corrupt = recover(paper)
    assert corrupt.refused_by(paper) == ["budget"]
    assert attempts(paper) == spent


def test_a_push_is_asked_for_once_and_a_person_waited_for(recover: Recover, start: Start) -> None:
    live = start("live", user=PUSH).logged_in()
    live.container.kill()
    pushes = live.broker.count("push_sent", live.user)
    unattended = recover(live)
    assert unattended.told(live) == ("waiting_for_person", ["start"], 1), unattended.output
    assert unattended.row(live)["after"]["code"] == "twofa.pending"
    assert unattended.status == 0
    assert live.broker.count("push_sent", live.user) == pushes + 1

    # A second run starts no second login, and waits while the person gets the phone.
    person = threading.Timer(20, live.broker.approve, [live.user])
    person.start()
    attended = recover(live, recover_wait_for_person=120)
    person.join()
    assert attended.told(live) == ("healthy", [], 0), attended.output
    assert live.broker.count("push_sent", live.user) == pushes + 1


@pytest.mark.long
def test_a_wrong_password_that_is_tried_again_is_stopped_and_held(recover: Recover, start: Start) -> None:
    refused = {"refused_as": "login_failed", "answer_delay": 3.0}  # which the controller answers with a cold restart
    paper = start(password="wrong", user=refused, restart_policy={"Name": "always"})
    paper.broker.wait_for("login_refused", paper.user)
    ended = recover(paper)
    outcome, steps, logins = ended.told(paper)
    assert (outcome, steps[-1:], logins) == ("waiting_for_person", ["stop_to_protect_account"], 0), ended.output
    spent = attempts(paper)
    paper.container.reload()
    assert paper.container.status == "exited"
    assert paper.container.attrs["HostConfig"]["RestartPolicy"]["Name"] == "no"
    held = recover(paper)
    assert held.row(paper)["after"]["code"] == "container.held"
    assert held.told(paper)[1:] == ([], 0)
    assert attempts(paper) == spent


#: Runs what it is to run elsewhere here, until the network is cut.
SSH = """#!/bin/sh
[ -e {cut} ] && exit 255
for last; do :; done
exec sh -c "$last"
"""


def test_a_machine_that_is_lost_before_anything_was_done_is_reported(
    recover: Recover, start: Start, tmp_path: Path
) -> None:
    paper = start().logged_in()
    paper.container.kill()
    spent = attempts(paper)
    ssh, cut = tmp_path / "ssh", tmp_path / "cut"
    ssh.write_text(SSH.format(cut=cut), encoding="utf-8")
    ssh.chmod(0o755)
    over = threading.Event()

    def cut_when_evidence_is_about_to_be_written() -> None:
        while not (RECORDS / paper.user / "evidence").exists() and not over.wait(0.05):
            pass
        cut.touch()

    network = threading.Thread(target=cut_when_evidence_is_about_to_be_written)
    network.start()
    over_ssh = {"ansible_connection": "ssh", "ansible_host": "127.0.0.1", "ansible_ssh_executable": str(ssh)}
    ended = recover(paper, ansible_ssh_transfer_method="piped", ansible_pipelining=True, **over_ssh)
    over.set()
    network.join()
    assert ended.told(paper) == ("given_up", ["start"], 0), ended.output
    assert ended.row(paper)["after"]["code"] == "host.unreachable"
    assert (ended.status, attempts(paper)) == (2, spent)


def test_several_that_fail_alike_are_left_alone(recover: Recover, start: Start) -> None:
    one, other = (start().logged_in() for _ in range(2))
    spent = [attempts(each) for each in (one, other)]
    for each in (one, other):
        each.broker.hang(each.user)
        leave_connections(each)
    ended = recover(one, other, recover_only=[one.user])
    assert "fleet" in ended.refused_by(one), ended.output
    assert [row["name"] for row in ended.report["gateways"]] == [one.user]
    assert [attempts(each) for each in (one, other)] == spent


def leave_connections(running: Running) -> None:
    """What a client that gives up leaves behind at a gateway that hangs, again and again."""
    script = "for n in $(seq 60); do exec {fd}<>/dev/tcp/127.0.0.1/4002; exec {fd}>&-; done"
    running.container.exec_run(["bash", "-c", script])


def test_a_pause_is_set_and_ended(recover: Recover, start: Start, ansible_playbook: Play) -> None:
    paper = start().logged_in()
    recover(paper, arguments=("--check",))
    for until, there in ((in_an_hour(), True), ("none", False)):
        ended = ansible_playbook("recover", "-i", "inventory.json", "-e", f"recover_pause_until={until}")
        assert ended.status == 0, ended.output
        assert (RECORDS / paper.user / "pause.json").exists() is there


@pytest.mark.parametrize(
    ("variable", "said"),
    [
        ("recover_max_remedy=reboot", "recover_max_remedy is 'reboot'; allowed are none, wait"),
        ("recover_login_budget=many", "recover_login_budget is 'many'"),
        ("recover_only=a/b/c", "recover_only has 'a/b/c'"),
        ("recover_reset_windows=night", "recover_reset_windows is 'night'"),
        ("recover_pause_until=noon", "recover_pause_until is 'noon'"),
        ("diagnose_only=ib-gateway", "diagnose_only is set"),
    ],
)
def test_settings_that_make_no_sense_end_before_anything_is_probed(
    ansible_playbook: Play, tmp_path: Path, variable: str, said: str
) -> None:
    ended = ansible_playbook("recover", "-i", write_inventory(tmp_path, {"alpha": HERE}), "-e", variable)
    assert ended.status == 2
    assert said in ended.output
    assert "Look at engine" not in ended.output


def test_a_pause_does_not_end_at_a_machine_that_can_not_be_reached(ansible_playbook: Play, tmp_path: Path) -> None:
    names = ("ibgw-test-paused-1", "ibgw-test-paused-2")
    machines = {
        "alpha": {"ansible_host": "127.0.0.1", "ansible_port": 1, "gateways": [{"name": "unseen"}]},
        **{f"beta-{name}": {**HERE, "gateways": [{"name": name}]} for name in names},
    }
    inventory = write_inventory(tmp_path, machines)
    try:
        ended = ansible_playbook("recover", "-i", inventory, "-e", f"recover_pause_until={in_an_hour()}")
        assert ended.status != 0, ended.output
        assert all((RECORDS / name / "pause.json").exists() for name in names), ended.output
    finally:
        for name in names:
            shutil.rmtree(RECORDS / name, ignore_errors=True)
