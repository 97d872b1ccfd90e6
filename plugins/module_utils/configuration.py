# Copyright: ibgw.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What a gateway is given in files: mounts, settings directories, secrets, and the user that it logs in as.

Of a secret only that leaves the machine which makes it fail: whether it can be read, is empty, ends as no password does. Of a user name
a hash leaves it that nobody can undo who does not have the key of this run.

This module util is private to the collection; it can change at any time.
"""

from __future__ import annotations

import hashlib
import hmac
import re
import stat
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import PurePosixPath
from typing import Any

from ansible_collections.ibgw.ops.plugins.module_utils import container, files, procfs
from ansible_collections.ibgw.ops.plugins.module_utils.families.family import Family, Setting
from ansible_collections.ibgw.ops.plugins.module_utils.families.recognise import FILE_VARIABLES
from ansible_collections.ibgw.ops.plugins.module_utils.redact import quote

#: Where Docker and compose put secrets.
SECRETS = "/run/secrets"

# No secret and no configuration is longer.
_SECRET_BYTES, _CONFIGURATION_BYTES = 4096, 64 * 1024

# Digits of a hash that are told: enough to tell the users of any fleet apart.
_DIGITS = 16

# What the gateway writes in its settings directory, or it does not start (IBC JtsIniManager.java:164).
_WRITTEN = ("jts.ini",)

# java.util.Properties: the last of several counts.
_LOGIN = re.compile(rb"^[ \t]*IbLoginId[ \t]*[=:](.*)$", re.MULTILINE)

# TimeZone in the section Logon, before another section begins.
_ZONE = re.compile(rb"^\[Logon\][ \t\r]*\n(?:(?!\[).*\n)*?TimeZone=(.*)$", re.MULTILINE)


@dataclass(frozen=True)
class Surroundings:
    """Where the files of one container are looked at, and for whom.

    `root` is its own root directory, while it runs on this machine and we may; else there are the sources of its `mounts`, `here` where
    the engine's paths are this machine's. `disks` are the file systems whose room is told, by their device.
    """

    mounts: Sequence[Mapping[str, Any]]
    environment: Mapping[str, str]
    user: procfs.Credentials | None = None
    root: int | None = None
    here: bool = False
    disks: Mapping[int, Mapping[str, Any]] = field(default_factory=dict)

    def look(self, path: str, limit: int = 0) -> files.Entry:
        """What stands at a path of the container."""
        if self.root is not None:
            return files.look(self.root, path, limit)
        mount = self.mount_at(path)
        return self.behind(mount, path, limit) if mount else files.UNSEEN

    def behind(self, mount: Mapping[str, Any], path: str, limit: int = 0) -> files.Entry:
        """What stands on the machine behind a path of the container that lies in that mount."""
        if not self.here or not mount.get("Source") or mount.get("Type") not in ("bind", "volume"):
            return files.UNSEEN
        below = PurePosixPath(path).relative_to(mount["Destination"])
        return files.on_machine(mount["Source"], "/".join(below.parts), limit)

    def mount_at(self, path: str) -> Mapping[str, Any] | None:
        """The mount in which a path of the container lies: the deepest."""
        above = [one for one in self.mounts if _lies_in(path, one["Destination"])]
        return max(above, key=lambda one: len(one["Destination"]), default=None)


def mounts(where: Surroundings, family: Family | None) -> list[dict[str, Any]]:
    """Every mount, with what is behind it; those first in which, or below which, the gateway looks for settings or secrets."""
    wanted = [SECRETS, *_paths(where, family)]

    def matters(mount: Mapping[str, Any]) -> bool:
        target = mount["Destination"]
        return any(_lies_in(path, target) or _lies_in(target, path) for path in wanted)

    return [_mount(where, one) for one in sorted(where.mounts, key=matters, reverse=True)]


def _paths(where: Surroundings, family: Family | None) -> list[str]:
    """Where in the container the gateway looks for what it is given."""
    named = [where.environment[name] for name in _file_variables(where.environment)]
    of_family = (family.settings_directories, family.configurations) if family else ()
    return [*(path for ask in of_family for path in ask(where.environment)), *named]


def _file_variables(environment: Mapping[str, str]) -> list[str]:
    """The variables of an environment that name a file with a secret or a user name."""
    return sorted(name for name, path in environment.items() if name in FILE_VARIABLES and path)


def _lies_in(path: str, directory: str) -> bool:
    return PurePosixPath(path).is_relative_to(directory)


def _mount(where: Surroundings, mount: Mapping[str, Any]) -> dict[str, Any]:
    told, target = container.mount(mount), mount["Destination"]
    source = where.behind(mount, target)
    inside = where.look(target)
    writable = (inside if inside.status else source).allows(where.user, files.WRITE)
    return {
        **told,
        "source_exists": None if source.kind is None else source.kind != "missing",
        "kind": source.kind,
        "owner": source.owner,
        "writable_by_gateway": False if source.kind and told["read_only"] else writable,
        "disk": (where.disks.get(source.status.st_dev) or {}).get("path") if source.status else None,
    }


def settings(where: Surroundings, family: Family) -> list[dict[str, Any]]:
    """The directories in which the gateway keeps its settings, each with the mount in which it lies."""
    return [_settings(where, path) for path in family.settings_directories(where.environment)]


def _settings(where: Surroundings, path: str) -> dict[str, Any]:
    entry, mount = where.look(path), where.mount_at(path)
    # The start script makes it, and nothing above it (gnzsnz common.sh:20-24).
    directory = where.look(str(PurePosixPath(path).parent)) if entry.kind == "missing" else entry
    writable = False if _read_only(mount) else directory.allows(where.user, files.WRITE)
    return {
        "path": quote(path),
        "mount": quote(mount["Destination"]) if mount else None,
        "kind": entry.kind,
        "owner": entry.owner,
        "writable_by_gateway": False if directory.kind not in ("directory", None) else writable,
        "blocked_by": [name for name in _WRITTEN if _blocks(where, where.look(f"{path}/{name}"))],
        "time_zone": _time_zone(where.look(f"{path}/jts.ini", _CONFIGURATION_BYTES)),
    }


def _time_zone(entry: files.Entry) -> str | None:
    """The zone that the gateway's own settings keep (gnzsnz jts.ini.tmpl)."""
    zones: list[bytes] = _ZONE.findall(entry.content or b"")
    return quote(zones[0].strip().decode("utf-8", errors="replace"), limit=60) if zones else None


