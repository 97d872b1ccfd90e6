# Copyright: ibgw.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The report store: what was last reported of each gateway, by whatever controller, in one directory of one host.

The state is one JSON file, replaced as a whole by whoever holds the lock; what is published stands beside it. A row is not looked
into, but for the machine and the gateway that it is about. Which of two diagnoses is newer is told by the controllers' times.

This module util is private to the collection; it can change at any time.
"""

from __future__ import annotations

import errno
import fcntl
import json
import os
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import Any

from ansible_collections.ibgw.ops.plugins.module_utils.probe import AVAILABLE, Misuse, Unavailable, user
from ansible_collections.ibgw.ops.plugins.module_utils.redact import quote, shown
from ansible_collections.ibgw.ops.plugins.module_utils.timestamps import epoch, iso

#: The result's own keys when the store could not be used.
NOTHING: Mapping[str, Any] = {
    "revision": None,
    "machines": {},
    "forgotten": [],
    "published": None,
    "warnings": [],
}

#: How far controllers' clocks may differ, in seconds. What is further ahead is no newer diagnosis, but a wrong clock.
AHEAD = 300

_FORM = "ibgw.ops/store/"
_SCHEMA = f"{_FORM}1"

# A longer state is not ours: that of ten thousand gateways takes a third of it.
_STATE_BYTES = 256 << 20

# Seconds after which a lock that somebody holds is tried again.
_AGAIN = 0.05


def probe(
    directory: str,
    name: str,
    check_mode: bool,
    put: Mapping[str, Any] | None = None,
    forget: Sequence[str] | None = None,
    publish: Mapping[str, Any] | None = None,
    timeout: float = 60,
) -> dict[str, Any]:
    """What the store `name` in `directory` has, after rows were put into it and others forgotten, or files were published."""
    if not os.path.isabs(directory) or "\0" in directory:
        raise Misuse(f"directory is {shown(directory)}; it must be an absolute path")
    if put and epoch(put["at"]) is None:
        raise Misuse(f"at is {shown(put['at'])}; it must be a moment in ISO 8601 with its zone")
    place, writes = Path(directory), not check_mode and bool(put or forget or publish)
    path = place / f"{name}.state.json"
    result: dict[str, Any] = {**AVAILABLE, **NOTHING, "changed": writes}
    try:
        with _alone(place, name, timeout) if writes else nullcontext():
            state, damage = _read(path)
            if publish:
                return {**result, "published": _publish(path, state, publish, writes)}
            result["warnings"] = [_aside(path, damage, writes)] if damage else []
            result["forgotten"] = _forget(state["machines"], forget or ())
            if put:
                result["warnings"] += _put(state["machines"], put)
            if writes:
                state["revision"] += 1
                _replace(path, json.dumps(state))
    except OSError as error:
        raise _unusable(place, error) from None
    return {**result, "revision": state["revision"], "machines": state["machines"]}


# What is changed in the state.


def _put(machines: dict[str, Any], put: Mapping[str, Any]) -> list[str]:
    """Put in what a run reports of each machine that it asked; returns a warning where a clock is wrong."""
    by = {"at": put["at"], "controller": put["controller"]}
    of_machine: dict[str, list[Mapping[str, Any]]] = {machine: [] for machine in put["machines"]}
    for row in put["rows"]:
        of_machine[row["host"]].append(row)
    ahead = []
    for machine, names in put["machines"].items():
        known = machines.get(machine, {"whole": None, "rows": []})
        ahead += [(each["at"], each["controller"], machine) for each in _told(known) if _after(each, by) > AHEAD]
        machines[machine] = _newest(known, by, names, of_machine[machine])
    return [_ahead(max(ahead), by)] if ahead else []


def _newest(
    known: dict[str, Any], by: Mapping[str, Any], names: Sequence[str] | None, rows: Sequence[Mapping[str, Any]]
) -> dict[str, Any]:
    """What is known of a machine with what a run reports of it: all its gateways, or those of the `names`.

    A run of the whole machine replaces all rows, so that a gateway that is gone goes away. What is newer stays.
    """
    if known["whole"] and _newer(known["whole"], by):
        return known
    kept = [
        each for each in known["rows"] if _newer(each, by) or (names is not None and each["row"]["name"] not in names)
    ]
    newer = [each["row"]["name"] for each in kept]
    return {
        "whole": by if names is None else known["whole"],
        "rows": [*kept, *({**by, "row": row} for row in rows if row["name"] not in newer)],
    }


def _told(known: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """Everything that tells of a machine, with its time."""
    return [*([known["whole"]] if known["whole"] else []), *known["rows"]]


def _after(known: Mapping[str, Any], by: Mapping[str, Any]) -> float:
    """Seconds that something known is after a run."""
    return (epoch(known["at"]) or 0.0) - (epoch(by["at"]) or 0.0)


def _newer(known: Mapping[str, Any], by: Mapping[str, Any]) -> bool:
    return 0 < _after(known, by) <= AHEAD


def _ahead(latest: tuple[str, str, str], by: Mapping[str, Any]) -> str:
    at, controller, machine = latest
    return (
        f"{quote(controller)} reported the machine {quote(machine)} as of {at}, but now it is {by['at']} for {quote(by['controller'])}:"
        " the clock of one of them is wrong; what came last counts"
    )


def _forget(machines: dict[str, Any], names: Sequence[str]) -> list[str]:
    """Forget machines and gateways by their names in the fleet; returns those that were known."""
    forgotten = []
    for name in names:
        found = machines.pop(name, None) is not None
        for machine, known in machines.items():
            kept = [each for each in known["rows"] if f"{machine}/{each['row']['name']}" != name]
            found = found or len(kept) < len(known["rows"])
            known["rows"] = kept
        forgotten += [name] if found else []
    return forgotten


# The files.


def _read(path: Path) -> tuple[dict[str, Any], str | None]:
    """The state, and why it begins anew where that is not for want of one."""
    try:
        with open(os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK), "rb") as file:
            text = file.read(_STATE_BYTES + 1)
        if len(text) > _STATE_BYTES:
            raise ValueError(f"it is longer than {_STATE_BYTES} bytes")
        return _checked(path, json.loads(text.decode("utf-8"))), None
    except FileNotFoundError:
        damage = None
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        damage = f"{type(error).__name__}: {error}"
    return {"schema": _SCHEMA, "revision": 0, "published": 0, "machines": {}}, damage


def _checked(path: Path, state: Any) -> dict[str, Any]:
    """A state of our form; raises `Unavailable` for one of a newer version, and whatever comes of it where it is none at all."""
    if not str(state["schema"]).startswith(_FORM):
        raise ValueError("it is no state of a report store")
    if state["schema"] != _SCHEMA:
        said = f"it says {quote(str(state['schema']))}, this one knows {_SCHEMA}"
        reason = f"{path} was written by a newer version of the collection ({said}), and nothing was put in"
        raise Unavailable("probe.incomplete", reason, "install that version on this controller, too")
    return {
        "schema": _SCHEMA,
        "revision": int(state["revision"]),
        "published": int(state["published"]),
        "machines": {
            machine: {
                "whole": known["whole"] and _by(known["whole"]),
                "rows": [{**_by(each), "row": _row(machine, each["row"])} for each in known["rows"]],
            }
            for machine, known in state["machines"].items()
        },
    }


def _by(told: Mapping[str, Any]) -> dict[str, str]:
    if epoch(told["at"]) is None:
        raise ValueError(f"{quote(repr(told['at']))} is no time")
    return {"at": told["at"], "controller": str(told["controller"])}


def _row(machine: str, row: Mapping[str, Any]) -> Mapping[str, Any]:
    if row["host"] != machine or not isinstance(row["name"], str):
        raise ValueError(f"a row of {quote(machine)} is of another machine")
    return row


def _aside(path: Path, damage: str, writes: bool) -> str:
    """Put a state aside that can not be understood, so that nothing of it is lost; returns what to say of it."""
    kept = path.with_name(f"{path.name}.damaged-{iso(time.time()).replace(':', '')}-{os.getpid()}")
    if writes:
        path.rename(kept)
    begins = (
        f"it is kept as {kept.name}, and the store begins anew"
        if writes
        else "the next run keeps it aside and begins anew"
    )
    return f"{path} can not be understood ({quote(damage, limit=120)}); {begins}"


def _publish(path: Path, state: Mapping[str, Any], publish: Mapping[str, Any], writes: bool) -> bool:
    """Whether files of that revision are to be published, which is done where it `writes`: not where newer ones have been."""
    if not state["published"] <= publish["revision"] <= state["revision"]:  # beyond: of a state before this one
        return False
    if writes:
        _replace(path, json.dumps({**state, "published": publish["revision"]}))
        for file, text in publish["files"].items():
            _publish_file(path.parent / file, text, elsewhere=os.path.isabs(file))
    return True


def _publish_file(path: Path, text: str, elsewhere: bool) -> None:
    """Replace a published file; one `elsewhere` is there for others to read, whoever runs this, and says by itself what keeps it from that."""
    try:
        _replace(path, text, 0o644 if elsewhere else None)
    except OSError as error:
        if not elsewhere:
            raise
        reason = f"{path} could not be written by {user()}: {error.strerror or error}"
        raise Unavailable(
            "probe.incomplete", reason, "name a file in a directory that is there and that this user may write to"
        ) from None


@contextmanager
def _alone(directory: Path, name: str, timeout: float) -> Iterator[None]:
    """Nobody else changes the store meanwhile; the lock goes with the process, however that ends."""
    directory.mkdir(mode=0o750, parents=True, exist_ok=True)
    path = directory / f".{name}.lock"
    with open(os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o664)) as held:
        until = time.monotonic() + timeout
        while not _locked(held.fileno()):
            if time.monotonic() >= until:
                reason = f"another process has held the lock {path} of the report store for {timeout:.0f} s"
                raise Unavailable("probe.incomplete", reason, f"see which, and end it if it hangs: fuser -v {path}")
            time.sleep(_AGAIN)
        yield


def _locked(file: int) -> bool:
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _replace(path: Path, text: str, mode: int | None = None) -> None:
    """Replace a file as a whole: whoever reads sees the old or the new one, after a power cut too."""
    new = path.with_name(f".{path.name}.new")
    new.unlink(missing_ok=True)  # of one that was killed
    try:
        with open(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o644), "w", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            if mode is not None:
                os.fchmod(file.fileno(), mode)
            os.fsync(file.fileno())
        new.replace(path)
    finally:
        new.unlink(missing_ok=True)


def _unusable(directory: Path, error: OSError) -> Unavailable:
    problem = "host.disk_full" if error.errno in (errno.ENOSPC, errno.EDQUOT) else "probe.incomplete"
    said = {
        errno.ELOOP: "a file of it is a symbolic link, which is not followed",
        errno.EEXIST: "it is no directory",  # mkdir calls a file a thing that exists
    }
    came = said.get(error.errno or 0, error.strerror or error)
    where = f" ({error.filename})" if error.filename else ""
    reason = f"the report store in {directory} could not be used by {user()}: {came}{where}"
    fix = (
        "make room on that disk"
        if problem == "host.disk_full"
        else "diagnose_store_dir has to be a directory that this user may write to"
    )
    return Unavailable(problem, reason, fix)
