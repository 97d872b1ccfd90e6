# Copyright: ibgw.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Who stopped and started a container: real deeds on a real engine, joined with what is on its machine."""

from __future__ import annotations

import os
import shutil
import subprocess
import time
from collections.abc import Callable, Iterator
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.ibgw.ops.plugins.module_utils import record
from ansible_collections.ibgw.ops.plugins.plugin_utils import evidence
from ansible_collections.ibgw.ops.plugins.plugin_utils.findings.registry import Proof, findings
from docker.models.containers import Container

from simulator.containers import BROKER_IMAGE
from simulator.waiting import until

Start = Callable[..., Container]
Look = Callable[..., dict[str, Any]]

#: Ends at once where it is told to, as a controller does.
LISTENS = ["bash", "-c", "trap 'exit 143' TERM; sleep 1000 & wait"]

#: What autoheal does, in its words and through the same requests (willfarrell/docker-autoheal docker-entrypoint).
AUTOHEAL = """#!/usr/bin/env python3
import http.client, json, os, socket, time, urllib.parse

class Engine(http.client.HTTPConnection):
    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.connect("/var/run/docker.sock")

def ask(method, path):
    engine = Engine("localhost", timeout=60)
    engine.request(method, path)
    return engine.getresponse().read()

wanted = urllib.parse.quote(json.dumps({"health": ["unhealthy"], "label": [os.environ["AUTOHEAL_CONTAINER_LABEL"] + "=true"]}))
while True:
    for one in json.loads(ask("GET", "/containers/json?filters=" + wanted)):
        print(time.strftime("%d-%m-%Y %H:%M:%S"), "Container", one["Names"][0], "(" + one["Id"][:12] + ")", "found to be unhealthy - "
              "Restarting container now with 10s timeout", flush=True)
        ask("POST", "/containers/" + one["Id"] + "/restart?t=10")
    time.sleep(0.2)
"""


def proven(look: Look, container: Container, code: str) -> Proof:
    """What a rule makes of what the probe tells."""
    seen = evidence.machine("here", {}, {"health": {"health": look(container)}}, None, datetime.now(timezone.utc))
    proof = findings()[code].prove(seen.gateways[0].cases[0])
    assert isinstance(proof, Proof), proof
    return proof


def gateway(look: Look, container: Container) -> dict[str, Any]:
    (seen,) = look(container)["gateways"]
    return dict(seen)


def newest(seen: dict[str, Any], *actions: str) -> dict[str, Any]:
    return next(one for one in reversed(seen["events"]) if one["action"] in actions)


def test_an_orderly_stop_a_kill_and_a_policy_are_told_apart(start: Start, look: Look) -> None:
    stopped, killed = start("stopped", command=LISTENS), start("killed", command=LISTENS)
    loop = start(
        "loop", command=["bash", "-c", "exit 88"], restart_policy={"Name": "on-failure", "MaximumRetryCount": 2}
    )
    stopped.stop()
    killed.kill()
    until(lambda: gateway(look, loop)["container"]["status"] == "exited", "the end of the loop", 60)

    first, second, third = look(stopped, killed, loop)["gateways"]

    assert [(one["action"], one["by"], one["who"]) for one in first["events"]][-3:] == [
        (action, "command", None) for action in ("kill", "die", "stop")
    ], "nobody but the one who gave the command knows who it was"
    assert (newest(second, "die")["by"], newest(second, "die")["exit_code"]) == ("command", 137)
    assert "from outside, exit code 143" in proven(look, stopped, "container.stopped").summary
    assert "not for memory" in proven(look, killed, "container.killed").summary
    starts = [one for one in third["events"] if one["action"] == "start"]
    assert [one["by"] for one in starts] == ["command", "policy", "policy"]
    assert starts[-1]["who"] == "restart policy on-failure:2"
    assert (newest(third, "die")["by"], newest(third, "die")["who"]) == ("container", "what runs in it")


def test_the_kernel_is_named_for_what_it_killed(start: Start, look: Look) -> None:
    hungry = start(command=["python3", "-c", "b'x' * 2**30"], mem_limit="32m", memswap_limit="32m")
    hungry.wait()
    # The shell lives on: only what it started was killed.
    around = ["bash", "-c", "python3 -c 'b\"x\" * 2**30'; sleep 1000"]
    inside = start("inside", command=around, mem_limit="32m", memswap_limit="32m")
    until(lambda: gateway(look, inside)["container"]["memory"]["oom_kills"], "a kill inside", 60)

    seen = gateway(look, hungry)
    assert (newest(seen, "die")["by"], newest(seen, "die")["who"]) == ("kernel", "the kernel, for want of memory")
    assert gateway(look, inside)["container"]["status"] == "running"
    assert "the container's limit was used up" in proven(look, hungry, "container.out_of_memory").summary


