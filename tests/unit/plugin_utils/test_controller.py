# Copyright: ibgw.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Paths that operators give, and the reports that are written there."""

from __future__ import annotations

import json
import os
import platform
import stat
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import SimpleNamespace

import pytest
from ansible import constants as C
from ansible import context
from ansible_collections.ibgw.ops.plugins.module_utils.probe import Misuse
from ansible_collections.ibgw.ops.plugins.plugin_utils.controller import (
    display,
    inventories,
    path_of,
    show,
    where_it_runs,
    write_metrics,
    write_report,
)
from ansible_collections.ibgw.ops.plugins.plugin_utils.summary import Line


@pytest.mark.parametrize("given", ["reports", "/no/such/place", "a b/ä{{ x }}", "-rf", "../x", "x" * 255])
def test_any_name_that_a_file_can_have_is_a_path(given: str) -> None:
    assert path_of("diagnose_report_dir", given) == Path(given).absolute()


@pytest.mark.parametrize(
    ("given", "why"),
    [
        ("~nobody-of-that-name/x", "Could not determine home directory"),
        ("a\0b", "has a NUL"),
        ("x" * 256, "too long"),
        ("ä" * 128, "too long"),
        ("gateway\udcff.log", "it is not valid UTF-8"),
    ],
)
def test_what_no_file_can_be_called_is_refused(given: str, why: str) -> None:
    said = rf"^diagnose_report_dir is .*, which is no path on the controller: .*{why}"
    with pytest.raises(Misuse, match=said) as caught:
        path_of("diagnose_report_dir", given)
    assert str(caught.value).isprintable()
    assert len(str(caught.value)) < 300


