# Copyright: ibgw.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A rebuild makes a new container at the price that it told, and goes back when that does not get as far as the old one."""

from __future__ import annotations

import io
import json
import os
import signal
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import Any

import jsonschema
import pytest
from docker import DockerClient
from ib_async import IB

from simulator.conditions import PASSWORD
from simulator.containers import Simulation, build_image
from simulator.waiting import until
from tests.integration.deployed import Deploy, Deployed
from tests.integration.playbooks import CHECKOUT, Run

#: The same image, but its start gives up.
BROKEN = (
    "FROM {image}\nUSER 0\nRUN sed -i '2i echo nothing works; exit 1' /home/ibgateway/scripts/run.sh\nUSER 1000:1000\n"
)


@pytest.fixture(scope="session")
def broken_image(engine: DockerClient, simulation: Simulation) -> Iterator[str]:
    tag = f"{simulation.name}:broken"
    dockerfile = io.BytesIO(BROKEN.format(image=build_image(engine)).encode())
    engine.images.build(fileobj=dockerfile, tag=tag, rm=True, forcerm=True)
    yield tag
    engine.images.remove(tag, force=True)


def assert_ended(run: Run, status: int, *said: str) -> None:
    assert run.status == status, run.output
    missing = [text for text in said if text not in run.output]
    assert not missing, f"{missing} is not said:\n{run.output}"


SCHEMA = json.loads((CHECKOUT / "docs" / "rebuild.schema.json").read_text(encoding="utf-8"))


def reported(run: Run) -> dict[str, Any]:
    """The one row of the report, which tells how the run ended, too."""
    assert run.report is not None, run.output
    jsonschema.Draft202012Validator(SCHEMA).validate(run.report)
    assert run.report["exit_status"] == run.status
    (row,) = run.report["gateways"]
    return dict(row)


def steps(row: dict[str, Any]) -> list[str]:
    assert all(step["ended_at"] for step in row["steps"])
    return [step["step"] for step in row["steps"]]


def policy(gateway: Deployed) -> str:
    found = gateway.container()
    assert found is not None
    return str(found.attrs["HostConfig"]["RestartPolicy"]["Name"])


def test_nothing_is_done_unless_it_is_confirmed_and_nobody_is_cut_off(deploy: Deploy) -> None:
    gateway = deploy()
    before, counted = gateway.id, gateway.record("logins")

    told = gateway.rebuild(rebuild_confirm=False)
    assert_ended(
        told, 2, "is made anew from", "that costs a login, and the same again to go back", "Set rebuild_confirm=true"
    )

    assert reported(told)["outcome"] == "planned"

    undone = gateway.rebuild(rebuild_roll_back=True)
    assert_ended(undone, 2, "no rebuild of it is unfinished, so that there is nothing to go back from")
    assert [each["guard"] for each in reported(undone)["guards"] if each["passed"] is False] == ["unfinished"]

    planned = gateway.rebuild("--check")
    assert_ended(planned, 0, "that costs a login")
    assert reported(planned)["outcome"] == "planned"

    client = IB()
    client.connect("127.0.0.1", gateway.port, clientId=7, timeout=20, readonly=True)
    try:
        refused = gateway.rebuild()
        assert client.isConnected()
    finally:
        client.disconnect()
    assert_ended(refused, 2, "1 client is connected", "rebuild_ignore_clients=true", "Nothing was changed anywhere")
    row = reported(refused)
    assert (row["outcome"], steps(row)) == ("refused", [])
    assert [each["guard"] for each in row["guards"] if each["passed"] is False] == ["clients"]

    unknown = gateway.rebuild(rebuild_only="nobody")
    assert_ended(unknown, 2, "nobody")
    assert unknown.report is None

    assert gateway.id == before
    assert gateway.logins() == 1
    assert gateway.record("logins") == counted
    assert gateway.record("lock") is None
    assert gateway.backups() == []


def test_a_new_container_takes_the_place_of_the_old_one(deploy: Deploy) -> None:
    gateway = deploy()
    before = gateway.id
    (gateway.settings / "of-a-person").write_text("kept", encoding="utf-8")
    run = gateway.rebuild("-vvv", "--diff", rebuild_keep_backups=1)
    assert_ended(run, 0)
    row = reported(run)
    assert (row["outcome"], steps(row)) == ("rebuilt", ["put_aside", "make", "try", "keep"])
    assert (row["before"]["status"], row["after"]["status"], row["logins_spent"]) == ("healthy", "healthy", 1)
    assert all(each["passed"] is not False for each in row["guards"])
    assert gateway.id != before
    assert gateway.aside() is None
    assert gateway.runs()
    assert policy(gateway) == "unless-stopped"
    assert gateway.logins() == 2
    assert [login["remedy"] for login in gateway.record("logins")] == ["deploy", "rebuild"]
    assert gateway.record("rebuild") is None
    assert gateway.record("lock") is None
    assert (gateway.settings / "of-a-person").read_text(encoding="utf-8") == "kept"
    (backup,) = gateway.backups()
    assert row["backup"] == str(backup)
    assert backup.stat().st_mode & 0o777 == 0o600
    assert PASSWORD not in run.output


