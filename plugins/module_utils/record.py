# Copyright: ibgw.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What the roles keep on a machine about a gateway: who works on it, which logins were spent, a hold, a pause, its health.

Each part is a small JSON file in the gateway's directory, replaced as a whole. Whoever changes one holds a lock on the directory
meanwhile, so that of two controllers only one wins. Times are by the machine's clock, which all controllers share. What can not be
understood is never replaced: it is told as corrupt, and whoever asks has to take it for the worst.

This module util is private to the collection; it can change at any time.
"""

from __future__ import annotations

import errno
import fcntl
import json
import os
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from ansible_collections.ibgw.ops.plugins.module_utils.engine import CONTAINER_NAME, check_names
from ansible_collections.ibgw.ops.plugins.module_utils.events import Deed
from ansible_collections.ibgw.ops.plugins.module_utils.probe import AVAILABLE, Misuse, Unavailable, user
from ansible_collections.ibgw.ops.plugins.module_utils.redact import quote
from ansible_collections.ibgw.ops.plugins.module_utils.timestamps import epoch, iso

#: Where the roles record on the machine what they did to a gateway.
RECORDS = Path("/var/lib/ibgw")

#: The result's own keys when nothing could be read.
NOTHING: Mapping[str, Any] = {"now": None, "ahead": None, "done": None, "said": None, "gateways": []}

#: The longest lock, in seconds: whoever took it may be gone for good.
LONGEST_LOCK = 24 * 3600

# No part grows beyond this; a longer one is not ours.
_PART_BYTES = 64 * 1024

# How long and how many logins are remembered: far more than any budget looks at.
_LOGINS_SECONDS, _LOGINS = 7 * 86400, 40

# Of what was known before each act the newest so many files stay.
_EVIDENCE = 50

# The longest text in a record, in characters.
_TEXT = 200


class _NotUnderstood(ValueError):
    """A record that is not of its form."""


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise _NotUnderstood(f"{quote(repr(value))} is no text")
    return quote(value, limit=_TEXT)


def _moment(value: Any) -> str:
    if epoch(value) is None:
        raise _NotUnderstood(f"{quote(repr(value))} is no time")
    return str(value)


def _switch(value: Any) -> bool:
    if not isinstance(value, bool):
        raise _NotUnderstood(f"{quote(repr(value))} is neither true nor false")
    return value


def _perhaps(form: Callable[[Any], Any], value: Any) -> Any:
    return None if value is None else form(value)


def _entry(fields: Mapping[str, Callable[[Any], Any]], value: Any) -> dict[str, Any]:
    """The fields of one entry; what is not among them was written by somebody else and is left out."""
    if not isinstance(value, dict):
        raise _NotUnderstood("it holds no record")
    return {name: form(value.get(name)) for name, form in fields.items()}


def _entries(fields: Mapping[str, Callable[[Any], Any]], value: Any) -> list[dict[str, Any]]:
    if not isinstance(value, list):
        raise _NotUnderstood("it holds no list")
    return [_entry(fields, one) for one in value]


# A hold is obeyed whatever it tells, so that a person can write one with an editor.
_HOLD = {name: partial(_perhaps, _text) for name in ("code", "reason", "by", "at", "restart_policy")}

#: Each part of a record, as its file has it.
PARTS: Mapping[str, Callable[[Any], Any]] = {
    "lock": partial(_entry, {"owner": _text, "since": _moment, "until": _moment}),
    "logins": partial(_entries, {"at": _moment, "remedy": _text, "cause": _text}),
    "hold": partial(_entry, _HOLD),
    "pause": partial(_entry, {"until": _moment, "by": _text}),
    "policy": partial(_entry, {"restart_policy": _text, "since": _moment}),
    "healthy": partial(
        _entry, {"since": _moment, "last": _moment, "now": _switch, "rearmed": partial(_perhaps, _moment)}
    ),
}


@dataclass
class Outcome:
    """What became of a change: whether what was asked for is so now, what a person should know, and the parts to write.

    A part that is None is removed.
    """

    done: bool
    said: str | None
    parts: dict[str, Any]


Change = Callable[[Mapping[str, Any], float], Outcome]


def probe(
    names: Sequence[str] | None,
    check_mode: bool,
    rearm_after: int | None = None,
    controller_now: str | None = None,
    **changes: Any,
) -> dict[str, Any]:
    """The records of `names`, by default of all gateways that have one, after the one change that was asked for."""
    asked = {
        kind: value for kind, value in changes.items() if value is not None and (kind, value) != ("release", False)
    }
    check_names(names or ())
    if len(asked) > 1:
        raise Misuse(f"{' and '.join(sorted(asked))} were asked for at once; allowed is one change in a call")
    if "healthy" in asked:
        _check_seen(names or (), asked["healthy"])
    elif asked and len(names or ()) != 1:
        raise Misuse(f"{next(iter(asked))} is for one gateway at a time; names has {len(names or ())}")
    now, asked_at = time.time(), epoch(controller_now)
    ahead = None if asked_at is None else round(now - asked_at, 1)
    result: dict[str, Any] = {**AVAILABLE, **NOTHING, "now": iso(now), "ahead": ahead, "changed": False}
    if asked and names:
        ((kind, value),) = asked.items()
        made = {name: _careful(kind, _change(name, kind, value, now, rearm_after)) for name in names}
        outcomes = _apply_each(made, now, check_mode)
        said = "; ".join(one.said for one in outcomes if one.said)
        changed = any(one.parts for one in outcomes)
        result.update(done=all(one.done for one in outcomes), said=said or None, changed=changed)
    result["gateways"] = [{"name": name, **read(name)} for name in (names or _recorded())]
    return result


def read(name: str) -> dict[str, Any]:
    """Each part of a gateway's record, None where there is none; `corrupt` tells what could not be understood, and why."""
    found: dict[str, Any] = dict.fromkeys(PARTS)
    corrupt: dict[str, str] = {}
    for part, form in PARTS.items():
        path = RECORDS / name / f"{part}.json"
        try:
            found[part] = form(load(path, _PART_BYTES))
        except FileNotFoundError:
            continue
        except (OSError, ValueError, RecursionError) as error:
            corrupt[part] = quote(f"{path} can not be used: {error}", limit=_TEXT)
    return {**found, "corrupt": corrupt}


