# Copyright: ibgw.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The report store: nothing that a run reports is lost, the newer wins, and nobody ever sees half of anything."""

from __future__ import annotations

import fcntl
import json
import os
import stat
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.ibgw.ops.plugins.module_utils import store
from ansible_collections.ibgw.ops.plugins.module_utils.probe import Misuse, Unavailable

ALL = None


def at(minute: int) -> str:
    return f"2026-03-01T12:{minute:02}:00Z"


def run(minute: int, machines: dict[str, Any], *rows: str, controller: str = "one") -> dict[str, Any]:
    """What a run puts in that judged at that minute; each row is named `machine/gateway`."""
    named = [row.split("/") for row in rows]
    put = [{"host": host, "name": name, "said": f"{minute} by {controller}"} for host, name in named]
    return {"at": at(minute), "controller": controller, "machines": machines, "rows": put}


def reported(directory: Path, check_mode: bool = False, **asked: Any) -> dict[str, Any]:
    return store.probe(str(directory), "report", check_mode, **asked)


def said(result: dict[str, Any]) -> dict[str, str]:
    """What the store has, by the names of the rows."""
    return {
        f"{machine}/{each['row']['name']}": each["row"]["said"]
        for machine, known in result["machines"].items()
        for each in known["rows"]
    }


FIRST = run(10, {"alpha": ALL}, "alpha/a", "alpha/b")

MERGES = {
    "another machine": (run(10, {"beta": ALL}, "beta/a"), {"alpha/a": 10, "alpha/b": 10, "beta/a": 10}),
    "the machine again": (run(15, {"alpha": ALL}, "alpha/a", "alpha/b"), {"alpha/a": 15, "alpha/b": 15}),
    "at the same moment": (run(10, {"alpha": ALL}, "alpha/b"), {"alpha/b": 10}),
    "a gateway is gone": (run(15, {"alpha": ALL}, "alpha/a"), {"alpha/a": 15}),
    "nothing is there any more": (run(15, {"alpha": ALL}), {}),
    "the machine does not answer": (run(15, {"alpha": ALL}, "alpha/alpha"), {"alpha/alpha": 15}),
    "a new one is there": (run(15, {"alpha": ALL}, "alpha/a", "alpha/b", "alpha/c"), {"alpha/a": 15, "alpha/b": 15, "alpha/c": 15}),
    "one was asked for": (run(15, {"alpha": ["b"]}, "alpha/b"), {"alpha/a": 10, "alpha/b": 15}),
    "one that is new was asked for": (run(15, {"alpha": ["c"]}, "alpha/c"), {"alpha/a": 10, "alpha/b": 10, "alpha/c": 15}),
    "a slower run of the machine": (run(8, {"alpha": ALL}, "alpha/a", "alpha/c"), {"alpha/a": 10, "alpha/b": 10}),
    "a slower run of one that is gone since": (run(8, {"alpha": ["c"]}, "alpha/c"), {"alpha/a": 10, "alpha/b": 10}),
    "a slower run of one, and a machine": (run(8, {"alpha": ["a"], "beta": ALL}, "alpha/a", "beta/b"), {"alpha/a": 10, "alpha/b": 10, "beta/b": 8}),
}  # fmt: skip


@pytest.mark.parametrize(("second", "expected"), MERGES.values(), ids=MERGES)
def test_the_newest_of_each_gateway_is_kept(tmp_path: Path, second: dict[str, Any], expected: dict[str, int]) -> None:
    reported(tmp_path, put=FIRST)
    result = reported(tmp_path, put=second)
    assert said(result) == {name: f"{minute} by one" for name, minute in expected.items()}
    assert result["warnings"] == []
    assert reported(tmp_path)["machines"] == result["machines"]


def test_what_a_slower_run_of_the_whole_machine_reports_does_not_cost_a_newer_row(tmp_path: Path) -> None:
    reported(tmp_path, put=run(12, {"alpha": ["b"]}, "alpha/b"))
    result = reported(tmp_path, put=FIRST)
    assert said(result) == {"alpha/a": "10 by one", "alpha/b": "12 by one"}


