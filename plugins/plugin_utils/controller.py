# Copyright: ibgw.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What a run of Ansible tells of itself: its inventories, its terminal, and the collection that it uses."""

from __future__ import annotations

import json
import os
import platform
import secrets
import sys
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

import yaml
from ansible import constants as C
from ansible import context
from ansible.utils.display import Display
from ansible_collections.ibgw.ops.plugins.module_utils.probe import Misuse
from ansible_collections.ibgw.ops.plugins.module_utils.redact import quote, shown
from ansible_collections.ibgw.ops.plugins.plugin_utils.summary import Line

#: Bytes in the name of a file (limits.h, NAME_MAX).
LONGEST_NAME = 255

display = Display()


def inventories() -> list[str]:
    """What was given with -i, as one would type it here; nothing where the configuration names the inventory, or AWX made one for a job."""
    if "AWX_PRIVATE_DATA_DIR" in os.environ:  # a directory that ends with its job (AWX tasks/jobs.py, build_env)
        return []
    given = context.CLIARGS.get("inventory") or ()
    here = os.getcwd()
    return [
        os.path.relpath(source) if os.path.isabs(source) and source.startswith(here + os.sep) else source
        for source in given
        if source not in C.DEFAULT_HOST_LIST
    ]


def where_it_runs() -> str:
    """Where this run can be looked up: the job of AWX, whose container is gone when somebody asks, else the host's name."""
    job, awx = os.environ.get("JOB_ID"), os.environ.get("AWX_HOST")  # AWX tasks/jobs.py, build_env
    return f"job {job} of {awx}" if job and awx else platform.node()


def about_the_collection() -> dict[str, Any]:
    """What the installed collection's manifest says of it, else the checkout's galaxy.yml."""
    root = Path(__file__).parents[2]
    about: dict[str, Any] = {}
    if (root / "MANIFEST.json").exists():
        about = json.loads((root / "MANIFEST.json").read_text(encoding="utf-8"))["collection_info"]
    elif (root / "galaxy.yml").exists():
        about = yaml.safe_load((root / "galaxy.yml").read_text(encoding="utf-8"))
    return about


def path_of(setting: str, given: str) -> Path:
    """Where on the controller a setting points; raises `Misuse` for what no file can be called."""
    try:
        path = Path(given).expanduser().absolute()
        if "\0" in str(path) or any(len(os.fsencode(part)) > LONGEST_NAME for part in path.parts):
            raise ValueError("a name in it is too long, or has a NUL")
        str(path).encode()
    except (RuntimeError, ValueError) as error:
        reason = "it is not valid UTF-8" if isinstance(error, UnicodeError) else str(error)
        raise Misuse(f"{setting} is {shown(given)}, which is no path on the controller: {reason}") from None
    return path


def write_report(
    report: Mapping[str, Any],
    directory: str,
    name: str,
    setting: str,
    page: Callable[[Mapping[str, Any]], str] | None = None,
) -> str | None:
    """The path of the report, which is written with its page beside it, `report.html` beside `report.json`.

    None where no directory is given, and where the report could not be written, which is a warning that names the `setting`, and no
    reason to lose what it says; of report and page, one that can not be written does not keep the other from being.
    """
    if not directory:
        return None
    path = Path(directory).expanduser().absolute() / name
    failed: dict[str, list[str]] = {}
    for file, text in texts_of(report, name, page).items():
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            _replace(path.with_name(file), text)
        except OSError as error:
            failed.setdefault(_why(error), []).append(file)
    for why, files in failed.items():
        display.warning(
            f"{' and '.join(files)} could not be written to {quote(directory)} ({why}); {setting} names another directory"
        )
    return None if any(name in files for files in failed.values()) else str(path)


def _why(error: OSError) -> str:
    """What stands against writing; mkdir calls a file, or a link that leads nowhere, a thing that exists."""
    return "it is no directory" if isinstance(error, FileExistsError) else error.strerror or str(error)


def texts_of(
    report: Mapping[str, Any], name: str, page: Callable[[Mapping[str, Any]], str] | None = None
) -> dict[str, str]:
    """The files of a report by their names: its JSON, and its page beside it."""
    texts = {name: json.dumps(report, indent=2, ensure_ascii=False) + "\n"}
    made = _made(page, report, name) if page else None
    if made is not None:
        texts[str(Path(name).with_suffix(".html"))] = made
    return texts


def _made(page: Callable[[Mapping[str, Any]], str], report: Mapping[str, Any], name: str) -> str | None:
    """The page of a report. One that can not be made is a defect of ours, and costs nobody the report."""
    try:
        return page(report)
    except Exception as error:
        display.warning(
            f"no page was made of {name}: {type(error).__name__}: {quote(str(error))}, a defect of the collection"
        )
        return None


def write_metrics(text: str, given: str, setting: str) -> None:
    """Write metrics where node_exporter looks for them, which reads them as another user, and nothing that does not end in .prom.

    Where that can not be done, a warning names the `setting`. A directory that is not there is not made: nobody would look into it.
    """
    path = path_of(setting, given)
    try:
        _replace(path, text, mode=0o644)
    except OSError as error:
        display.warning(f"metrics could not be written to {path} ({error.strerror}); {setting} names another file")


def _replace(path: Path, text: str, mode: int | None = None) -> None:
    """A reader sees the old text or the new one, never half of one."""
    # Runs in containers that share a directory may share a process id, too.
    unfinished = path.with_name(f".{path.name}.{os.getpid()}-{secrets.token_hex(4)}")
    try:
        unfinished.write_text(text, encoding="utf-8")
        if mode is not None:
            unfinished.chmod(mode)
        unfinished.replace(path)
    finally:
        unfinished.unlink(missing_ok=True)


def show(lines_of: Callable[[int, bool], Iterable[Line]], ascii_only: bool) -> None:
    """Print the lines of a summary, made for the width of this terminal and for what it can encode."""
    for line in lines_of(_terminal_width(), ascii_only or not _encodes_marks()):
        display.display(line.text, color=line.colour)


def _terminal_width() -> int:
    """Columns of the terminal; 80 where there is none. Ansible's worker processes have none of their own to ask."""
    columns = os.environ.get("COLUMNS", "")
    return int(columns) if columns.isdecimal() and int(columns) >= 40 else display.columns + 1


def _encodes_marks() -> bool:
    """Whether the output's encoding has the marks of the summary."""
    try:
        "√×".encode(getattr(sys.__stdout__, "encoding", None) or "ascii")
    except (UnicodeEncodeError, LookupError):
        return False
    return True