# How long after it was recorded what a run does to the container may begin: it closes the gateway's session first.
_ACT_SECONDS = 900


def deeds(recorded: Mapping[str, Any]) -> list[Deed]:
    """What our own runs did to the container, by the logins that they counted and the hold that they left; each is recorded before it is done."""
    found = []
    for login in recorded["logins"] or ():
        since, remedy = epoch(login["at"]) or 0.0, login["remedy"]
        only_starts = remedy == "start"
        does = frozenset(("start",) if only_starts else ("create", "start", "stop", "restart", "kill"))
        who = f"ibgw.ops, {remedy}" + (f" for {login['cause']}" if login["cause"] not in (remedy, "none") else "")
        found.append(Deed(who, since, since + _ACT_SECONDS, does, ends=not only_starts))
    hold = recorded["hold"]
    if hold and hold["by"] == "ibgw.ops.recover" and epoch(hold["at"]):  # a hold by hand stops nothing
        since = epoch(hold["at"]) or 0.0
        who = f"ibgw.ops.recover, to protect the account ({hold['code']})"
        found.append(Deed(who, since, since + _ACT_SECONDS, frozenset(("stop", "kill")), ends=True))
    return found


def load(path: Path, most: int) -> Any:
    """What is in a file of `most` bytes; raises `OSError`, `RecursionError`, or `ValueError` where that is not understood."""
    with path.open("rb") as file:
        text = file.read(most + 1)
    if len(text) > most:
        raise _NotUnderstood(f"it is longer than {most} bytes")
    return json.loads(text.decode("utf-8"))


def _recorded() -> list[str]:
    try:
        return sorted(one.name for one in RECORDS.iterdir() if CONTAINER_NAME.fullmatch(one.name) and one.is_dir())
    except FileNotFoundError:
        return []
    except OSError as error:
        raise _unwritable(RECORDS, error) from None


def _check_seen(names: Sequence[str], healthy: Sequence[str]) -> None:
    if not names:
        raise Misuse("healthy is for the gateways that were looked at; names has none")
    strange = [name for name in healthy if name not in names]
    if strange:
        raise Misuse(f"healthy is for the gateways in names; {quote(strange[0])!r} is not among them")