def test_machines_and_gateways_have_any_names(tmp_path: Path) -> None:
    names = ["ä ö", "a/b", '"{{ x }}"', "-rf", "<b>", "\u202e", "'; rm -rf *"]
    machines = dict.fromkeys(names, ALL)
    rows = [{"host": name, "name": name, "said": "same"} for name in names]
    reported(tmp_path, put={"at": at(10), "controller": "one", "machines": machines, "rows": rows})
    assert [*reported(tmp_path)["machines"]] == names
    assert reported(tmp_path, forget=["a/b"])["forgotten"] == ["a/b"]
    assert [*reported(tmp_path)["machines"]] == [name for name in names if name != "a/b"]


@pytest.mark.parametrize(
    ("forget", "left", "known"),
    [
        (["alpha"], {"beta/a"}, ["alpha"]),
        (["alpha/a"], {"alpha/b", "beta/a"}, ["alpha/a"]),
        (["a"], {"alpha/a", "alpha/b", "beta/a"}, []),
        (["gamma", "beta/a"], {"alpha/a", "alpha/b"}, ["beta/a"]),
    ],
)
def test_what_is_gone_for_good_is_forgotten(
    tmp_path: Path, forget: list[str], left: set[str], known: list[str]
) -> None:
    reported(tmp_path, put=run(10, {"alpha": ALL, "beta": ALL}, "alpha/a", "alpha/b", "beta/a"))
    result = reported(tmp_path, forget=forget)
    assert result["forgotten"] == known
    assert said(result).keys() == said(reported(tmp_path)).keys() == left


# Clocks.


def test_a_report_from_the_future_does_not_block_those_of_the_present(tmp_path: Path) -> None:
    reported(tmp_path, put=run(40, {"alpha": ALL, "beta": ALL}, "alpha/a", "alpha/gone", "beta/b", controller="fast"))
    result = reported(tmp_path, put=run(10, {"alpha": ALL}, "alpha/a", controller="right"))
    assert said(result) == {"alpha/a": "10 by right", "beta/b": "40 by fast"}
    (warning,) = result["warnings"]
    assert (
        "fast reported the machine alpha as of 2026-03-01T12:40:00Z, but now it is 2026-03-01T12:10:00Z for right"
        in warning
    )
    assert reported(tmp_path, put=run(11, {"alpha": ALL}, "alpha/a", controller="right"))["warnings"] == []


def test_a_report_from_the_near_future_is_newer(tmp_path: Path) -> None:
    reported(tmp_path, put=run(14, {"alpha": ALL}, "alpha/a", controller="fast"))
    result = reported(tmp_path, put=run(10, {"alpha": ALL}, "alpha/a", controller="right"))
    assert said(result) == {"alpha/a": "14 by fast"}
    assert result["warnings"] == []


# What is published.


def published(directory: Path, revision: int, **files: str) -> Any:
    named = {name.replace("_", "."): text for name, text in files.items()}
    return reported(directory, publish={"revision": revision, "files": named})["published"]


def test_a_slower_run_does_not_publish_over_a_newer_one(tmp_path: Path) -> None:
    slow = reported(tmp_path, put=FIRST)["revision"]
    fast = reported(tmp_path, put=run(11, {"beta": ALL}, "beta/a"))["revision"]
    assert published(tmp_path, fast, report_json="both", report_html="<p>both") is True
    assert published(tmp_path, slow, report_json="one") is False
    assert published(tmp_path, fast, report_json="both, later") is True
    assert (tmp_path / "report.json").read_text() == "both, later"
    assert (tmp_path / "report.html").read_text() == "<p>both"


def test_a_run_from_before_the_store_began_anew_does_not_publish(tmp_path: Path) -> None:
    for minute in (10, 11):
        before = reported(tmp_path, put=run(minute, {"alpha": ALL}, "alpha/a"))["revision"]
    (tmp_path / "report.state.json").unlink()
    reported(tmp_path, put=FIRST)
    assert published(tmp_path, before, report_json="before") is False
    assert not (tmp_path / "report.json").exists()


