# Copyright: ibgw.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Logs of real containers: what the engine keeps of them by their logging driver, and what lies beside them in the container."""

from __future__ import annotations

import io
import tarfile
import uuid
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta, timezone
from typing import Any

import docker
import pytest
from ansible_collections.ibgw.ops.plugins.module_utils.logscan import probe
from ansible_collections.ibgw.ops.tests.unit.module_utils.ibc_log import Log
from docker.models.containers import Container
from docker.types import LogConfig

import simulator.containers

DIRECTORY = "/home/ibgateway/Jts"
#: A gateway that was started some minutes ago, and whose login IBKR does not answer.
BEGAN = datetime.now(timezone.utc) - timedelta(minutes=5)

Say = Callable[..., Container]
Scan = Callable[[Container], dict[str, Any]]


def silent() -> str:
    """What the controller prints."""
    log = Log(stamped=False)
    log.now = BEGAN
    log.start().raw(f"{BEGAN:%Y-%m-%d %H:%M:%S}:000 IBC: TWS Settings directory is: {DIRECTORY}")
    return log.login_window().attempt().authenticating().text


def launcher(message: str) -> bytes:
    """What the gateway writes into its own log, in the same zone, after the container was started: the engine stamps that now."""
    later = datetime.now(timezone.utc) + timedelta(seconds=60)
    said = ("-- IB GATEWAY RESTART --", f"Started on {later:%Y%m%d-%H:%M:%S}", message)
    return "".join(f"{later:%Y-%m-%d %H:%M:%S}.000 INFO  [JTS-Main] - {words}\n" for words in said).encode()


@pytest.fixture
def say(engine: docker.DockerClient) -> Iterator[Say]:
    """A container of a gateway's image that printed a text, kept by a logging driver; files lie in it before it starts."""
    made: list[Container] = []

    def run(text: str, driver: str = "json-file", files: dict[str, bytes] | None = None, **options: str) -> Container:
        container = engine.containers.create(
            simulator.containers.build_image(engine),
            command=["cat", "/said"],
            name=f"logscan-{uuid.uuid4().hex[:8]}",
            log_config=LogConfig(type=driver, config=options),
        )
        made.append(container)
        held = io.BytesIO()
        with tarfile.open(fileobj=held, mode="w") as archive:
            for path, content in {"said": text.encode(), **(files or {})}.items():
                entry = tarfile.TarInfo(path)
                entry.size = len(content)
                archive.addfile(entry, io.BytesIO(content))
        container.put_archive("/", held.getvalue())
        container.start()
        container.wait(timeout=30)
        return container

    yield run
    for container in made:
        container.remove(force=True, v=True)


@pytest.fixture
def scan(address: str) -> Scan:
    def scanned(container: Container) -> dict[str, Any]:
        result = probe([str(container.name)], None, "auto", None, 1 << 22, 50, address, 20.0)
        gateway: dict[str, Any]
        (gateway,) = result["gateways"]
        return gateway

    return scanned


def test_what_a_launcher_log_tells_stands_beside_the_log(say: Say, scan: Scan) -> None:
    files = {f"{DIRECTORY[1:]}/launcher.log": launcher("AuthTimeoutMonitor-CCP: Timeout!")}
    (run,) = scan(say(silent(), files=files))["instances"]
    assert run["state"] == "authenticating"
    assert run["launcher"]["path"] == f"{DIRECTORY}/launcher.log"
    assert run["launcher"]["problem"] == "login.auth_silent"
    assert "AuthTimeoutMonitor-CCP: Timeout!" in run["launcher"]["evidence"][-1]["quote"]


def test_without_a_launcher_log_there_is_nothing_beside_the_log(say: Say, scan: Scan) -> None:
    (run,) = scan(say(silent()))["instances"]
    assert run["launcher"] is None


@pytest.mark.parametrize("driver", ["json-file", "local"])
def test_a_log_that_rotates_is_read(say: Say, scan: Scan, driver: str) -> None:
    rotated = say(
        "a line of some script\n" * 3000 + silent(), driver, **{"max-size": "40k", "max-file": "3", "compress": "true"}
    )
    assert scan(rotated)["instances"][0]["state"] == "authenticating"
    assert rotated.logs().count(b"\n") < 3000


@pytest.mark.parametrize(
    ("driver", "options", "what", "fix"),
    [
        ("none", {}, "its logging driver none keeps nothing", "what it writes now is lost"),
        (
            "syslog",
            {"syslog-address": "udp://127.0.0.1:5140", "cache-disabled": "true"},
            "cache-disabled=true keeps no copy",
            "without the option cache-disabled",
        ),
    ],
)
def test_a_driver_that_keeps_nothing_is_said_to(
    say: Say, scan: Scan, driver: str, options: dict[str, str], what: str, fix: str
) -> None:
    gateway = scan(say(silent(), driver, **options))
    assert not gateway["available"]
    assert what in gateway["reason"]
    assert fix in gateway["fix"]


def test_a_driver_that_sends_the_log_away_keeps_a_copy(say: Say, scan: Scan) -> None:
    """The engine's dual logging."""
    gateway = scan(say(silent(), "syslog", **{"syslog-address": "udp://127.0.0.1:5140"}))
    assert gateway["instances"][0]["state"] == "authenticating"
