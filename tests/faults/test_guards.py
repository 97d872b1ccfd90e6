"""What stands against a remedy, and what holds when runs are cut off, doubled or misled: on killed gateways, one login each."""

from __future__ import annotations

import json
import sys
import textwrap
import uuid
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import datetime, timedelta, timezone
from pathlib import Path

import pytest

from simulator import faults
from simulator.conditions import WRONG_PASSWORD
from simulator.waiting import until
from tests.faults.lab import RECORDS, Lab, Run
from tests.faults.matrix import REFUSED_SLOWLY, Row

KILLED = Row("container killed", faults.killed, "container.killed", ("start",), "healthy", logins=1)
REFUSED = Row("re-login refused", faults.relogin_refused, "login.saved_session_refused", (), "down")
LOOPING = Row(
    "wrong password, tried without end",
    faults.wrong_password_restarted,
    "login.credentials_rejected",
    ("stop_to_protect_account",),
    "down",
    user=REFUSED_SLOWLY,
)


@pytest.fixture
def killed(lab: Lab, name: str) -> str:
    """A gateway that was killed, and that a start would mend."""
    return broken(lab, name, KILLED)


@pytest.fixture
def second(lab: Lab, name: str) -> Iterator[str]:
    """A name for another gateway of the same machine."""
    second = f"{name}-{uuid.uuid4().hex[:4]}"
    yield second
    lab.forget(second)


def broken(lab: Lab, name: str, row: Row) -> str:
    lab.add_user(name, row)
    row.cause(lab, name)
    return name


def refusals(run: Run, name: str) -> list[str]:
    return [check["guard"] for check in run.gateways[name]["guards"] if check["passed"] is False]


def remedies(run: Run, name: str) -> list[str]:
    return [step["remedy"] for step in run.gateways[name]["steps"]]


def logins(lab: Lab, name: str) -> int:
    return lab.spent(name).logins


@pytest.mark.parametrize(("arguments", "settings"), [(("--check",), {}), ((), {"recover_dry_run": True})])
def test_a_plan_does_nothing(lab: Lab, killed: str, arguments: tuple[str, ...], settings: dict[str, bool]) -> None:
    run = lab.recover(killed, arguments=arguments, **settings)
    assert run.gateways[killed]["plan"]["remedy"] == "start", run.output
    assert run.gateways[killed]["outcome"] == "planned"
    assert remedies(run, killed) == []
    assert lab.simulation.engine.containers.get(killed).status == "exited"
    assert logins(lab, killed) == 1
    assert not (RECORDS / killed).exists()


def test_nothing_dearer_than_the_operator_allows(lab: Lab, killed: str) -> None:
    run = lab.recover(killed, recover_max_remedy="soft_restart")
    assert (remedies(run, killed), refusals(run, killed)) == ([], ["max_remedy"]), run.output
    assert logins(lab, killed) == 1


def test_a_pause_is_obeyed_until_it_ends(lab: Lab, killed: str) -> None:
    until_then = datetime.now(timezone.utc) + timedelta(hours=1)
    lab.recover(killed, recover_pause_until=until_then.isoformat(timespec="seconds"))
    run = lab.recover(killed)
    assert (remedies(run, killed), refusals(run, killed)) == ([], ["paused"]), run.output
    lab.recover(killed, recover_pause_until="none")
    run = lab.recover(killed)
    assert remedies(run, killed) == ["start"], run.output
    assert logins(lab, killed) == 2


def test_a_persons_hold_is_obeyed(lab: Lab, killed: str) -> None:
    lab.recover(killed, recover_hold="moves to another machine")
    run = lab.recover(killed)
    assert remedies(run, killed) == [], run.output
    assert run.gateways[killed]["after"]["code"] == "container.held"
    assert logins(lab, killed) == 1


def test_a_gateway_stopped_for_its_account_stays_so_until_it_is_released(lab: Lab, name: str) -> None:
    broken(lab, name, LOOPING)
    lab.recover(name)
    refused = lab.spent(name).refused
    run = lab.recover(name)
    assert (run.gateways[name]["after"]["code"], remedies(run, name)) == ("container.held", []), run.output
    assert lab.spent(name).refused == refused
    lab.broker.set_password(name, WRONG_PASSWORD)  # what the gateway types is right from now on
    released = lab.play("release", (name,), (), {"release_only": [name], "release_become": False})
    assert released.status == 0, released.output
    lab.logged_in(name)
    container = lab.simulation.engine.containers.get(name)
    assert container.attrs["HostConfig"]["RestartPolicy"]["Name"] == "unless-stopped"
    assert lab.spent(name).refused == refused


def test_the_budget_ends_the_logins(lab: Lab, killed: str) -> None:
    run = lab.recover(killed, recover_login_budget=1)
    assert remedies(run, killed) == ["start"], run.output
    lab.simulation.engine.containers.get(killed).kill()
    run = lab.recover(killed, recover_login_budget=1)
    assert (remedies(run, killed), refusals(run, killed)) == ([], ["budget"]), run.output
    assert logins(lab, killed) == 2


