"""What differs from one IBC release to another: what is on which stream, and that our log probe reads each of them right."""

from __future__ import annotations

import re
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import Any

import pytest
from ansible_collections.ibgw.ops.plugins.module_utils import logscan
from ansible_collections.ibgw.ops.plugins.module_utils.engine import address_of
from docker import DockerClient

from simulator.image.gateway.releases import RELEASES, Release
from tests.integration.gateways import Running, Start

_WRONG = {"password": "not-the-password"}

Read = Callable[[Running], dict[str, Any]]


@pytest.fixture(scope="module", name="read")
def read_log(engine: DockerClient) -> Read:
    """What the log probe says of the newest run."""

    def read(running: Running) -> dict[str, Any]:
        result = logscan.probe([running.user], None, "auto", None, 1 << 20, 50, address_of(engine), 20.0)
        run: dict[str, Any] = result["gateways"][0]["instances"][-1]
        return run

    return read


@dataclass(frozen=True)
class Gateways:
    """One of each condition, all of one release."""

    release: Release
    healthy: Running  # logged in, with a cold restart planned
    mistimed: Running  # logged in, with a restart time that the controller refuses
    heapless: Running  # with a heap that Java refuses
    rejected: Running
    missed: Running
    failed: Running


def start_all(start: Start, release: str) -> Gateways:
    here = partial(start, release=release)
    return Gateways(
        RELEASES[release],
        healthy=here(environment={"TWS_COLD_RESTART": "07:05"}),
        mistimed=here(environment={"AUTO_RESTART_TIME": "23:59"}),
        heapless=here(environment={"JAVA_HEAP_SIZE": "2g"}),
        rejected=here(**_WRONG),
        missed=here(
            "live",
            user={"second_factor": "push", "push_validity": 3},
            controller_settings={"SecondFactorAuthenticationTimeout": "2"},
        ),
        failed=here(user={"refused_as": "login_failed"}, **_WRONG),
    )


@pytest.fixture(scope="module")
def by_release(start: Start) -> dict[str, Gateways]:
    """Of all releases at once: a gateway waits most of the time that its login takes."""
    with ThreadPoolExecutor() as pool:
        return dict(zip(RELEASES, pool.map(partial(start_all, start), RELEASES), strict=True))


@pytest.fixture(params=RELEASES)
def gateways(request: pytest.FixtureRequest, by_release: dict[str, Gateways]) -> Gateways:
    return by_release[request.param]


_NOT_FOUND = "autorestart file not found"
_FULL = f"{_NOT_FOUND}: full authentication will be required"
#: What begins the log of a start script, how IBC names itself, and what is said where there is no saved session.
_WORDS = {
    "3.16.0": ("Starting IBC version", "Version: 3.16.0", []),
    "3.18.0": ("Starting IBC version", "version: 3.18.0", [_NOT_FOUND]),
    "3.19.0": ("Starting IBC version", "version: 3.19.0", [_NOT_FOUND]),
    "3.20.0": ("Starting IBC version", "version: 3.20.0", [_NOT_FOUND]),
    "3.21.2": ("Parsing arguments", "version: 3.21.2", [_NOT_FOUND]),
    "3.22.0": ("Parsing arguments", "version: 3.22.0", [_NOT_FOUND]),
    "3.23.0": ("Parsing arguments", "version: 3.23.0", [_FULL]),
    "3.24.1": ("Parsing arguments", "version: 3.24.1", [_FULL]),
}


def test_words_of_a_release(gateways: Gateways) -> None:
    lines = gateways.healthy.logged_in().log().splitlines()
    begin, version, saved_session = _WORDS[gateways.release.number]
    assert next(line for line in lines if line.startswith(("Parsing", "Starting IBC"))).startswith(begin)
    assert any(line.endswith(f" IBC: {version}") for line in lines)
    assert [line for line in lines if line.startswith("autorestart file")] == saved_session


#: What is said of the cold restart that is planned for a Sunday; up to 3.18 there is none.
_COLD_RESTART = {
    "3.16.0": [],
    "3.18.0": [],
    "3.19.0": ["Gateway"],
    "3.20.0": ["Gateway"],
    **dict.fromkeys(("3.21.2", "3.22.0", "3.23.0", "3.24.1"), ["Gateway will be cold restarted at SUNDAY 07:05"]),
}