def _apply_each(changes: Mapping[str, Change], now: float, check_mode: bool) -> list[Outcome]:
    """Make the change of each gateway, whatever becomes of the others; raises what kept the first from being made."""
    outcomes: list[Outcome] = []
    refused: list[Unavailable] = []
    for name, change in changes.items():
        try:
            outcomes.append(_apply(name, change, now, check_mode))
        except Unavailable as unavailable:
            refused.append(unavailable)
    if refused:
        raise refused[0]
    return outcomes


def _apply(name: str, change: Change, now: float, check_mode: bool) -> Outcome:
    """Make a change, alone; in check mode, and where it changes nothing, only find out what it would be."""
    directory = RECORDS / name
    try:
        outcome = change(read(name), now)
        if check_mode or (outcome.done and not outcome.parts):
            return outcome
        with _alone(directory):
            outcome = change(read(name), now)
            for part, value in outcome.parts.items():
                _write(directory, part, value)
            for old in sorted((directory / "evidence").glob("*.json"))[:-_EVIDENCE]:
                old.unlink(missing_ok=True)
            return outcome
    except OSError as error:
        raise _unwritable(directory, error) from None


@contextmanager
def _alone(directory: Path) -> Iterator[None]:
    """Nobody else changes the records in `directory` meanwhile; the lock goes with the process, however that ends."""
    for path in (directory.parent, directory):
        path.mkdir(mode=0o755, exist_ok=True)
    held = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
    try:
        fcntl.flock(held, fcntl.LOCK_EX)
        yield
        os.fsync(held)
    finally:
        os.close(held)


def _write(directory: Path, part: str, value: Any) -> None:
    """Replace a part as a whole, or remove it: whoever reads sees the old or the new one, after a power cut too."""
    path = directory / f"{part}.json"
    if value is None:
        path.unlink(missing_ok=True)
        return
    new = directory / f".{part}.new"
    with new.open("w", encoding="utf-8") as file:
        json.dump(value, file, indent=2)
        file.write("\n")
        file.flush()
        os.fsync(file.fileno())
    new.chmod(0o644)
    new.rename(path)


def _unwritable(path: Path, error: OSError) -> Unavailable:
    problem = "host.disk_full" if error.errno in (errno.ENOSPC, errno.EDQUOT) else "probe.incomplete"
    reason = f"the record in {path} could not be kept by {user()}: {error.strerror or error}"
    fix = "make room on that disk" if problem == "host.disk_full" else "let the role run as root (become)"
    return Unavailable(problem, reason, fix)


# The changes: each decides from what is recorded, and writes nothing itself.

#: Which part of the record a change is about.
_ABOUT = {"unlock": "lock", "login": "logins", "release": "hold"}


def _change(name: str, kind: str, value: Any, now: float, rearm_after: Any) -> Change:
    """The function that makes a change; raises `Misuse` for values that make no sense."""
    if kind == "lock" and not 0 < value["seconds"] <= LONGEST_LOCK:
        raise Misuse(f"a lock for {value['seconds']} seconds makes no sense; allowed are 1 to {LONGEST_LOCK}")
    if kind in ("lock", "unlock") and not quote(value if kind == "unlock" else value["owner"]):
        raise Misuse("the lock's owner is empty; it has to tell one run from another")
    if kind == "pause" and value["until"] and (epoch(value["until"]) or 0) <= now:
        allowed = "a time to come, such as 2026-01-31T12:00:00Z, or nothing to end the pause"
        raise Misuse(f"a pause until {quote(value['until'])!r} makes no sense; allowed is {allowed}")
    changes: dict[str, Change] = {
        "lock": partial(_lock, name, value),
        "unlock": partial(_unlock, value),
        "login": partial(_login, value),
        "hold": partial(_hold, value),
        "release": _release,
        "pause": partial(_pause, value),
        "policy": partial(_policy, value),
        "healthy": partial(_healthy, kind == "healthy" and name in value, rearm_after),
    }
    return changes[kind]