def _blocks(where: Surroundings, entry: files.Entry) -> bool:
    """Whether it stands where the gateway has to write a file, and can not."""
    return entry.status is not None and (entry.kind != "file" or entry.allows(where.user, files.WRITE) is False)


def _read_only(mount: Mapping[str, Any] | None) -> bool:
    return mount is not None and not mount.get("RW", True)


def controllers_own(where: Surroundings, family: Family) -> list[dict[str, Any]]:
    """The files with the controller's whole configuration, each with the mount in which it lies."""
    told = []
    for path in family.configurations(where.environment):
        entry, mount = where.look(path), where.mount_at(path)
        told.append(
            {
                "path": quote(path),
                "mount": quote(mount["Destination"]) if mount else None,
                "kind": entry.kind,
                "owner": entry.owner,
                "readable_by_gateway": entry.allows(where.user, files.READ) if entry.kind == "file" else None,
            }
        )
    return told


def secrets(where: Surroundings) -> list[dict[str, Any]]:
    """The files that hold secrets: those that a variable names, then what else is mounted as one."""
    named = {name: where.environment[name] for name in _file_variables(where.environment)}
    mounted = sorted(one["Destination"] for one in where.mounts if _lies_in(one["Destination"], SECRETS))
    others = [path for path in mounted if path != SECRETS and path not in named.values()]
    return [_secret(where, name, path) for name, path in [*named.items(), *((None, path) for path in others)]]


def _secret(where: Surroundings, variable: str | None, path: str) -> dict[str, Any]:
    entry, mount = where.look(path, _SECRET_BYTES), where.mount_at(path)
    # A shell that reads it takes the ends of lines off its end and leaves all else (gnzsnz common.sh:45-61).
    value = None if entry.content is None else entry.content.rstrip(b"\n")
    return {
        "variable": variable,
        "path": quote(path),
        "source": (quote(mount.get("Source") or "") or None) if mount else None,
        "kind": entry.kind,
        "owner": entry.owner,
        "readable_by_gateway": entry.allows(where.user, files.READ) if entry.kind == "file" else None,
        "world_readable": bool(entry.status.st_mode & stat.S_IROTH) if entry.status else None,
        "empty": None if value is None else not value.strip(),
        "carriage_return": None if value is None else b"\r" in value,
        "trailing_blank": None if value is None else value.endswith((b" ", b"\t")),
    }


def users(where: Surroundings, family: Family, key: str) -> dict[str, str | None]:
    """A hash of the user that logs in, by endpoint; where the mode is not known it is any endpoint's."""
    asked = family.trading_mode(where.environment)
    endpoints = ("live", "paper")
    names = {one: _user(where, family, one, asked) if asked in (one, "both", None) else None for one in endpoints}
    return {endpoint: _hash(name, key) if name else None for endpoint, name in names.items()}


def _hash(name: bytes, key: str) -> str:
    """IBKR does not mind how a user name is written."""
    told = name.decode("utf-8", errors="replace").strip().lower()
    return hmac.new(_bytes(key), told.encode(), hashlib.sha256).hexdigest()[:_DIGITS]


def _user(where: Surroundings, family: Family, endpoint: str, asked: str | None) -> bytes | None:
    """The user of an endpoint: as the controller's configuration has it, else as the environment has it."""
    of_modes = family.configurations(where.environment)
    own = of_modes[-1:] if endpoint == "paper" else of_modes[:1]
    configured = (_configured_user(where, path) for path in own)
    given = (_given(where, family.words[word]) for word in _user_words(family, endpoint, asked))
    return next(filter(None, (*configured, *given)), None)


def _configured_user(where: Surroundings, path: str) -> bytes | None:
    logins: list[bytes] = _LOGIN.findall(where.look(path, _CONFIGURATION_BYTES).content or b"")
    return logins[-1].strip() if logins else None


def _user_words(family: Family, endpoint: str, asked: str | None) -> tuple[str, ...]:
    """In which words of the inventory the user of an endpoint is, the first that is given."""
    if endpoint == "paper" and asked == "both":
        return ("paper_user",)
    return ("paper_user", "user") if asked == "paper" and family.paper_user_alone else ("user",)


def _given(where: Surroundings, setting: object) -> bytes | None:
    """The value of a setting, from its variable or from the file that is named instead."""
    if not isinstance(setting, Setting):
        return None
    value = next((where.environment[name] for name in setting.variables if where.environment.get(name)), "")
    path = where.environment.get(setting.file or "")
    if path and not value:
        return (where.look(path, _SECRET_BYTES).content or b"").strip()
    return _bytes(value)


def _bytes(text: str) -> bytes:
    return text.encode("utf-8", errors="replace")
