# Copyright: ibgw.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Jobs at the same time: none disturbs another, nor a gateway, nor who is connected to it."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from ansible_collections.ibgw.ops.plugins.module_utils.engine import address_of
from ansible_collections.ibgw.ops.plugins.module_utils.health import probe
from ansible_collections.ibgw.ops.plugins.module_utils.record import RECORDS
from docker import DockerClient
from ib_async import IB

from tests.integration.gateways import PUSH, Running, Start
from tests.integration.playbooks import HERE
from tests.integration.runner.conftest import Launch

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="takes root to enter a container's network")

#: Gateways by the condition that they are in, and what each diagnosis has to say of them.
VERDICTS = {
    "well": ("healthy", None),
    "hung": ("down", "gateway.hung"),
    "no relay": ("down", "relay.down"),
    "asks": ("waiting", "twofa.pending"),
}


@pytest.fixture
def gateways(start: Start) -> dict[str, Running]:
    made = {name: start(user=PUSH if name == "asks" else None) for name in VERDICTS}
    made["asks"].wait_for_line("Second Factor Authentication initiated")
    for name in made.keys() - {"asks"}:
        made[name].logged_in()
    made["hung"].broker.hang(made["hung"].user)
    for command in (["pkill", "-f", "run_socat.sh"], ["pkill", "-x", "socat"]):
        made["no relay"].container.exec_run(command)
    return made


@pytest.fixture
def client(gateways: dict[str, Running]) -> Iterator[IB]:
    """A program that is connected to the one that is well."""
    client = IB()
    client.connect("127.0.0.1", gateways["well"].port(), clientId=7, timeout=10)
    yield client
    client.disconnect()


@pytest.mark.parametrize(("diagnoses", "rounds"), [(2, 1), pytest.param(5, 3, marks=pytest.mark.long)])
def test_each_says_what_it_says_alone(
    gateways: dict[str, Running],
    client: IB,
    engine: DockerClient,
    launch: Launch,
    tmp_path: Path,
    diagnoses: int,
    rounds: int,
) -> None:
    reports = tmp_path / "reports"
    reports.mkdir()
    here = {
        **HERE,
        "diagnose_docker_host": address_of(engine),
        "gateways": [{"name": each.user} for each in gateways.values()],
    }
    # All of them load one machine: one that takes long to enter a container is not to run out of time there.
    extra = {"diagnose_fail_on": "never", "diagnose_report_dir": str(reports), "diagnose_api_timeout": 10}
    before = {name: each.broker.ledger(each.user) for name, each in gateways.items()}
    sessions = gateways["well"].broker.sessions()
    for _round in range(rounds):
        audit = launch(
            "audit",
            {"here": here},
            extra={"audit_fail_on": "never", "audit_report_dir": str(reports)},
            writable=[reports],
        )
        jobs = [launch("diagnose", {"here": here}, extra=extra, writable=[reports]) for _ in range(diagnoses)]
        for ended in [job.ended() for job in jobs]:
            told = {name: ended.verdicts[f"here/{each.user}"] for name, each in gateways.items()}
            assert (ended.status, told) == ("successful", VERDICTS), ended.output
        assert audit.ended().status == "successful"
        assert [path.name for path in reports.iterdir() if path.name.startswith(".")] == [], "one was left half written"
        assert len(json.loads((reports / "report.json").read_text(encoding="utf-8"))["gateways"]) == len(gateways)
    assert {name: each.broker.ledger(each.user) for name, each in gateways.items()} == before
    assert gateways["well"].broker.sessions() == sessions
    assert client.isConnected()
    client.reqCurrentTime()
    seen = probe([gateways["well"].user], False, address_of(engine), 20.0, "1h")
    assert seen["gateways"][0]["sockets"]["close_wait"] == {}


@pytest.mark.long
def test_diagnoses_beside_a_recovery_see_where_it_is_and_cost_nothing(
    start: Start, address: str, launch: Launch
) -> None:
    killed = start().logged_in()
    killed.container.kill()
    RECORDS.mkdir(parents=True, exist_ok=True)
    here = {"here": {**HERE, "diagnose_docker_host": address, "gateways": [{"name": killed.user}]}}
    told = []
    recovery = launch("recover", here, extra={"recover_report_dir": ""}, writable=[RECORDS])
    while recovery.process.poll() is None:
        diagnosis = launch("diagnose", here, extra={"diagnose_fail_on": "never", "diagnose_report_dir": ""})
        told.append(diagnosis.ended().verdicts[f"here/{killed.user}"])
    ended = recovery.ended()
    assert ended.status == "successful", ended.output
    assert told[0] == ("down", "container.killed")
    assert {status for status, _code in told} <= {"down", "starting", "healthy"}
    assert {code for status, code in told if status == "down"} == {"container.killed"}
    assert killed.broker.count("login_attempt", killed.user) == 2, "its own, and that of the recovery"