def test_commands_name_the_inventory_that_was_given_but_none_that_ends_with_its_job(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    given = (str(Path("fleet").absolute()), "/runner/inventory", *C.DEFAULT_HOST_LIST)
    monkeypatch.setattr(context, "CLIARGS", {"inventory": given})
    monkeypatch.delenv("AWX_PRIVATE_DATA_DIR", raising=False)
    assert inventories() == ["fleet", "/runner/inventory"]
    monkeypatch.setenv("AWX_PRIVATE_DATA_DIR", "/tmp/awx_1_abc")
    assert inventories() == []


def test_a_run_is_looked_up_by_its_host_or_by_its_job(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("JOB_ID", "AWX_HOST"):
        monkeypatch.delenv(name, raising=False)
    assert where_it_runs() == platform.node()
    monkeypatch.setenv("JOB_ID", "1234")
    assert where_it_runs() == platform.node(), "JOB_ID alone may be anybody's"
    monkeypatch.setenv("AWX_HOST", "https://awx.example")
    assert where_it_runs() == "job 1234 of https://awx.example"


def test_a_report_is_written_whole_and_leaves_nothing_else(tmp_path: Path) -> None:
    directory = tmp_path / "made" / "here"
    for total in (2, 1):
        path = write_report({"fleet": {"total": total}}, str(directory), "report.json", "diagnose_report_dir")
    assert path == str(directory / "report.json")
    assert json.loads(Path(path).read_text(encoding="utf-8")) == {"fleet": {"total": 1}}
    assert [each.name for each in directory.iterdir()] == ["report.json"]


def test_without_a_directory_nothing_is_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert write_report({}, "", "report.json", "diagnose_report_dir", lambda _told: "") is None
    assert list(tmp_path.iterdir()) == []


def test_a_page_is_written_beside_its_report(tmp_path: Path) -> None:
    path = write_report({"error": "é"}, str(tmp_path), "report.json", "diagnose_report_dir", lambda told: told["error"])
    assert path == str(tmp_path / "report.json")
    assert (tmp_path / "report.html").read_text(encoding="utf-8") == "é"
    assert sorted(each.name for each in tmp_path.iterdir()) == ["report.html", "report.json"]


def test_a_page_that_can_not_be_written_costs_no_report(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    warnings: list[str] = []
    monkeypatch.setattr(display, "warning", warnings.append)
    (tmp_path / "report.html").mkdir()
    assert write_report({}, str(tmp_path), "report.json", "diagnose_report_dir", lambda _told: "")
    assert warnings == [
        f"report.html could not be written to {tmp_path} (Is a directory); diagnose_report_dir names another directory"
    ]
    assert sorted(each.name for each in tmp_path.iterdir()) == ["report.html", "report.json"]


def test_a_page_that_can_not_be_made_costs_no_report(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    warnings: list[str] = []
    monkeypatch.setattr(display, "warning", warnings.append)
    assert write_report({}, str(tmp_path), "report.json", "diagnose_report_dir", lambda told: told["absent"])
    assert warnings == ["no page was made of report.json: KeyError: 'absent', a defect of the collection"]
    assert [each.name for each in tmp_path.iterdir()] == ["report.json"]


@pytest.mark.parametrize("kind", ["file", "link to nowhere", "link to itself", "below a file", "too long"])
def test_where_there_is_no_directory_the_warning_says_so_and_the_old_report_stays(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    warnings: list[str] = []
    monkeypatch.setattr(display, "warning", warnings.append)
    place = tmp_path / "reports"
    made: dict[str, Callable[[], object]] = {
        "file": place.touch,
        "link to nowhere": lambda: place.symlink_to(tmp_path / "nowhere"),
        "link to itself": lambda: place.symlink_to(place),
        "below a file": lambda: (tmp_path / "file").touch(),
        "too long": lambda: None,
    }
    made[kind]()
    given = {"below a file": tmp_path / "file" / "reports", "too long": tmp_path.joinpath(*["x" * 200] * 30)}
    assert write_report({}, str(given.get(kind, place)), "report.json", "diagnose_report_dir", lambda _told: "") is None
    (warning,) = warnings
    assert warning.startswith("report.json and report.html could not be written to ")
    assert "File exists" not in warning
    assert len(warning) < 500


def test_metrics_are_there_for_another_user_and_nothing_else_that_ends_like_them(tmp_path: Path) -> None:
    was = os.umask(0o077)
    try:
        write_metrics("up 1\n", str(tmp_path / "ibgw.prom"), "diagnose_metrics_file")
    finally:
        os.umask(was)
    (written,) = tmp_path.iterdir()
    assert (written.name, written.read_text(encoding="utf-8")) == ("ibgw.prom", "up 1\n")
    assert stat.filemode(written.stat().st_mode) == "-rw-r--r--"


def test_of_many_who_write_at_once_one_stays_and_no_reader_sees_half(tmp_path: Path) -> None:
    path = tmp_path / "ibgw.prom"
    texts = {f"{number} ".rjust(10) * 50_000 for number in range(8)}
    seen: set[str] = set()
    with ThreadPoolExecutor(len(texts)) as writers:
        written = [
            writers.submit(write_metrics, text, str(path), "diagnose_metrics_file") for text in texts for _ in range(5)
        ]
        while not all(each.done() for each in written):
            seen |= {path.read_text(encoding="utf-8")} if path.exists() else set()
    assert [each.result() for each in written] == [None] * len(written)
    assert seen | {path.read_text(encoding="utf-8")} <= texts
    assert [each.name for each in tmp_path.iterdir()] == ["ibgw.prom"]


def test_metrics_that_can_not_be_written_are_a_warning_and_no_directory_is_made(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    warnings: list[str] = []
    monkeypatch.setattr(display, "warning", warnings.append)
    path = tmp_path / "missing" / "ibgw.prom"
    write_metrics("up 1\n", str(path), "diagnose_metrics_file")
    assert warnings == [
        f"metrics could not be written to {path} (No such file or directory); diagnose_metrics_file names another file"
    ]
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("columns", "width"),
    [("120", 120), ("40", 40), ("39", 80), ("-5", 80), ("wide", 80), ("", 80)],
)
def test_a_summary_is_made_for_the_width_of_the_terminal(
    monkeypatch: pytest.MonkeyPatch, columns: str, width: int
) -> None:
    monkeypatch.setenv("COLUMNS", columns)
    monkeypatch.setattr(display, "columns", 79)  # Ansible leaves the last one empty
    asked: list[int] = []

    def lines_of(given: int, _ascii_only: bool) -> list[Line]:
        asked.append(given)
        return []

    show(lines_of, ascii_only=False)
    assert asked == [width]


@pytest.mark.parametrize(
    ("encoding", "ascii_only", "in_ascii"),
    [
        ("utf-8", False, False),
        ("utf-8", True, True),
        ("ascii", False, True),
        ("latin-1", False, True),
        (None, False, True),
    ],
)
def test_a_summary_has_the_marks_that_the_terminal_has(
    monkeypatch: pytest.MonkeyPatch, encoding: str | None, ascii_only: bool, in_ascii: bool
) -> None:
    shown: list[tuple[str, str | None]] = []
    monkeypatch.setattr(display, "display", lambda text, color: shown.append((text, color)))
    monkeypatch.setattr(sys, "__stdout__", SimpleNamespace(encoding=encoding))
    show(lambda _width, in_ascii: [Line("in ASCII" if in_ascii else "√", "color28")], ascii_only)
    assert shown == [("in ASCII" if in_ascii else "√", "color28")]
