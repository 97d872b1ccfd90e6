# Copyright: ibgw.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What is known of an image family: the record that one file per family fills in, read by probes, rules and deployment alike.

This module util is private to the collection; it can change at any time.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Traits:
    """What a container or an image says of itself; its name is deliberately not among it: images are re-tagged."""

    environment: Mapping[str, str]
    command: str
    labels: Mapping[str, str]
    healthcheck: str = ""
    user: str = ""
    exposed: frozenset[int] = frozenset()


def traits(config: Mapping[str, Any]) -> Traits:
    """The traits in the `Config` of an inspected container or image."""
    environment = dict(entry.partition("=")[::2] for entry in config.get("Env") or ())
    words = [*(config.get("Entrypoint") or ()), *(config.get("Cmd") or ())]
    check = (config.get("Healthcheck") or {}).get("Test") or ()
    numbers = (port.partition("/")[0] for port in config.get("ExposedPorts") or ())
    return Traits(
        environment,
        " ".join(words),
        config.get("Labels") or {},
        " ".join(check),
        config.get("User") or "",
        frozenset(int(number) for number in numbers if number.isdigit()),
    )


@dataclass(frozen=True)
class Port:
    """A port inside the container: who listens there, and which endpoint it serves."""

    role: str  # gateway, relay, vnc, health
    endpoint: str | None = None  # paper, live; None for whichever is running
    program: str | None = None  # gateway, tws; None for either


@dataclass(frozen=True)
class Setting:
    """How an image takes a word with which the inventory describes a gateway."""

    #: The variables of the image that get the value; with `key`, they count only without a configuration of one's own.
    variables: tuple[str, ...] = ()
    #: The key in the controller's configuration file.
    key: str | None = None
    #: The variable that names a file with the value instead.
    file: str | None = None
    #: The value as the image wants it.
    form: Callable[[Any], str] = str
    #: Where the word is a choice: what each becomes, empty where nothing needs to be set. A choice that is missing can not be had.
    choices: Mapping[str, str] | None = None
    #: Why the choices that are missing can not be had, or why there has to be a value.
    lacking: str = ""
    #: Whether there has to be a value.
    required: bool = False


@dataclass(frozen=True)
class Lacking:
    """A word that an image can not do: why, as the end of a sentence that begins with the family's name."""

    reason: str


#: Where a deployed container has its private files.
PRIVATE = "/run/ibgw"


@dataclass(frozen=True)
class Build:
    """How a container of the family is made, beside its settings."""

    #: A released image by program.
    images: Mapping[str, str]
    #: What the image runs.
    start: str
    #: Directories in the container that have to last, by program. `{instance}` is `_live` and `_paper` where both run.
    persistent: Mapping[str, tuple[str, ...]]
    #: Docker's restart policy: one that brings it back after a boot and never repeats a refused login.
    restart_policy: str
    #: Variables that each container of the family needs, by program.
    environment: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    #: Directories in memory that it needs.
    scratch: tuple[str, ...] = ()
    #: What its desktop needs of the engine, by program, in the words of `community.docker.docker_container`.
    desktop: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    #: What stands before a key of the controller's configuration in the name of its variable, where each key has one.
    prefix: str | None = None
    #: Variables that a configuration of one's own makes ineffective and that no word stands for, each with its key there.
    ineffective: Mapping[str, str] = field(default_factory=dict)
    #: Whether the image's own health check tells a login, so that it is kept.
    tells_login: bool = False
    #: What its operator should know, one sentence each.
    caveats: tuple[str, ...] = ()
    #: Why the role makes no container of it, as the end of a sentence that begins with the family's name; empty where it does.
    refused: str = ""


@dataclass(frozen=True)
class Relay:
    """How an image runs the relay between the published port and the gateway's own."""

    #: The shell command that starts it, in the container's environment; `{relay}`, `{gateway}` (ports) and `{endpoint}` are put in.
    command: str
    #: The process that brings it back when it ends, where there is one; the relay's port is among its variables.
    loop: re.Pattern[str] | None = None