def _careful(kind: str, change: Change) -> Change:
    """`change`, but not while what it is about can not be understood; only a person's release clears that, too."""
    part = _ABOUT.get(kind, kind)

    def careful(record: Mapping[str, Any], now: float) -> Outcome:
        if part in record["corrupt"] and kind != "release":
            return Outcome(False, f"{record['corrupt'][part]}; look at it, and remove it by hand", {})
        return change(record, now)

    return careful


def _lock(name: str, asked: Mapping[str, Any], record: Mapping[str, Any], now: float) -> Outcome:
    owner, held = quote(asked["owner"], limit=_TEXT), record["lock"]
    lock = {"owner": owner, "since": iso(now), "until": iso(now + asked["seconds"])}
    if held is None:
        return Outcome(True, None, {"lock": lock})
    if held["owner"] == owner:
        return Outcome(True, None, {"lock": {**lock, "since": held["since"]}})
    if (epoch(held["until"]) or 0) > now:
        works = f"{held['owner']} works on it since {held['since']}, until {held['until']} at most"
        return Outcome(
            False, f"{works}; if that run was killed, its lock can go: rm {RECORDS / name / 'lock.json'}", {}
        )
    return Outcome(True, f"taken over from {held['owner']}, whose lock ran out at {held['until']}", {"lock": lock})


def _unlock(owner: str, record: Mapping[str, Any], _now: float) -> Outcome:
    held = record["lock"]
    if held is None:
        return Outcome(True, None, {})
    if held["owner"] != quote(owner, limit=_TEXT):
        return Outcome(False, f"the lock is that of {held['owner']}, until {held['until']}", {})
    return Outcome(True, None, {"lock": None})


def _login(asked: Mapping[str, Any], record: Mapping[str, Any], now: float) -> Outcome:
    spent = {"at": iso(now), **{name: quote(asked[name], limit=_TEXT) for name in ("remedy", "cause")}}
    kept = [one for one in record["logins"] or () if (epoch(one["at"]) or now) > now - _LOGINS_SECONDS]
    return Outcome(True, None, {"logins": [*kept, spent][-_LOGINS:]})


def _hold(asked: Mapping[str, Any], record: Mapping[str, Any], now: float) -> Outcome:
    if record["hold"] is not None:  # what is known of it then is what a person has to know
        return Outcome(True, f"it is held already, since {record['hold']['at']}", {})
    told = {name: quote(text, limit=_TEXT) if text else None for name, text in asked.items()}
    return Outcome(True, None, {"hold": {**told, "at": iso(now)}})


def _release(record: Mapping[str, Any], _now: float) -> Outcome:
    held = record["hold"] is not None or "hold" in record["corrupt"]
    return Outcome(True, None if held else "there was no hold", {"hold": None} if held else {})


def _pause(asked: Mapping[str, Any], record: Mapping[str, Any], _now: float) -> Outcome:
    until = epoch(asked["until"])
    if until is None:
        return Outcome(True, None, {} if record["pause"] is None else {"pause": None})
    pause = {"until": iso(until), "by": quote(asked["by"] or "", limit=_TEXT)}
    return Outcome(True, None, {} if record["pause"] == pause else {"pause": pause})


def _policy(restart_policy: str, record: Mapping[str, Any], now: float) -> Outcome:
    kept = record["policy"]
    if not restart_policy:
        return Outcome(True, None, {} if kept is None else {"policy": None})
    if kept is not None:  # a run that was cut off turned it off meanwhile: what it was before counts
        return Outcome(True, f"it is {kept['restart_policy']} since {kept['since']}", {})
    return Outcome(True, None, {"policy": {"restart_policy": quote(restart_policy, limit=_TEXT), "since": iso(now)}})


def _healthy(healthy: bool, rearm_after: float, record: Mapping[str, Any], now: float) -> Outcome:
    """The newest period of health, and the beginning of the newest that lasted long enough to forgive what was before it."""
    seen = record["healthy"]
    if not healthy:
        return Outcome(True, None, {"healthy": {**seen, "now": False}} if seen and seen["now"] else {})
    rearmed, since = (seen["rearmed"], seen["since"]) if seen else (None, iso(now))
    if seen and not seen["now"]:
        since = iso(now)
    if now - (epoch(since) or now) >= rearm_after:
        rearmed = since
    return Outcome(True, None, {"healthy": {"since": since, "last": iso(now), "now": True, "rearmed": rearmed}})
