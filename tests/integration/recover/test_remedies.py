# Copyright: ibgw.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Each remedy alone, on a simulated gateway: what it leaves behind, what it costs, and what a run that was cut off finds."""

from __future__ import annotations

import json
import os
import shutil
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml
from ansible_collections.ibgw.ops.plugins.module_utils import record

from simulator.containers import Simulation
from tests.integration.conftest import CHECKOUT, Play
from tests.integration.simulated.conftest import COMMANDS_ON, PUSH, Running, Start

pytestmark = pytest.mark.skipif(
    os.geteuid() != 0, reason="takes root to keep records and to see processes of containers"
)

ALWAYS = {"Name": "always"}


@dataclass(frozen=True)
class Remedied:
    """What a remedy told."""

    done: bool
    said: str


Remedy = Callable[..., Remedied]


@pytest.fixture
def here(address: str, simulation: Simulation) -> Iterator[dict[str, Any]]:
    """This machine as a host of the inventory, whose records go when the test ends."""
    yield {
        "ansible_connection": "local",
        "ansible_python_interpreter": sys.executable,
        "diagnose_docker_host": address,
        "release_become": False,
    }
    for kept in record.RECORDS.glob(f"{simulation.name}-*"):
        shutil.rmtree(kept)


def kept(running: Running) -> dict[str, Any]:
    return record.read(str(running.container.name))


def policy(running: Running) -> str:
    running.container.reload()
    return str(running.container.attrs["HostConfig"]["RestartPolicy"]["Name"])


def status(running: Running) -> str:
    running.container.reload()
    return str(running.container.status)


@pytest.fixture
def remedy(ansible_playbook: Play, here: dict[str, Any], tmp_path: Path, address: str) -> Remedy:
    """Do one remedy, as the role does it for a gateway whose turn it is."""

    def remedy(which: str, running: Running, code: str = "gateway.hung", command_server: int | None = None) -> Remedied:
        running.container.reload()
        step = {
            "name": running.container.name,
            "code": code,
            "reason": "a test wants it",
            "command_server": command_server,
            "container": {"id": running.container.id, "restart_policy": policy(running)},
        }
        tasks = [
            {
                "ansible.builtin.include_role": {"name": "ibgw.ops.recover", "tasks_from": f"remedies/{which}"},
                "vars": {"recover_step": step},
            },
            {"ansible.builtin.copy": {"content": "{{ recover_outcome | to_json }}", "dest": str(tmp_path / "outcome")}},
        ]
        defaults = {"group/ibgw.ops.probes": {"docker_host": address}}
        play = {"hosts": "all", "gather_facts": False, "module_defaults": defaults, "tasks": tasks}
        (tmp_path / "play.yml").write_text(yaml.safe_dump([play]))
        (tmp_path / "inventory.yml").write_text(yaml.safe_dump({"all": {"hosts": {"here": here}}}))
        ended = ansible_playbook(tmp_path / "play.yml", "-i", tmp_path / "inventory.yml")
        assert ended.returncode == 0, ended.stdout + ended.stderr
        return Remedied(**json.loads((tmp_path / "outcome").read_text()))

    return remedy


def test_start_brings_back_what_was_killed(start: Start, remedy: Remedy) -> None:
    paper = start(restart_policy=ALWAYS).logged_in()
    paper.container.kill()
    paper.wait_for_end()
    outcome = remedy("start", paper, "container.killed")
    assert outcome.done
    assert outcome.said.startswith("started at 20")
    assert (status(paper), policy(paper)) == ("running", "always")
    paper.wait_for_line("Login has completed", times=2)


def test_restart_closes_the_session_first_and_keeps_the_policy(start: Start, remedy: Remedy) -> None:
    paper = start(restart_policy=ALWAYS).logged_in()
    outcome = remedy("restart", paper)
    assert outcome.done
    assert outcome.said.startswith("its Java machine ended on SIGTERM; started at 20")
    assert (status(paper), policy(paper), kept(paper)["policy"]) == ("running", "always", None)
    paper.wait_for_line("Login has completed", times=2)
    assert paper.broker.count("login_attempt", paper.user) == 2


def test_restart_is_taken_up_again_where_it_was_cut_off(start: Start, remedy: Remedy) -> None:
    """Killed between stop and start: the policy is off, and only the record knows what it was."""
    paper = start(restart_policy=ALWAYS).logged_in()
    record.probe([str(paper.container.name)], False, policy="always")
    paper.container.update(restart_policy={"Name": "no"})
    paper.container.stop()
    assert remedy("restart", paper).done
    assert (status(paper), policy(paper), kept(paper)["policy"]) == ("running", "always", None)