@dataclass(frozen=True)
class Family:
    """An image family: how to recognise it, and how to read what its containers show."""

    name: str
    controller: str
    #: The marks of this family that the traits carry, one sentence each; empty when it is another family.
    marks: Callable[[Traits], tuple[str, ...]]
    ports: Mapping[int, Port]
    #: The first pattern that a process's command line matches gives its role.
    processes: tuple[tuple[re.Pattern[str], str], ...]
    #: The gateway's user inside the container when nothing else tells: uid, gid.
    user: tuple[int, int]
    #: Seconds from the container's start to an open API port, when nobody has to approve anything.
    start_seconds: int
    #: Variables that the image reads: "plain", "user" (names a person) or "secret".
    variables: Mapping[str, str]
    #: Whether its Java machine is asked to end before the container is stopped, because that would harm its session.
    ends_java_first: bool
    #: What the container's exit codes mean, where the image or its controller gives them a meaning.
    exit_codes: Mapping[int, str]
    #: The findings that the container's exit codes prove by themselves.
    exit_problems: Mapping[int, str]
    #: The words with which the inventory describes a gateway, as this image takes them.
    words: Mapping[str, Setting | Lacking]
    build: Build
    #: Whole lines that the image's own scripts print, each with the event that it is (`log/steps.py`); empty where it is none. What a
    #: line gives away is its group `secret`.
    lines: tuple[tuple[str, str], ...] = ()
    #: Variables with the version of its gateway, the first that is set.
    versions: tuple[str, ...] = ()
    #: A variable and its value with which it runs both trading modes, whatever else it is told.
    both_by: tuple[str, str] | None = None
    #: The variable that says where its controller's configuration is; where both modes run, each file has its mode at the end.
    configuration: str | None = None
    #: Its names for variables of gnzsnz with IBC that no word of the inventory stands for.
    other_names: Mapping[str, str] = field(default_factory=dict)
    #: What its controller's dump of settings calls what a variable sets, where that is no key of IBC's.
    dumped_as: Callable[[str], str] | None = None
    #: The role of what would start the Java machine again while the container is stopped.
    restarts_java: str | None = None
    relay: Relay | None = None
    #: Its settings directory inside the container, as its shell finds it, where a saved session is kept that can be stale.
    settings: str | None = None
    #: The same for who sees the container from outside: the variables that name it, the first that is set, then where it is without.
    settings_named_by: tuple[str, ...] = ()
    #: Whether it logs in as the paper user in mode paper too, where one is given; else that is for mode both only.
    paper_user_alone: bool = False

    def process_role(self, command_line: str) -> str:
        """What a process of the container is for."""
        return next((role for pattern, role in self.processes if pattern.search(command_line)), "other")

    def generation(self, environment: Mapping[str, str]) -> str | None:
        """The version of the gateway by the container's own word."""
        return next((environment[name] for name in self.versions if environment.get(name)), None)

    def settings_directories(self, environment: Mapping[str, str]) -> tuple[str, ...]:
        """Where it keeps its settings inside the container; where both modes run, each has its own."""
        for place in self.settings_named_by:
            if place.startswith("/"):
                return (place,)
            if environment.get(place):
                return self._of_each_mode(environment[place], environment)
        return ()

    def configurations(self, environment: Mapping[str, str]) -> tuple[str, ...]:
        """Its controller's configuration inside the container; where both modes run, each has its own, live first."""
        return self._of_each_mode(environment.get(self.configuration or "", ""), environment)

    def _of_each_mode(self, path: str, environment: Mapping[str, str]) -> tuple[str, ...]:
        both = self.trading_mode(environment) == "both"
        return tuple(path.rstrip("/") + end for end in (("_live", "_paper") if both else ("",))) if path else ()

    @property
    def configured(self) -> bool:
        """Whether its controller's whole configuration can be a file of the operator's own."""
        return any(isinstance(setting, Setting) and setting.key for setting in self.words.values())

    def variable(self, word: str) -> str | None:
        """The variable in which a container of this family has a word of the inventory."""
        setting = self.words.get(word)
        return setting.variables[0] if isinstance(setting, Setting) and setting.variables else None

    def trading_mode(self, environment: Mapping[str, str]) -> str | None:
        """The trading mode that a container's environment asks for, in the inventory's words."""
        if self.both_by and environment.get(self.both_by[0]) == self.both_by[1]:
            return "both"
        setting = self.words["trading_mode"]
        if not isinstance(setting, Setting):
            return None
        asked = next((environment[name] for name in setting.variables if environment.get(name)), None)
        return next((mode for mode, form in (setting.choices or {}).items() if form == asked), None)
