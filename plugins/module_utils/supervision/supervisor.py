# Copyright: ibgw.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Something on a machine that starts or stops a container, and the commands by which that shows.

This module util is private to the collection; it can change at any time.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ansible_collections.ibgw.ops.plugins.module_utils.events import Deed
from ansible_collections.ibgw.ops.plugins.module_utils.redact import quote

#: What can be done to a container, as the engine's events show it.
CREATE, START, STOP, RESTART, KILL = "create", "start", "stop", "restart", "kill"

_ENGINES = ("docker", "podman", "nerdctl")
_COMPOSE = ("docker-compose", "podman-compose")

# What each subcommand of an engine, and of compose, comes to.
_DOES = {
    "run": (CREATE, START),
    "create": (CREATE,),
    "start": (START,),
    "stop": (STOP,),
    "restart": (RESTART,),
    "kill": (KILL,),
    "rm": (STOP, KILL),
}
_COMPOSE_DOES = {
    "up": (CREATE, START, STOP),
    "run": (CREATE, START),
    "create": (CREATE,),
    "start": (START,),
    "stop": (STOP,),
    "down": (STOP,),
    "restart": (RESTART,),
    "kill": (KILL,),
    "rm": (STOP,),
}
_LABEL = "com.docker.compose."


@dataclass(frozen=True)
class Managed:
    """A container as what manages it calls it."""

    name: str
    id: str
    labels: Mapping[str, str]
    checks_health: bool = False

    @property
    def project(self) -> str:
        """Its compose project; empty without one."""
        return self.labels.get(f"{_LABEL}project", "")

    @property
    def service(self) -> str:
        """Its service in that project."""
        return self.labels.get(f"{_LABEL}service", "")

    @property
    def directory(self) -> str:
        """Where that project lies."""
        return self.labels.get(f"{_LABEL}project.working_dir", "")

    @property
    def files(self) -> tuple[str, ...]:
        """The files that define that project."""
        return tuple(filter(None, self.labels.get(f"{_LABEL}project.config_files", "").split(",")))


@dataclass(frozen=True)
class Supervisor:
    """Who or what starts or stops a container: its kind, its own name, what it does, where it is defined, and on which terms.

    One that does nothing is there and leaves the container alone.
    """

    kind: str
    name: str
    does: frozenset[str]
    where: str
    terms: str = ""
    #: When it was started itself, in seconds since the epoch, where it runs.
    began: float | None = None

    def __str__(self) -> str:
        return f"{_WORDS.get(self.kind, self.kind)} {self.name}"

    def told(self, known: Iterable[str] = ()) -> dict[str, Any]:
        """It, as a result has it; `known` are secrets of the container."""
        return {
            "kind": self.kind,
            "name": quote(self.name, known),
            "does": sorted(self.does),
            "where": quote(self.where, known) or None,
            "terms": quote(self.terms, known) or None,
        }


_WORDS = {"systemd": "systemd unit", "compose": "docker compose,"}


def of_compose(managed: Managed) -> list[Supervisor]:
    """The compose project that made the container, by its labels."""
    if not managed.project:
        return []
    where = ", ".join(managed.files) or managed.directory
    does = frozenset((CREATE, START, STOP, RESTART, KILL))
    return [Supervisor("compose", f"project {managed.project}, service {managed.service}", does, where)]


def does(command: str, managed: Managed, directory: str = "", environment: Mapping[str, str] | None = None) -> set[str]:
    """What a command line does to the container; nothing where it is about something else."""
    words = _words(command)
    done: set[str] = set()
    for at, word in enumerate(words):
        program, rest = word.rpartition("/")[2], _until_next(words[at + 1 :])
        if program in _COMPOSE:
            done |= _by_compose(rest, managed, directory, environment or {})
        elif program in _ENGINES and "compose" in rest[:6]:
            done |= _by_compose(rest[rest.index("compose") + 1 :], managed, directory, environment or {})
        elif program in _ENGINES:
            done |= _by_engine(rest, managed)
    return done


def _words(command: str) -> list[str]:
    """The words of a command line, also of one that a shell is given as a single word."""
    try:
        words = shlex.split(command)
    except ValueError:  # a quote that is not closed
        words = command.replace("'", " ").replace('"', " ").split()
    return [part for word in words for part in re.sub(r"([;|]|&&)", r" \1 ", word).split()]


def _until_next(words: Sequence[str]) -> list[str]:
    """The words of one command, without the one after it."""
    ends = [at for at, word in enumerate(words) if word in (";", "|", "&&", "||", "&")]
    return list(words[: ends[0]] if ends else words)


def _by_engine(words: Sequence[str], managed: Managed) -> set[str]:
    at = next((at for at, word in enumerate(words) if word in _DOES), None)
    if at is None:
        return set()
    verb, rest = words[at], words[at + 1 :]
    names = {managed.name, managed.id, managed.id[:12]}
    if verb in ("run", "create"):
        if managed.name not in _values(rest, "--name"):
            return set()
    elif not names & set(rest):
        return set()
    attached = (verb == "run" and not {"-d", "--detach"} & set(rest)) or (
        verb == "start" and {"-a", "--attach", "-ai", "-ia"} & set(rest)
    )
    # A client in the foreground passes each signal on to the container as a kill (docker run --sig-proxy).
    return {*_DOES[verb], *((KILL,) if attached else ())}


def _by_compose(words: Sequence[str], managed: Managed, directory: str, environment: Mapping[str, str]) -> set[str]:
    at = next((at for at, word in enumerate(words) if word in _COMPOSE_DOES), None)
    if at is None or not managed.project:
        return set()
    options, rest = words[:at], [word for word in words[at + 1 :] if not word.startswith("-")]
    projects = _values(options, "-p", "--project-name") or _given(environment, "COMPOSE_PROJECT_NAME")
    files = _values(options, "-f", "--file") or _given(environment, "COMPOSE_FILE")
    base = next(iter(_values(options, "--project-directory")), directory)
    if projects:
        ours = managed.project in projects
    elif files:
        ours = any(str(Path(base or "/", file)) in managed.files for file in files)
    else:
        ours = bool(base) and Path(base) == Path(managed.directory)
    # A word after the subcommand is a service, or the value of an option: with none of them ours, it is about others.
    about = not rest or managed.service in rest or all(word.isdigit() for word in rest)
    return set(_COMPOSE_DOES[words[at]]) if ours and about else set()


def _values(words: Sequence[str], *options: str) -> list[str]:
    """The values of an option, written with a blank or an equals sign before each."""
    after = [value for option, value in zip(words, words[1:]) if option in options]
    return after + [word.partition("=")[2] for word in words if word.partition("=")[0] in options and "=" in word]


def _given(environment: Mapping[str, str], name: str) -> list[str]:
    return [value for value in environment.get(name, "").split(":") if value]


# How long a unit takes to what it starts.
_BEGINS = 60


def deeds(supervisors: Iterable[Supervisor]) -> list[Deed]:
    """What came of it that they were started themselves."""
    return [
        Deed(quote(str(one)), one.began, one.began + _BEGINS, one.does) for one in supervisors if one.began is not None
    ]


def named(supervisors: Iterable[Supervisor], action: str) -> list[str]:
    """Which of them do that."""
    return [quote(str(one)) for one in supervisors if action in one.does]