def test_a_file_is_published_elsewhere_too(tmp_path: Path) -> None:
    elsewhere = tmp_path / "textfile"
    elsewhere.mkdir()
    revision = reported(tmp_path / "store", put=FIRST)["revision"]
    publish = {"revision": revision, "files": {"report.json": "{}", str(elsewhere / "ibgw.prom"): "ibgw 1"}}
    assert reported(tmp_path / "store", publish=publish)["published"] is True
    assert (elsewhere / "ibgw.prom").read_text() == "ibgw 1"
    assert os.listdir(elsewhere) == ["ibgw.prom"]


def test_what_is_published_elsewhere_can_be_read_by_others(tmp_path: Path) -> None:
    was = os.umask(0o077)
    try:
        revision = reported(tmp_path / "store", put=FIRST)["revision"]
        files = {"report.json": "{}", str(tmp_path / "ibgw.prom"): "ibgw 1"}
        reported(tmp_path / "store", publish={"revision": revision, "files": files})
    finally:
        os.umask(was)
    assert stat.S_IMODE((tmp_path / "ibgw.prom").stat().st_mode) == 0o644
    assert stat.S_IMODE((tmp_path / "store" / "report.json").stat().st_mode) == 0o600


def test_what_can_not_be_published_elsewhere_is_told_by_its_path_and_costs_nothing_else(tmp_path: Path) -> None:
    revision = reported(tmp_path, put=FIRST)["revision"]
    nowhere = str(tmp_path / "nowhere" / "ibgw.prom")
    with pytest.raises(Unavailable) as caught:
        reported(tmp_path, publish={"revision": revision, "files": {"report.json": "{}", nowhere: "ibgw 1"}})
    assert str(caught.value.reason).startswith(f"{nowhere} could not be written by ")
    assert (tmp_path / "report.json").read_text() == "{}"


# What is there already, and what can not be done.


def test_in_check_mode_what_would_be_is_told_and_nothing_is_written(tmp_path: Path) -> None:
    result = reported(tmp_path / "new", check_mode=True, put=FIRST)
    assert said(result).keys() == {"alpha/a", "alpha/b"}
    assert not (tmp_path / "new").exists()
    reported(tmp_path, put=FIRST)
    before = (tmp_path / "report.state.json").read_bytes()
    assert not reported(tmp_path, check_mode=True, forget=["alpha"])["machines"]
    publish = {"revision": 1, "files": {"report.json": "{}"}}
    assert reported(tmp_path, check_mode=True, publish=publish)["published"] is True
    assert (tmp_path / "report.state.json").read_bytes() == before
    assert not (tmp_path / "report.json").exists()


def test_a_store_that_is_only_read_is_not_made(tmp_path: Path) -> None:
    assert reported(tmp_path / "new")["revision"] == 0
    assert not (tmp_path / "new").exists()


def test_a_new_store_is_for_its_user_and_group(tmp_path: Path) -> None:
    reported(tmp_path / "new", put=FIRST)
    assert (tmp_path / "new").stat().st_mode & 0o777 == 0o750
    assert sorted(os.listdir(tmp_path / "new")) == [".report.lock", "report.state.json"]


DAMAGED = {
    "half of it": '{"schema": "ibgw.ops/store/1", "revis',
    "nothing": "",
    "no text": b"\xff\xfe\x00",
    "deep": "[" * 200_000,
    "a list": "[]",
    "somebody else's": '{"hello": "world"}',
    "another form": '{"schema": "ibgw.ops/report/1", "gateways": []}',
    "without machines": '{"schema": "ibgw.ops/store/1", "revision": 1, "published": 0}',
    "a row of another machine": json.dumps(
        {"schema": "ibgw.ops/store/1", "revision": 1, "published": 0,
         "machines": {"a": {"whole": None, "rows": [{"at": at(1), "controller": "", "row": {"host": "b", "name": "c"}}]}}}
    ),
    "a time that is none": json.dumps(
        {"schema": "ibgw.ops/store/1", "revision": 1, "published": 0,
         "machines": {"a": {"whole": {"at": "noon", "controller": ""}, "rows": []}}}
    ),
}  # fmt: skip


