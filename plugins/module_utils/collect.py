# Copyright: ibgw.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What a person wants to see of each gateway, beside what the probes tell: written to a file, redacted before it leaves the machine.

A log is many times what a result may hold: everything goes into one archive in a directory of the caller's, who fetches it.

This module util is private to the collection; it can change at any time.
"""

from __future__ import annotations

import hashlib
import io
import json
import os
import platform
import re
import stat
import tarfile
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from ansible_collections.ibgw.ops.plugins.module_utils import container, engine, events
from ansible_collections.ibgw.ops.plugins.module_utils.families.family import traits
from ansible_collections.ibgw.ops.plugins.module_utils.families.recognise import FAMILIES
from ansible_collections.ibgw.ops.plugins.module_utils.log.lines import LONGEST_LINE, lines
from ansible_collections.ibgw.ops.plugins.module_utils.log.reader import Reader
from ansible_collections.ibgw.ops.plugins.module_utils.log.tail import tails, unreadable
from ansible_collections.ibgw.ops.plugins.module_utils.probe import AVAILABLE, Misuse, Unavailable
from ansible_collections.ibgw.ops.plugins.module_utils.redact import (
    PLAIN_WORDS,
    SET,
    is_secret,
    mask,
    quote,
    secrets_in,
    spellings,
    without_control,
)
from ansible_collections.ibgw.ops.plugins.module_utils.targets import Target, gateway_containers

if TYPE_CHECKING:
    import docker

#: The result's own keys when nothing could be looked at.
NOTHING: Mapping[str, Any] = {"archive": None, "size": 0, "versions": None, "gateways": []}

#: The file in the caller's directory.
ARCHIVE = "collected.tar.gz"

#: The longest log that is kept of one gateway, in bytes.
LOG_BYTES = 64 << 20

#: Lines of a log that are asked for first.
_FIRST_TAIL = 20_000

#: How far back events are asked for, in seconds; the engine itself keeps a few hundred.
_EVENTS_SECONDS = 7 * 86400

# Longest file that is read in a container: of settings, and of one secret.
_SETTINGS_BYTES, _SECRET_BYTES = 256 << 10, 4 << 10

# What stands where a line goes on: it was cut in front of a word, for half a secret is not recognised.
_CUT = " …"

# In what the engine tells of a container: lists that are command lines, and mappings that may hold anything.
_COMMANDS = ("Args", "Cmd", "Entrypoint", "Test", "Shell")
_ANYTHING = ("Annotations", "DriverOpts", "Options", "StorageOpt", "Labels")

# An option that takes a secret as the next word, beside those that say so by `is_secret`; and the program that takes two.
_SECRET_OPTION = re.compile(r"--?(?:pw|passwd|password|user|fix-pw|fix-user|token)", re.IGNORECASE)
_OPTION = re.compile(r"--?[\w-]+")
_CONTROLLER = re.compile(r"ibcalpha\.ibc\.\w+")


@dataclass
class Part:
    """One file about a gateway: its text, and what was taken out of it."""

    name: str
    text: bytes
    masked: Counter[str] = field(default_factory=Counter)
    #: Whether all of it is here; a log may have begun earlier.
    whole: bool = True


def probe(
    names: Sequence[str] | None, directory: str, log_bytes: int, docker_host: str | None, timeout: float
) -> dict[str, Any]:
    """Write log, inspect, events and settings of the gateways called `names` (default: all) to an archive in `directory`."""
    if not 0 < log_bytes <= LOG_BYTES:
        raise Misuse(f"log_bytes is {log_bytes}; allowed are 1 to {LOG_BYTES}")
    engine.check_names(names or ())
    owner = _private(directory)
    path = os.path.join(directory, ARCHIVE)
    with closing(engine.connect(docker_host, timeout)) as client:
        targets = gateway_containers(client, names or (), find=not names)
    try:
        with _new_file(path, owner) as file, tarfile.open(fileobj=file, mode="w:gz") as archive:
            gateways = [
                _gateway(target, f"{number}", archive, docker_host, timeout, log_bytes)
                for number, target in enumerate(targets)
            ]
        size = os.path.getsize(path)
    except OSError as error:
        fix = "make room on the machine, or keep less of each log (bundle_log_bytes)"
        raise Unavailable("probe.incomplete", f"{path} could not be written: {error.strerror or error}", fix) from error
    return {**AVAILABLE, "archive": path, "size": size, "versions": _versions(), "gateways": gateways}


def _private(directory: str) -> os.stat_result:
    """The state of a directory that nobody but its owner can look into."""
    try:
        found = os.lstat(directory)
    except OSError as error:
        raise Misuse(f"directory {directory} can not be used: {error.strerror}") from error
    if not stat.S_ISDIR(found.st_mode) or found.st_mode & 0o077:
        raise Misuse(f"directory {directory} must be a directory that only its owner may use (mode 0700)")
    return found


def _new_file(path: str, owner: os.stat_result) -> Any:
    """A file that belongs to whom its directory belongs: that is who fetches it, without more rights than needed."""
    file = os.fdopen(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY | os.O_NOFOLLOW, 0o600), "wb")
    if os.geteuid() != owner.st_uid:
        os.fchown(file.fileno(), owner.st_uid, owner.st_gid)
    return file


def _versions() -> dict[str, str | None]:
    import docker

    return {"python": platform.python_version(), "docker_sdk": docker.__version__, "kernel": quote(platform.release())}


class Look:
    """One look at one container: what is asked of the engine, and which values must not be told."""

    def __init__(self, client: docker.DockerClient, target: Target, log_bytes: int, ends: float) -> None:
        self.client = client
        self.target = target
        self.log_bytes = log_bytes
        self.ends = ends
        self.family = target.family
        self.known: frozenset[str] = frozenset()

    @property
    def inspected(self) -> Mapping[str, Any]:
        """What the engine says of the container."""
        return self.target.inspected or {}

    @property
    def environment(self) -> Mapping[str, str]:
        """The container's variables."""
        return traits(self.inspected.get("Config") or {}).environment


