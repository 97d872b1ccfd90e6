# Copyright: ibgw.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Units of systemd, quadlets of Podman and lines of cron that start or stop a container; their files are read, nothing is asked.

This module util is private to the collection; it can change at any time.
"""

from __future__ import annotations

import os
import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path

from ansible_collections.ibgw.ops.plugins.module_utils.supervision.supervisor import (
    CREATE,
    KILL,
    START,
    STOP,
    Managed,
    Supervisor,
    does,
)

#: Where systemd looks for units, the first that has one of a name before the others (systemd.unit(5)); users have units too.
UNITS = (
    "/etc/systemd/system",
    "/run/systemd/system",
    "/run/systemd/generator",
    "/usr/local/lib/systemd/system",
    "/usr/lib/systemd/system",
    "/lib/systemd/system",
    "/etc/systemd/user",
    "/root/.config/systemd/user",
    "/home/*/.config/systemd/user",
)

#: Where Podman's generator looks for quadlets (podman-systemd.unit(5)).
QUADLETS = (
    "/etc/containers/systemd",
    "/run/containers/systemd",
    "/usr/share/containers/systemd",
    "/root/.config/containers/systemd",
    "/home/*/.config/containers/systemd",
)

#: Where cron keeps its tables (cron(8) of Debian and of Red Hat).
CRONTABS = ("/etc/crontab", "/etc/cron.d/*", "/var/spool/cron/crontabs/*", "/var/spool/cron/*")

#: Where systemd has a link for each unit that runs, made as it starts (core/unit.c, unit_export_invocation_id).
INVOCATIONS = "/run/systemd/units"

# No machine has more files of these kinds that matter, and none of them is longer.
_FILES, _BYTES = 2000, 64 * 1024

_TELLING = re.compile(rb"docker|podman|nerdctl")
_CONTINUED = re.compile(r"\\\n\s*")
_EXEC = re.compile(r"Exec(?:Start|Stop|Reload)(?:Pre|Post)?")
_SPECIFIER = re.compile(r"%([iInNpPuh%])")
_ENVIRONMENT = re.compile(r"\"?([A-Z_]+)=([^\"\s]*)")

#: The times of a line of cron, then in a table of the system the user, then the command.
_CRON_LINE = re.compile(r"\s*(@\w+|(?:[\d*/,A-Za-z-]+\s+){5})(.*)")


@dataclass
class Unit:
    """What a unit's files say that matters here."""

    name: str
    path: Path
    settings: dict[str, list[str]] = field(default_factory=dict)

    def last(self, key: str) -> str:
        """The value that counts where a key may stand once."""
        return next(reversed(self.settings.get(key, [])), "")

    @property
    def terms(self) -> str:
        """On which terms it starts again."""
        again = self.last("Restart")
        return f"Restart={again}" if again not in ("", "no") else ""


def supervisors(
    managed: Sequence[Managed],
    units: Sequence[str] = UNITS,
    quadlets: Sequence[str] = QUADLETS,
    crontabs: Sequence[str] = CRONTABS,
    invocations: str = INVOCATIONS,
) -> dict[str, list[Supervisor]]:
    """By the id of each container the units, quadlets and lines of cron that start or stop it."""
    found: dict[str, list[Supervisor]] = {one.id: [] for one in managed}
    for unit in _units(units):
        for one in managed:
            found[one.id] += _of_unit(unit, one, invocations)
    for file in _files(quadlets, "**/*.container"):
        for one in managed:
            found[one.id] += _of_quadlet(_read(file), one, invocations)
    for file in islice(_paths(crontabs), _FILES):
        for one in managed:
            found[one.id] += _of_crontab(file, one)
    return found


def _began(service: str, invocations: str) -> float | None:
    try:
        return os.lstat(f"{invocations}/invocation:{service}").st_mtime
    except OSError:
        return None


def _of_unit(unit: Unit, managed: Managed, invocations: str) -> Iterator[Supervisor]:
    environment = dict(pair for value in unit.settings.get("Environment", []) for pair in _ENVIRONMENT.findall(value))
    commands = [value for key, values in unit.settings.items() if _EXEC.fullmatch(key) for value in values]
    directory = unit.last("WorkingDirectory").lstrip("-")
    done = {
        action for command in commands for action in does(command.lstrip("-@:+!|"), managed, directory, environment)
    }
    if unit.name == managed.labels.get("PODMAN_SYSTEMD_UNIT"):  # podman-generate-systemd(1), and quadlets
        done |= {CREATE, START, STOP, KILL}
    if done:
        began = _began(unit.name, invocations)
        yield Supervisor("systemd", unit.name, frozenset(done), str(unit.path), unit.terms, began)