def test_compose_is_named_for_what_it_created_and_is_a_candidate_for_the_rest(start: Start, look: Look) -> None:
    labels = {
        "com.docker.compose.project": "trading",
        "com.docker.compose.service": "gateway",
        "com.docker.compose.project.config_files": "/srv/trading/compose.yml",
        "com.docker.compose.project.working_dir": "/srv/trading",
    }
    container = start(command=LISTENS, labels=labels)
    container.stop()

    seen = gateway(look, container)

    compose = "docker compose, project trading, service gateway"
    assert newest(seen, "create")["who"] == newest(seen, "start")["who"] == compose
    assert (newest(seen, "stop")["who"], newest(seen, "stop")["candidates"]) == (None, [compose])
    assert [one["where"] for one in seen["supervisors"]] == ["/srv/trading/compose.yml"]


@pytest.fixture
def unit(start: Start) -> Iterator[tuple[Container, Path]]:
    """A container, and a unit of the machine's that owns it; nobody loads it."""
    folder = Path("/run/systemd/system")
    if os.geteuid() != 0:
        pytest.skip("takes root to write a unit")
    container = start(command=LISTENS)
    made = [path for path in (folder, folder.parent) if not path.exists()]
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{container.name}.service"
    path.write_text(
        f"[Service]\nExecStart=/usr/bin/docker start -a {container.name}\nExecStop=/usr/bin/docker stop {container.name}\n"
    )
    yield container, path
    path.unlink()
    for one in made:
        one.rmdir()


def test_a_unit_that_owns_the_container_is_a_candidate_for_its_stop(unit: tuple[Container, Path], look: Look) -> None:
    container, path = unit
    container.stop()
    seen = gateway(look, container)
    assert newest(seen, "stop")["candidates"] == [f"systemd unit {path.name}"]
    assert [(one["kind"], one["where"]) for one in seen["supervisors"]] == [("systemd", str(path))]
    words = f"by a command; who gave it is not known; it can have been systemd unit {path.name}, or a person"
    assert any(words in each.quote and each.at for each in proven(look, container, "container.stopped").evidence)


def test_autoheal_is_named_for_a_restart_of_which_it_wrote(
    start: Start, look: Look, address: str, tmp_path: Path
) -> None:
    label = f"autoheal-{os.getpid()}"
    program = tmp_path / "docker-entrypoint"
    program.write_text(AUTOHEAL)
    program.chmod(0o755)
    tmp_path.chmod(0o755)
    sick = start(
        command=LISTENS,
        labels={label: "true"},
        healthcheck={"test": ["CMD", "false"], "interval": 10**9, "timeout": 10**9, "retries": 1},
    )
    healer = start(
        "healer",
        image=BROKER_IMAGE,
        user="root",
        entrypoint=["/docker-entrypoint"],
        command=["autoheal"],
        environment={"AUTOHEAL_CONTAINER_LABEL": label},
        volumes=[f"{address.removeprefix('unix://')}:/var/run/docker.sock", f"{program}:/docker-entrypoint:ro"],
    )
    until(lambda: any(one["action"] == "restart" for one in gateway(look, sick)["events"]), "a restart", 60)
    healer.stop(timeout=0)
    seen = gateway(look, sick)
    assert {one["who"] for one in seen["events"] if one["action"] in ("kill", "die", "stop", "restart")} == {None}
    healer.start()
    watched = gateway(look, sick)
    assert newest(watched, "restart")["who"] == newest(watched, "die")["who"] == f"autoheal (container {healer.name})"
    assert [(one["kind"], one["does"]) for one in watched["supervisors"]] == [("autoheal", ["restart"])]
    assert healer.name in proven(look, sick, "container.restarted_by_tool").summary


def test_what_our_own_record_tells_is_ours(start: Start, look: Look) -> None:
    if os.geteuid() != 0:
        pytest.skip("takes root to write a record")
    container = start(command=LISTENS)
    kept = record.RECORDS / container.name
    try:
        began = int(time.time())
        until(lambda: int(time.time()) > began, "a second that the start is not of", 5)  # a record has whole seconds
        record.probe([container.name], False, login={"remedy": "restart", "cause": "login.saved_session_refused"})
        subprocess.run(["docker", "restart", "-t", "5", container.name], check=True, capture_output=True)
        seen = gateway(look, container)
        assert newest(seen, "restart")["who"] == "ibgw.ops, restart for login.saved_session_refused"
        container.stop()
        assert newest(gateway(look, container), "stop")["who"] is None, "one deed is one restart"
    finally:
        shutil.rmtree(kept)