def _gateway(
    target: Target,
    place: str,
    archive: tarfile.TarFile,
    docker_host: str | None,
    timeout: float,
    log_bytes: int,
) -> dict[str, Any]:
    """Add the files about one gateway to `archive` in the directory `place`; tells what they are and what is missing."""
    try:
        target.found()
        # A client for each: redacting the logs of the others must not count against its time.
        with closing(engine.connect(docker_host, timeout)) as client:
            return _collect(Look(client, target, log_bytes, time.monotonic() + timeout), place, archive)
    except Unavailable as unavailable:
        return {"name": target.name, "files": [], "missing": [{"what": "all", "reason": unavailable.reason}]}


def _collect(look: Look, place: str, archive: tarfile.TarFile) -> dict[str, Any]:
    files: list[dict[str, Any]] = []
    missing: list[dict[str, str]] = []
    try:
        look.known = known_values(look)
    except Exception as error:  # nothing is told where it is not known what must not be
        raise engine.unavailable(error, engine.address_of(look.client)) from error
    kinds: tuple[tuple[str, Callable[[Look], Iterable[Part]]], ...] = (
        ("inspect", _inspect),
        ("events", _events),
        ("configuration", _configuration),
        ("log", _log),
    )
    for kind, told in kinds:
        try:
            parts = list(told(look))
        except Exception as error:  # what one question ends with must not cost the answers to the others
            reason = engine.unavailable(error, engine.address_of(look.client)).reason
            missing.append({"what": kind, "reason": reason})
            continue
        files += [_added(archive, f"{place}/{part.name}", kind, part) for part in parts]
    return {"name": look.target.name, "files": files, "missing": missing}


def _added(archive: tarfile.TarFile, path: str, kind: str, part: Part) -> dict[str, Any]:
    """What was added to the archive."""
    entry = tarfile.TarInfo(path)
    entry.size, entry.mode, entry.mtime = len(part.text), 0o600, int(time.time())
    archive.addfile(entry, io.BytesIO(part.text))
    return {
        "kind": kind,
        "path": path,
        "size": len(part.text),
        "sha256": hashlib.sha256(part.text).hexdigest(),
        "masked": {rule: count for rule, count in part.masked.items() if count},
        "whole": part.whole,
    }


# What must not be told


def known_values(look: Look) -> frozenset[str]:
    """The secrets and user names that this machine knows of a container, as they may be spelt in any text about it."""
    config = look.inspected.get("Config") or {}
    values = set(container.secrets(look.inspected, look.family))
    for name, value in (config.get("Labels") or {}).items():
        values |= {value} if is_secret(name) else secrets_in(value)
    check = (config.get("Healthcheck") or {}).get("Test")
    for words in (
        config.get("Entrypoint") or (),
        config.get("Cmd") or (),
        look.inspected.get("Args") or (),
        check or (),
    ):
        values |= {word for word, hidden in zip(words, hidden_words(words)) if hidden}
        values |= {value for word in words for value in secrets_in(word)}
    for path in _secret_files(look):
        values |= {line.strip() for line in (_read(look, path, _SECRET_BYTES) or "").splitlines()}
    for path in _settings_files(look):
        for line in (_read(look, path, _SETTINGS_BYTES) or "").splitlines():
            values |= secrets_in(line)
    return spellings(values)


def hidden_words(words: Sequence[str]) -> list[bool]:
    """Which words of a command line are secrets by their place."""
    hidden = []
    for at, word in enumerate(words):
        option = words[at - 1] if at else ""
        by_option = _SECRET_OPTION.fullmatch(option) or (_OPTION.fullmatch(option) and is_secret(option))
        # After its settings file the controller takes user and password, one after the other (IBC IbcTws.java:458).
        by_place = any(_CONTROLLER.fullmatch(each) for each in words[: max(at - 1, 0)])
        hidden.append(bool(by_option) or (by_place and word not in PLAIN_WORDS))
    return hidden