@pytest.mark.parametrize("part", ["logins", "hold", "pause", "lock"])
def test_a_record_that_nobody_can_read_counts_as_the_worst(lab: Lab, killed: str, part: str) -> None:
    (RECORDS / killed).mkdir(parents=True)
    (RECORDS / killed / f"{part}.json").write_text("{half", encoding="utf-8")
    run = lab.recover(killed)
    guard = {"logins": "budget", "hold": "held", "pause": "paused", "lock": "locked"}[part]
    assert remedies(run, killed) == [], run.output
    # What can not be read of a hold is one, and of a gateway that is held nothing else is asked.
    assert guard in refusals(run, killed) or run.gateways[killed]["after"]["code"] == "container.held"
    assert logins(lab, killed) == 1


def test_gateways_that_fail_alike_are_left_alone(lab: Lab, name: str, second: str) -> None:
    with ThreadPoolExecutor() as pool:
        list(pool.map(lambda each: broken(lab, each, REFUSED), (name, second)))
    lab.verdict(name, REFUSED.verdict, 30)
    run = lab.recover(name, second, recover_only=[name])
    assert remedies(run, name) == [], run.output
    assert "fleet" in refusals(run, name)
    assert (logins(lab, name), logins(lab, second)) == (1, 1)


def test_a_wrong_clock_spends_no_login(lab: Lab, killed: str, tmp_path: Path) -> None:
    """The machine's Python goes ten minutes ahead of the controller's."""
    (tmp_path / "sitecustomize.py").write_text(
        textwrap.dedent("""
            import datetime, time
            seconds, Datetime = time.time, datetime.datetime
            class Ahead(Datetime):
                @classmethod
                def now(cls, tz=None):
                    return Datetime.now(tz) + datetime.timedelta(seconds=600)
            time.time = lambda: seconds() + 600
            datetime.datetime = Ahead
        """),
        encoding="utf-8",
    )
    python = tmp_path / "python"
    python.write_text(f'#!/bin/sh\nPYTHONPATH="{tmp_path}" exec {sys.executable} "$@"\n', encoding="utf-8")
    python.chmod(0o755)
    settings = {"ansible_python_interpreter": str(python), "diagnose_probe_python": str(python)}
    run = lab.recover(killed, **settings)
    assert remedies(run, killed) == [], run.output
    assert "clock" in refusals(run, killed), run.output
    assert logins(lab, killed) == 1


def test_two_recovers_at_once_spend_one_login(lab: Lab, killed: str) -> None:
    runs = [lab.begin("recover", killed, recover_report_dir=f"reports-{number}") for number in range(2)]
    said = [run.communicate(timeout=600)[0] for run in runs]
    assert logins(lab, killed) == 2, "\n".join(said)
    lab.verdict(killed, "", 30)


#: After the task of this name has begun, nothing more of the run happens.
CUT_OFF_AT = (
    "Lock it, or keep the lock, and read what is recorded",
    "Write down what is known",
    "Count the login before it is spent",
    "Do it",
    "Start it",
    "Give it time",
)


@pytest.mark.parametrize("task", CUT_OFF_AT)
def test_cut_off_anywhere_and_run_again(lab: Lab, killed: str, task: str) -> None:
    lab.cut_off("recover", killed, task, recover_lock_seconds=30)
    until(lambda: _lock_is_over(killed), "the lock of the run that was cut off to end", 60)
    again = lab.recover(killed)
    assert again.gateways[killed]["after"]["status"] == "healthy", again.output
    assert logins(lab, killed) == 2


#: The same within a restart, where the container is down for a while by its own doing.
CUT_OFF_WITHIN_RESTART = (
    "Turn its restart policy off",
    "Close its session and stop it",
    "Start it again",
    "Put its restart policy back",
    "Give it time",
)


@pytest.mark.parametrize("task", CUT_OFF_WITHIN_RESTART)
def test_a_restart_that_was_cut_off_is_finished(lab: Lab, name: str, task: str) -> None:
    broken(lab, name, replace(REFUSED, cause=faults.relogin_refused_under_policy))
    lab.cut_off("recover", name, task, after="Do it", recover_lock_seconds=30)
    until(lambda: _lock_is_over(name), "the lock of the run that was cut off to end", 120)
    again = lab.recover(name)
    assert again.gateways[name]["after"]["status"] == "healthy", again.output
    assert logins(lab, name) == 2
    policy = lab.simulation.engine.containers.get(name).attrs["HostConfig"]["RestartPolicy"]["Name"]
    assert policy == "unless-stopped"


def _lock_is_over(name: str) -> bool:
    lock = RECORDS / name / "lock.json"
    if not lock.exists():
        return True
    ends = json.loads(lock.read_text(encoding="utf-8"))["until"]
    return datetime.fromisoformat(ends.replace("Z", "+00:00")) < datetime.now(timezone.utc)