@pytest.mark.parametrize("content", DAMAGED.values(), ids=DAMAGED)
def test_a_damaged_state_is_kept_aside_and_the_store_begins_anew(tmp_path: Path, content: str | bytes) -> None:
    raw = content if isinstance(content, bytes) else content.encode()
    (tmp_path / "report.state.json").write_bytes(raw)
    (read,) = reported(tmp_path)["warnings"]
    assert "can not be understood" in read
    assert (tmp_path / "report.state.json").read_bytes() == raw
    result = reported(tmp_path, put=FIRST)
    (warning,) = result["warnings"]
    (kept,) = tmp_path.glob("report.state.json.damaged-*")
    assert kept.name in warning
    assert kept.read_bytes() == raw
    assert said(result).keys() == {"alpha/a", "alpha/b"}
    assert reported(tmp_path)["warnings"] == []


def test_a_state_of_a_newer_version_is_left_alone(tmp_path: Path) -> None:
    newer = '{"schema": "ibgw.ops/store/2", "something": "else"}'
    (tmp_path / "report.state.json").write_text(newer)
    for asked in (
        {"put": FIRST},
        {"forget": ["alpha"]},
        {"publish": {"revision": 1, "files": {"report.json": ""}}},
        {},
    ):
        with pytest.raises(Unavailable, match="was written by a newer version of the collection"):
            reported(tmp_path, **asked)
    assert (tmp_path / "report.state.json").read_text() == newer
    assert not (tmp_path / "report.json").exists()


def is_file(path: Path) -> None:
    path.write_text("mine")


def has_directory(path: Path) -> None:
    (path / "report.state.json").mkdir(parents=True)


def has_symlink(path: Path) -> None:
    path.mkdir()
    (path / "report.state.json").symlink_to("/etc/hostname")


def has_symlinked_lock(path: Path) -> None:
    path.mkdir()
    (path / ".report.lock").symlink_to(path / "elsewhere")


@pytest.mark.parametrize(
    ("prepare", "reason"),
    [
        (is_file, "it is no directory|Not a directory"),
        (has_directory, "Is a directory"),
        (has_symlink, "symbolic link, which is not followed"),
        (has_symlinked_lock, "symbolic link, which is not followed"),
    ],
)
def test_what_is_no_store_is_told_in_a_sentence_and_left_alone(tmp_path: Path, prepare: Any, reason: str) -> None:
    prepare(tmp_path / "store")
    before = sorted(tmp_path.rglob("*"))
    with pytest.raises(Unavailable, match=reason) as refused:
        reported(tmp_path / "store", put=FIRST)
    assert "report store in" in refused.value.reason
    assert refused.value.problem == "probe.incomplete"
    assert "diagnose_store_dir has to be a directory" in refused.value.fix
    assert {*tmp_path.rglob("*")} - {*before} <= {tmp_path / "store" / ".report.lock"}


@pytest.mark.parametrize("directory", ["reports", "", "~/reports", "/a\0b"])
def test_a_store_has_an_absolute_path(directory: str) -> None:
    with pytest.raises(Misuse, match="must be an absolute path"):
        store.probe(directory, "report", False, put=FIRST)


@pytest.mark.parametrize("when", ["noon", "", "2026-03-01"])
def test_what_is_put_in_has_a_moment(tmp_path: Path, when: str) -> None:
    with pytest.raises(Misuse, match="must be a moment in ISO 8601 with its zone"):
        reported(tmp_path, put={**FIRST, "at": when})
    assert list(tmp_path.iterdir()) == []