def _secret_files(look: Look) -> list[str]:
    """Files in the container that hold one secret each, as its variables name them."""
    return [
        path
        for name, path in look.environment.items()
        if name.endswith("_FILE") and path.startswith("/") and (is_secret(name) or "PASS" in name)
    ]


def _settings_files(look: Look) -> list[str]:
    """The controller's settings in the container: one file, or with two gateways one for each; of whatever family it seems to be."""
    variables = dict.fromkeys(family.configuration for family in FAMILIES if family.configuration)  # some share one
    paths = (look.environment.get(variable, "") for variable in variables)
    return [path + mode for path in paths if path.startswith("/") for mode in ("", "_live", "_paper")]


def _read(look: Look, path: str, limit: int) -> str | None:
    """A file in the container, from its beginning; None where the engine can not get at one."""
    content = engine.file_in(look.client, look.inspected["Id"], path, limit)
    return None if content is None else content.decode("utf-8", errors="replace")


# The files


def _inspect(look: Look) -> Iterator[Part]:
    masked: Counter[str] = Counter()
    told = _told(dict(look.inspected), look.known, masked)
    # As the probes tell them: by name where the name is known to be harmless, of all others only whether there is a value.
    told["Config"] = {
        **told.get("Config", {}),
        "Env": container.environment(look.inspected, look.family),
        "Labels": container.labels((look.inspected.get("Config") or {}).get("Labels") or {}, look.known),
    }
    masked["not_told"] += sum(list(told["Config"][kind].values()).count(SET) for kind in ("Env", "Labels"))
    yield Part("inspect.json", _json(told), masked)


def _told(value: Any, known: Iterable[str], masked: Counter[str], key: str = "") -> Any:
    """What the engine says, however deep, without secrets."""
    if isinstance(value, Mapping):
        return {
            redacted_line(str(name), known, masked): _not_told(one, masked)
            if key in _ANYTHING or (isinstance(one, str) and is_secret(str(name)))
            else _told(one, known, masked, str(name))
            for name, one in value.items()
            if (key, name) not in (("Config", "Env"), ("Config", "Labels"))
        }
    if isinstance(value, list):
        words = [one if isinstance(one, str) else "" for one in value]
        hidden = hidden_words(words) if key in _COMMANDS else [False] * len(value)
        masked["option"] += sum(hidden)
        return ["***" if secret else _told(one, known, masked) for one, secret in zip(value, hidden)]
    return redacted_line(value, known, masked) if isinstance(value, str) else value


def _not_told(value: Any, masked: Counter[str]) -> Any:
    masked["not_told"] += bool(value)
    return SET if value else value


def _events(look: Look) -> Iterator[Part]:
    until = time.time()
    podman = engine.is_podman(look.client.info())
    seen = engine.events(look.client, until - _EVENTS_SECONDS, until, events.ACTIONS, podman)
    yield Part("events.json", _json(events.events(seen, look.inspected["Id"], events.Known(stops_are_told=not podman))))


def _configuration(look: Look) -> Iterator[Part]:
    for path in _settings_files(look):
        text = _read(look, path, _SETTINGS_BYTES)
        if text is not None:
            redacted, masked = redacted_text(text.encode(), look.known)
            yield Part(os.path.basename(path), redacted, masked)


def _log(look: Look) -> Iterator[Part]:
    try:
        text, whole = _tail(look)
    except Exception as error:
        raise unreadable(look.client, look.target, error) from error
    redacted, masked = redacted_text(text, look.known | spellings(_given_away(text)))
    yield Part("log", redacted, masked, whole)


def _tail(look: Look) -> tuple[bytes, bool]:
    """The end of the log, and whether that is all of it."""
    for tail in tails(look.client, look.inspected["Id"], _FIRST_TAIL, look.log_bytes, look.ends):
        text = b"".join(tail)
    return text, tail.whole


def _given_away(log: bytes) -> set[str]:
    """What its controller printed of user names and the like, which may stand anywhere else in the log."""
    reader = Reader()
    for line in lines([log]):
        list(reader.read(line))
    list(reader.finish())
    return reader.grammar.secrets


def redacted_text(text: bytes, known: Iterable[str]) -> tuple[bytes, Counter[str]]:
    """`text` without secrets, line by line, and what was taken out by which rule."""
    masked: Counter[str] = Counter()
    values = frozenset(known)
    kept = [redacted_line(line, values, masked) for line in text.split(b"\n")]
    return "\n".join(kept).encode(), masked


def redacted_line(line: str | bytes, known: Iterable[str], masked: Counter[str]) -> str:
    """One line without secrets and terminal control, cut where it is longer than any controller's."""
    text = without_control(line[: LONGEST_LINE + 1])
    if len(line) > LONGEST_LINE:
        text = text[: max(text.rfind(" "), 0)]
        return mask(text, known, masked) + _CUT
    return mask(text, known, masked)


def _json(value: Any) -> bytes:
    return (json.dumps(value, indent=2, ensure_ascii=False) + "\n").encode()