def _of_quadlet(unit: Unit, managed: Managed, invocations: str) -> Iterator[Supervisor]:
    # Without a name of its own its container is called after the unit (podman-systemd.unit(5), ContainerName=).
    if managed.name in unit.settings.get("ContainerName", [f"systemd-{unit.path.stem}"]):
        service, does_all = f"{unit.path.stem}.service", frozenset((CREATE, START, STOP, KILL))
        yield Supervisor("quadlet", service, does_all, str(unit.path), unit.terms, _began(service, invocations))


def _of_crontab(path: Path, managed: Managed) -> Iterator[Supervisor]:
    for line in _text(path).splitlines():
        found = _CRON_LINE.fullmatch(line)
        done = does(found[2], managed) if found else set()
        if found and done:
            yield Supervisor("cron", f"at {' '.join(found[1].split())}", frozenset(done), str(path))


def _units(directories: Sequence[str]) -> Iterator[Unit]:
    """The services that say something about an engine; of two of a name the first that counts."""
    added: dict[str, list[Path]] = defaultdict(list)
    for file in _files(directories, "*.service.d/*.conf"):
        added[file.parent.name.rpartition(".d")[0]].append(file)
    files: dict[str, Path] = {}
    for file in _files(directories, "*.service"):
        files.setdefault(file.name, file)
    for name, file in files.items():
        for one in _instances(name, file, directories):
            unit = _read(file, one)
            for extra in dict.fromkeys((*added[name], *added[one])):
                _add(unit, extra)
            if unit.settings:
                yield unit


def _instances(name: str, file: Path, directories: Sequence[str]) -> list[str]:
    """What runs of a service: itself, or of a template the instances, which what starts them has links for."""
    if "@." not in name:
        return [name]
    links = f"*.*s/{name.partition('@')[0]}@?*.service" if _text(file) else ""  # in .wants and .requires
    return sorted({link.name for link in _files(directories, links)}) if links else []


def _read(path: Path, name: str = "") -> Unit:
    unit = Unit(name or path.name, path)
    _add(unit, path)
    return unit


def _add(unit: Unit, path: Path) -> None:
    """What `path` says, added to `unit`; an empty value takes back those before it."""
    prefix, _at, instance = unit.name.rpartition(".")[0].partition("@")
    specifiers = {"i": instance, "I": instance.replace("-", "/"), "p": prefix, "P": prefix, "n": unit.name, "%": "%"}
    specifiers["N"] = unit.name.rpartition(".")[0]
    for line in _CONTINUED.sub(" ", _text(path)).splitlines():
        key, equals, value = line.partition("=")
        if not equals or line.lstrip().startswith(("#", ";")):
            continue
        told = _SPECIFIER.sub(lambda found: specifiers.get(found[1], found[0]), value.strip())
        values = unit.settings.setdefault(key.strip(), [])
        if told:
            values.append(told)
        else:
            values.clear()


def _files(directories: Iterable[str], pattern: str) -> Iterator[Path]:
    return islice((file for folder in _paths(directories) for file in sorted(folder.glob(pattern))), _FILES)


def _paths(patterns: Iterable[str]) -> Iterator[Path]:
    """What is there under these paths, each once; one that may not be looked at is not there."""
    seen: set[str] = set()
    for pattern in patterns:
        for path in sorted(Path("/").glob(pattern.lstrip("/"))):
            real = os.path.realpath(path)
            if real not in seen:
                seen.add(real)
                yield path


def _text(path: Path) -> str:
    """A file that says something about an engine; empty for any other, and for one that may not be read."""
    try:
        if not path.is_file():
            return ""
        with path.open("rb") as file:
            text = file.read(_BYTES)
    except OSError:
        return ""
    telling = path.suffix in (".container", ".conf") or _TELLING.search(text)
    return text.decode("utf-8", errors="replace") if telling else ""