def test_cold_restart_is_planned_for_a_sunday(gateways: Gateways) -> None:
    said = re.findall(r" IBC: (Gateway(?: will be .*)?)$", gateways.healthy.logged_in().log(), re.MULTILINE)
    assert [_without_sunday(text) for text in said] == _COLD_RESTART[gateways.release.number]


def _without_sunday(text: str) -> str:
    day = re.search(r"\d{4}/\d\d/\d\d", text)
    if day is None:
        return text
    assert f"{datetime.strptime(day[0], '%Y/%m/%d'):%A}" == "Sunday"
    return text.replace(day[0], "SUNDAY")


#: On which stream an error block is, and whether what Java itself says is seen.
_STREAMS = {
    "3.16.0": ({"stderr"}, True),
    "3.18.0": ({"stderr"}, True),
    "3.19.0": ({"stderr"}, True),
    "3.20.0": ({"stderr"}, True),
    "3.21.2": ({"stderr"}, True),
    "3.22.0": (set(), False),
    "3.23.0": (set(), False),
    "3.24.1": ({"stdout"}, False),
}


def test_what_is_on_which_stream(gateways: Gateways) -> None:
    errors_on, java_is_heard = _STREAMS[gateways.release.number]
    container = gateways.mistimed.logged_in().container
    streams = {
        "stdout": container.logs(stdout=True, stderr=False),
        "stderr": container.logs(stdout=False, stderr=True),
    }
    assert {name for name, said in streams.items() if b"time setting must be hh:mm AM or hh:mm PM" in said} == errors_on
    assert gateways.heapless.wait_for_end() == 1
    assert ("Could not create the Java Virtual Machine" in gateways.heapless.log()) is java_is_heard


def test_log_probe_reads_a_healthy_gateway(gateways: Gateways, read: Read) -> None:
    run = read(gateways.healthy.logged_in())
    assert (run["state"], run["problem"]) == ("logged_in", None)


def test_log_probe_reads_a_rejected_login(gateways: Gateways, read: Read) -> None:
    gateways.rejected.wait_for_line("Unrecognized Username or Password; event=Opened")
    assert read(gateways.rejected)["problem"] == "login.credentials_rejected"


def test_log_probe_reads_a_missed_push(gateways: Gateways, read: Read) -> None:
    gateways.missed.wait_for_line("e-login after second factor authentication timeout not required")
    assert read(gateways.missed)["problem"] == "twofa.timed_out"


def test_log_probe_reads_a_failed_login(gateways: Gateways, read: Read) -> None:
    """Left at the login window up to 3.19, ended for good in 3.20, tried again without end since."""
    if gateways.release.finds_cold_restart:
        gateways.failed.wait_for_line("IBC will cold-restart shortly", times=2)
        gateways.failed.container.reload()
        assert gateways.failed.container.attrs["RestartCount"] == 0
    elif gateways.release.after_login_failed == "cold restart":
        assert gateways.failed.wait_for_end() == 0
    else:
        gateways.failed.wait_for_line("Login failed; event=Closed")
    assert read(gateways.failed)["problem"] == "login.credentials_rejected"


def test_log_probe_reads_a_crash(gateways: Gateways, read: Read) -> None:
    gateways.mistimed.logged_in().container.exec_run(["pkill", "-SEGV", "-f", "ibcalpha.ibc"])
    assert gateways.mistimed.wait_for_end() == 139
    run = read(gateways.mistimed)
    assert (run["state"], run["problem"]) == ("ended", "gateway.crashed")


@pytest.mark.parametrize(("release", "gateway"), [("3.24.1", "10.37.1q"), ("3.16.0", "10.22.1m")])
def test_login_window_that_is_not_known(start: Start, read: Read, release: str, gateway: str) -> None:
    """The controller waits for one that it knows, ends, and is started again, without end and inside the container."""
    paper = start(release=release, gateway=gateway, controller_settings={"LoginDialogDisplayTimeout": "2"})
    paper.wait_for_line("IBC returned exit status 88", times=2)
    assert "exit code=1112" in paper.log()
    assert read(paper)["problem"] == "gateway.login_window_unknown"
    paper.container.reload()
    assert (paper.container.status, paper.container.attrs["RestartCount"]) == ("running", 0)
    assert paper.broker.count("login_attempt", paper.user) == 0