def test_a_state_that_is_too_long_to_be_read_is_kept_aside(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    reported(tmp_path, put=FIRST)
    length = (tmp_path / "report.state.json").stat().st_size
    for limit, warnings in ((length, 0), (length - 1, 1)):
        monkeypatch.setattr(store, "_STATE_BYTES", limit)
        assert len(reported(tmp_path)["warnings"]) == warnings
    assert f"is longer than {length - 1} bytes" in reported(tmp_path)["warnings"][0]


def test_a_full_disk_costs_nothing_that_is_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    reported(tmp_path, put=FIRST)
    before = (tmp_path / "report.state.json").read_bytes()

    def full(_file: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(store.os, "fsync", full)
    with pytest.raises(Unavailable, match="No space left on device") as refused:
        reported(tmp_path, put=run(11, {"beta": ALL}, "beta/a"))
    assert (refused.value.problem, refused.value.fix) == ("host.disk_full", "make room on that disk")
    assert (tmp_path / "report.state.json").read_bytes() == before
    assert sorted(os.listdir(tmp_path)) == [".report.lock", "report.state.json"]


def test_whoever_hangs_with_the_lock_is_not_waited_for_without_end(tmp_path: Path) -> None:
    with (tmp_path / ".report.lock").open("w") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        with pytest.raises(Unavailable, match=r"has held the lock .*/\.report\.lock of the report store for 0 s"):
            reported(tmp_path, put=FIRST, timeout=0.2)
        assert reported(tmp_path)["revision"] == 0  # to read is not to wait
    assert reported(tmp_path, put=FIRST)["revision"] == 1


# Other processes.

_PUT = """
import json, sys
from ansible_collections.ibgw.ops.plugins.module_utils import store
directory, number = sys.argv[1:]
machine = f"machine{number}"
row = {"host": machine, "name": "gateway", "said": number, "long": "x" * 20000}
put = {"at": "2026-03-01T12:00:00Z", "controller": number, "machines": {machine: None}, "rows": [row]}
result = store.probe(directory, "report", False, put=put)
text = json.dumps(sorted(result["machines"])) + " " * 100000
store.probe(directory, "report", False, publish={"revision": result["revision"], "files": {"report.json": text}})
"""


@pytest.fixture
def environment() -> dict[str, str]:
    return {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}


def test_of_twenty_runs_at_once_none_is_lost_and_what_is_published_last_is_whole(
    tmp_path: Path, environment: dict[str, str]
) -> None:
    def put(number: int) -> int:
        return subprocess.run(
            [sys.executable, "-c", _PUT, str(tmp_path), str(number)], env=environment, check=False
        ).returncode

    with ThreadPoolExecutor(20) as pool:
        assert set(pool.map(put, range(20))) == {0}
    every = sorted(f"machine{number}" for number in range(20))
    assert sorted(reported(tmp_path)["machines"]) == every
    assert json.loads((tmp_path / "report.json").read_text()) == every
    assert sorted(os.listdir(tmp_path)) == [".report.lock", "report.json", "report.state.json"]


_KILLED = """
import os, signal, sys
from ansible_collections.ibgw.ops.plugins.module_utils import store
store.os.fsync = lambda _file: os.kill(os.getpid(), signal.SIGKILL)
put = {"at": "2026-03-01T12:30:00Z", "controller": "killed", "machines": {"alpha": None}, "rows": []}
store.probe(sys.argv[1], "report", False, put=put)
"""


def test_a_run_that_is_killed_in_the_middle_leaves_what_was_there(tmp_path: Path, environment: dict[str, str]) -> None:
    before = reported(tmp_path, put=FIRST)
    killed = subprocess.run([sys.executable, "-c", _KILLED, str(tmp_path)], env=environment, check=False)
    assert killed.returncode == -9
    assert (tmp_path / ".report.state.json.new").exists()
    assert reported(tmp_path)["machines"] == before["machines"]
    reported(tmp_path, put=run(11, {"beta": ALL}, "beta/a"))
    assert sorted(os.listdir(tmp_path)) == [".report.lock", "report.state.json"]