def test_restart_does_nothing_where_it_could_not_be_taken_up_again(start: Start, remedy: Remedy) -> None:
    paper = start(restart_policy=ALWAYS).logged_in()
    directory = record.RECORDS / str(paper.container.name)
    directory.mkdir(parents=True)
    (directory / "policy.json").write_text("[")
    outcome = remedy("restart", paper)
    assert not outcome.done
    assert "remove it by hand" in outcome.said
    assert (status(paper), policy(paper)) == ("running", "always")
    assert paper.broker.count("session_ended", paper.user) == 0


def test_a_gateway_that_types_nothing_is_restarted_without_its_stale_file(start: Start, remedy: Remedy) -> None:
    paper = start(environment={"TWS_SETTINGS_PATH": "/home/ibgateway/tws_settings"}).logged_in()
    script = "mkdir -p tws_settings/anna && touch tws_settings/anna/autorestart"
    assert paper.container.exec_run(["sh", "-c", f"cd && {script}"]).exit_code == 0
    assert remedy("restart", paper, "login.not_typed").done
    paper.wait_for_line("Login has completed", times=2)
    assert "Re-starting session" not in paper.log()


def test_soft_restart_asks_for_no_second_factor(start: Start, remedy: Remedy) -> None:
    live = start("live", user=PUSH, controller_settings=COMMANDS_ON).logged_in()
    assert remedy("soft_restart", live, command_server=int(COMMANDS_ON["CommandServerPort"])).done
    live.wait_for_line("Login has completed", times=2)
    assert live.broker.count("push_sent", live.user) == 1


def test_restart_relay_touches_no_session(start: Start, remedy: Remedy) -> None:
    paper = start().logged_in()
    for process in (["-f", "run_socat.sh"], ["-x", "socat"]):
        assert paper.container.exec_run(["pkill", *process]).exit_code == 0
    outcome = remedy("restart_relay", paper, "relay.down")
    assert (outcome.done, outcome.said) == (True, "the relay listens on 4004 again")
    assert paper.broker.count("session_ended", paper.user) == 0


def test_stop_to_protect_account_leaves_a_hold_and_release_clears_it(
    start: Start, remedy: Remedy, ansible_playbook: Play, here: dict[str, Any], tmp_path: Path
) -> None:
    paper = start(restart_policy=ALWAYS).logged_in()
    name = str(paper.container.name)
    outcome = remedy("stop_to_protect_account", paper, "login.account_locked")
    assert outcome.done
    assert (status(paper), policy(paper), kept(paper)["policy"]) == ("exited", "no", None)
    hold = kept(paper)["hold"]
    assert (hold["code"], hold["by"], hold["restart_policy"]) == ("login.account_locked", "ibgw.ops.recover", "always")
    assert remedy("stop_to_protect_account", paper, "login.account_locked").done  # once more changes nothing
    assert kept(paper)["hold"] == hold

    inventory = tmp_path / "fleet.yml"
    inventory.write_text(yaml.safe_dump({"gateway_hosts": {"hosts": {"here": here}}}))

    def release(*arguments: str) -> str:
        ended = ansible_playbook(CHECKOUT / "playbooks" / "release.yml", "-i", inventory, *arguments)
        assert "Traceback" not in ended.stdout + ended.stderr
        return f"{ended.returncode} {ended.stdout}"

    told = release()
    assert told.startswith("2")
    assert f"here/{name} is held since {hold['at']} by ibgw.ops.recover: login.account_locked, a test wants it" in told
    told = release("-e", f"release_only=here/another,{name}")
    assert "Nothing was released: release_only names here/another, which no machine of this run declares" in told
    assert told.startswith("2")
    assert kept(paper)["hold"] == hold

    told = release("-e", f"release_only=here/{name}", "--check")
    assert f"{name} would start now: a login" in " ".join(told.split())
    assert (status(paper), kept(paper)["hold"]) == ("exited", hold)

    told = release("-e", f"release_only={name}")
    assert f"{name} starts now: a login" in " ".join(told.split())
    assert (status(paper), policy(paper)) == ("running", "always")
    found = kept(paper)
    assert (found["hold"], found["lock"]) == (None, None)
    assert [login["cause"] for login in found["logins"]] == ["login.account_locked"]
    paper.wait_for_line("Login has completed", times=2)
    assert release("-e", f"release_only={name}").startswith("0")
    assert paper.broker.count("login_attempt", paper.user) == 2


def test_stop_to_protect_account_is_finished_where_it_was_cut_off(start: Start, remedy: Remedy) -> None:
    """Killed after the hold was written and the policy turned off: it still runs."""
    paper = start(restart_policy={"Name": "no"}).logged_in()
    hold = {"code": "login.looping", "reason": "because", "by": "ibgw.ops.recover", "restart_policy": "always"}
    record.probe([str(paper.container.name)], False, hold=hold)
    assert remedy("stop_to_protect_account", paper, "login.looping").done
    assert status(paper) == "exited"
    assert kept(paper)["hold"]["restart_policy"] == "always"