def test_a_broken_image_gives_way_to_the_old_container(deploy: Deploy, broken_image: str) -> None:
    gateway = deploy()
    before, kept = gateway.id, gateway.settings / "of-a-person"
    kept.write_text("kept", encoding="utf-8")
    os.chown(kept, 1000, 1000)
    deployment = gateway.record("deployment")
    run = gateway.rebuild(gateway_image=broken_image)
    assert_ended(run, 2, "is not rebuilt: container.failed", "started, which costs a login")
    row = reported(run)
    assert (row["outcome"], steps(row)) == ("rolled_back", ["put_aside", "make", "try", "go_back", "start_old"])
    assert (row["after"]["code"], row["logins_spent"]) == ("container.failed", 2)
    assert row["image"]["new"] == broken_image != row["image"]["old"]
    assert row["reason"].startswith("container.failed")
    assert gateway.id == before
    assert gateway.aside() is None
    assert policy(gateway) == "unless-stopped"
    assert kept.read_text(encoding="utf-8") == "kept"
    assert gateway.record("deployment") == deployment, run.output
    assert gateway.record("rebuild") is None
    gateway.wait_until_logged_in(times=2)
    assert gateway.logins() == 2


@pytest.mark.long
def test_a_refused_password_is_tried_once_and_by_nobody_again(deploy: Deploy) -> None:
    gateway = deploy()
    before = gateway.id
    gateway.broker.set_password(gateway.name, "another-password")
    run = gateway.rebuild()
    assert_ended(run, 2, "not started, for each login harms the account now")
    assert (reported(run)["outcome"], steps(reported(run))) == ("protected", ["put_aside", "make", "try", "go_back"])
    assert gateway.id == before
    assert not gateway.runs()
    assert policy(gateway) == "no"
    assert gateway.aside() is None
    assert gateway.record("hold")["code"] == "login.credentials_rejected"
    assert gateway.logins() == 2

    again = gateway.rebuild()
    assert_ended(again, 2, "a hold is on")
    assert gateway.logins() == 2


@pytest.mark.long
def test_a_push_is_asked_for_once_and_the_old_container_waits_with_it(deploy: Deploy) -> None:
    gateway = deploy(user={"second_factor": "push"}, trading_mode="live")
    before = gateway.id
    undecided = gateway.rebuild(rebuild_wait_for_person=0)
    assert_ended(undecided, 2, "with a push to approve on the phone", "is undecided: twofa.pending")
    assert (reported(undecided)["outcome"], reported(undecided)["after"]["code"]) == ("undecided", "twofa.pending")
    kept = gateway.aside()
    assert kept is not None
    assert kept.id == before
    assert kept.status == "exited"

    gateway.broker.approve(gateway.name)
    gateway.wait_until_logged_in(times=2)
    decided = gateway.rebuild()
    assert_ended(decided, 0)
    assert gateway.aside() is None
    assert gateway.id != before
    assert policy(gateway) == "unless-stopped"
    assert gateway.broker.count("push_sent", gateway.name) == 2


def begun(gateway: Deployed) -> bool:
    return gateway.record("rebuild") is not None


def stopped(gateway: Deployed) -> bool:
    return begun(gateway) and not gateway.runs()


def put_aside(gateway: Deployed) -> bool:
    return gateway.aside() is not None


def on_trial(gateway: Deployed) -> bool:
    return put_aside(gateway) and gateway.runs()


@pytest.mark.long
def test_what_was_cut_off_is_taken_up(deploy: Deploy) -> None:
    """A rebuild is killed at each of its steps, one after the other, and the next run ends what all of them began."""
    gateway = deploy()
    before = gateway.id
    for step in (begun, stopped, put_aside, on_trial):
        cut_off(gateway, step)
    run = gateway.rebuild()
    assert_ended(run, 0, "is taken up")
    assert reported(run)["outcome"] == "rebuilt"
    assert gateway.runs()
    assert gateway.id != before
    assert gateway.aside() is None
    assert gateway.record("rebuild") is None
    assert len(gateway.backups()) == 1
    assert gateway.logins() == 2


@pytest.mark.long
def test_a_way_back_that_was_cut_off_is_gone_to_its_end(deploy: Deploy, broken_image: str) -> None:
    gateway = deploy()
    before = gateway.id

    def going_back(gateway: Deployed) -> bool:
        return "going_back" in (gateway.record("rebuild") or {})

    cut_off(gateway, going_back, gateway_image=broken_image)
    run = gateway.rebuild(gateway_image=broken_image)
    assert_ended(run, 2, "is undone")
    assert gateway.id == before
    assert gateway.aside() is None
    assert gateway.record("rebuild") is None
    gateway.wait_until_logged_in(times=2)
    assert gateway.logins() == 2


def cut_off(gateway: Deployed, step: Callable[[Deployed], bool], **variables: object) -> None:
    """Kill a rebuild, with whatever it has started on the machine, as soon as it has got to a step; its lock has run out since."""
    run = gateway.begin("rebuild", rebuild_confirm=True, **variables)
    try:
        until(lambda: step(gateway) or run.poll() is not None, f"a rebuild to be {step.__name__}", 240)
        reached = step(gateway)
    finally:
        with suppress(ProcessLookupError):
            os.killpg(run.pid, signal.SIGKILL)
        said = run.communicate()[0]
    assert reached, said
    told = json.loads((gateway.directory / "reports" / "rebuild.json").read_text(encoding="utf-8"))
    assert told["fleet"]["by_outcome"]["begun"] == 1
    gateway.record_of("lock").unlink()
