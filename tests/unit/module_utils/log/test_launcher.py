# Copyright: ibgw.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A launcher.log beside a container's log: evidence of the run that it belongs to, and nothing where it can not be had."""

from __future__ import annotations

import io
import tarfile
from typing import Any

import pytest
from ansible_collections.ibgw.ops.plugins.module_utils.log.launcher import launcher_log
from ansible_collections.ibgw.ops.plugins.module_utils.timestamps import epoch
from docker.errors import NotFound

from tests.unit.module_utils.ibc_log import Log

SILENT = """\
2026-03-04 12:00:00.112 INFO  [JTS-Main] - ------ IB GATEWAY RESTART ------
2026-03-04 12:00:00.300 INFO  [JTS-Main] - Started on 20260304-12:00:00
2026-03-04 12:00:05.200 INFO  [JTS-Login-46] - Logging in alice77
2026-03-04 12:00:05.500 INFO  [JTS-CCPListenerS2-17] -  NS_AUTH_START version=52 pwd=1 soft=0 initialTokenType=PWD
2026-03-04 12:00:25.500 ERROR [JTS-AuthTimeoutMonitorThread-CCP-19] - AuthTimeoutMonitor-CCP: Timeout!
"""
BEGAN = epoch("2026-03-04T11:59:58Z")
DIRECTORY = "/home/ibgateway/Jts"


class Engine:
    """As much of a Docker client as taking one file out of a container takes."""

    def __init__(self, content: str | None, kind: bytes = tarfile.REGTYPE, error: Exception | None = None) -> None:
        self.api = self
        self._content = content
        self._kind = kind
        self._error = error

    def get_archive(self, _container: str, path: str) -> tuple[list[bytes], dict[str, Any]]:
        if self._error:
            raise self._error
        if self._content is None or path != f"{DIRECTORY}/launcher.log":
            raise NotFound("Could not find the file")
        held, content = io.BytesIO(), self._content.encode()
        with tarfile.open(fileobj=held, mode="w") as archive:
            entry = tarfile.TarInfo("launcher.log")
            entry.type, entry.size = self._kind, len(content) if self._kind == tarfile.REGTYPE else 0
            archive.addfile(entry, io.BytesIO(content))
        return [held.getvalue()], {}


def told(engine: Any, since: float | None = BEGAN) -> dict[str, Any] | None:
    return launcher_log(engine, "gw", DIRECTORY, since, frozenset({"alice77"}))


def test_an_answer_that_did_not_come_is_evidence() -> None:
    said = told(Engine(SILENT))
    assert said is not None
    assert (said["path"], said["problem"]) == (f"{DIRECTORY}/launcher.log", "login.auth_silent")
    assert said["last_at"] == "2026-03-04T12:00:25Z"
    assert said["evidence"][-1]["quote"].endswith("AuthTimeoutMonitor-CCP: Timeout!")
    assert "alice77" not in str(said)


def test_of_a_long_one_the_end_is_read() -> None:
    said = told(Engine("2026-03-03 12:00:00.000 INFO  [JTS-Main] - instance of control\n" * 40_000 + SILENT))
    assert said is not None
    assert said["problem"] == "login.auth_silent"


@pytest.mark.parametrize(
    ("engine", "since"),
    [
        (Engine(None), BEGAN),
        (Engine(SILENT), epoch("2026-03-04T13:00:00Z")),  # of a run before
        (Engine(SILENT), None),
        (Engine(SILENT.replace("Started on", "Begun on")), BEGAN),  # in no known zone
        (Engine("another program's log\n"), BEGAN),
        (Engine(""), BEGAN),
        (Engine(SILENT, tarfile.SYMTYPE), BEGAN),
        (Engine(SILENT, tarfile.DIRTYPE), BEGAN),
        (Engine(SILENT, error=TimeoutError("timed out")), BEGAN),
        (Engine("x" * (9 << 20)), BEGAN),
    ],
    ids=["none", "old", "no run", "no zone", "other", "empty", "link", "directory", "hangs", "huge"],
)
def test_what_tells_nothing_of_this_run_is_left_out(engine: Engine, since: float | None) -> None:
    assert told(engine, since) is None


def test_a_file_of_that_name_that_is_two_gateways_log_costs_nothing() -> None:
    live, paper = Log(), Log(mode="paper")
    both = live.start().text + paper.start().text
    assert told(Engine(both)) is None
