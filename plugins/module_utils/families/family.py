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

from ansible_collections.ibgw.ops.plugins.module_utils.families.forms import PATH, TEXT, Form


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


#: What SIGKILL (137) means of an image whose scripts hear no stop, or only when it is too late.
STOPS_DEAF = "killed (SIGKILL): as every stop of this image ends, which its scripts do not hear; or by hand, or for want of memory"


@dataclass(frozen=True)
class Port:
    """A port inside the container: who listens there, and which endpoint it serves."""

    role: str  # gateway, relay, vnc, health
    endpoint: str | None = None  # paper, live; None for whichever is running
    program: str | None = None  # gateway, tws; None for either


@dataclass(frozen=True)
class Wrong:
    """What becomes of a value in another form than the image's.

    It is `refused` where the container or its controller ends over it, `ignored` where it counts as if it were not set, and `misread`
    where something else is made of it than was asked for. `effect` says what happens, in one clause.
    """

    manner: str
    effect: str


@dataclass(frozen=True)
class Variable:
    """A variable that an image reads."""

    form: Form = TEXT
    #: plain, user (it names a person) or secret.
    kind: str = "plain"
    #: None where that is not known, and where every value has the form.
    wrong: Wrong | None = None
    #: The key of the controller's configuration that it sets.
    key: str | None = None
    #: Whether it is read only where both trading modes run.
    only_both: bool = False
    #: What the image itself goes by where nobody sets it.
    default: str = ""
    #: The first release that reads it, where it was not always read.
    since: str = ""


PLAIN, USER, SECRET, FILE = Variable(), Variable(kind="user"), Variable(kind="secret"), Variable(PATH)


@dataclass(frozen=True)
class Setting:
    """How an image takes a word with which the inventory describes a gateway."""

    #: The variables of the image that get the value, in the form of the first.
    variables: tuple[str, ...] = ()
    #: The variable that names a file with the value instead.
    file: str | None = None
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

#: What Java's own needs, X server and controller take beside the heaps, at the least, in MiB.
BESIDE_HEAPS = 384

#: Seconds for a stop. A clean logout takes up to 45; a kill can leave the session held at IBKR (ibg-controller README.md).
STOP_TIMEOUT = 90


def ample_memory(heap: int) -> int:
    """A memory limit that leaves room beside a heap, both in MiB."""
    return max(2 * heap, heap + BESIDE_HEAPS)


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
    #: The variables that the image reads.
    variables: Mapping[str, Variable]
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
    #: A variable and its value with which its controller's configuration is a file of the operator's own: variables with a key there count
    #: no more.
    configured_by: tuple[str, str] | None = None
    #: The variable that says where its controller's configuration is; where both modes run, each file has its mode at the end.
    configuration: str | None = None
    #: Places inside the container that mean something to images near it and nothing to it, each with why, as a clause.
    unread: Mapping[str, str] = field(default_factory=dict)
    #: Its names for variables of gnzsnz with IBC that no word of the inventory stands for.
    other_names: Mapping[str, str] = field(default_factory=dict)
    #: What its controller's dump of settings calls what a variable sets, where that is no key of IBC's.
    dumped_as: Callable[[str], str] | None = None
    #: The role of what would start the Java machine again while the container is stopped.
    restarts_java: str | None = None
    relay: Relay | None = None
    #: What the screen of a program is where it is given no password: "off", "open" to everybody, or "known", with one that stands in the
    #: documentation.
    bare_screen: Mapping[str, str] = field(default_factory=dict)
    #: Values of secrets that stand in the documentation, for everybody to copy, by their variable.
    samples: Mapping[str, str] = field(default_factory=dict)
    #: Whether its processes end in order when the container is asked to stop; else they are killed once its grace is over.
    hears_stop: bool = True
    #: Its settings directory inside the container, as its shell finds it, where a saved session is kept that can be stale.
    settings: str | None = None
    #: The same for who sees the container from outside: the variables that name it, the first that is set, then where it is without.
    settings_named_by: tuple[str, ...] = ()
    #: Variables that are `yes` where its controller runs, any of them; else IBC does. Empty where it always runs.
    switched_on_by: tuple[str, ...] = ()

    def process_role(self, command_line: str) -> str:
        """What a process of the container is for."""
        return next((role for pattern, role in self.processes if pattern.search(command_line)), "other")

    def controller_in(self, environment: Mapping[str, str]) -> str:
        """The program that logs in, in a container with that environment."""
        on = not self.switched_on_by or any(environment.get(name) == "yes" for name in self.switched_on_by)
        return self.controller if on else "ibc"

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
        return self.configured_by is not None

    @property
    def paper_user_alone(self) -> bool:
        """Whether it logs in as the paper user in mode paper too, where one is given; else that is for mode both only."""
        name = self.variable("paper_user")
        return name is not None and not self.variables[name].only_both

    def reads(self, name: str, environment: Mapping[str, str]) -> bool:
        """Whether a container of this family with that environment goes by a variable."""
        known = self.variables.get(name)
        if known is None or known.only_both and self.trading_mode(environment) != "both":
            return False
        return not (known.key and self.brings_configuration(environment))

    def brings_configuration(self, environment: Mapping[str, str]) -> bool:
        """Whether a container with that environment has a controller's configuration of the operator's own."""
        return self.configured_by is not None and environment.get(self.configured_by[0]) == self.configured_by[1]

    def key(self, word: str) -> str | None:
        """The key in the controller's own configuration file, where the role writes one, that has a word of the inventory."""
        name = self.variable(word)
        return self.variables[name].key if self.configured and name else None

    def written(self, word: str, value: Any) -> str:
        """A value of a word as the image wants it; raises ValueError where it has no such form."""
        name = self.variable(word)
        return self.variables[name].form.write(value) if name else str(value)

    def variable(self, word: str) -> str | None:
        """The variable in which a container of this family has a word of the inventory."""
        setting = self.words.get(word)
        return setting.variables[0] if isinstance(setting, Setting) and setting.variables else None

    @property
    def mode_unless_set(self) -> str | None:
        """The trading mode that runs where none is asked for, if the image has one of its own."""
        name = self.variable("trading_mode")
        return self.trading_mode({name: self.variables[name].default}) if name else None

    def trading_mode(self, environment: Mapping[str, str]) -> str | None:
        """The trading mode that a container's environment asks for, in the inventory's words."""
        if self.both_by and environment.get(self.both_by[0]) == self.both_by[1]:
            return "both"
        setting = self.words["trading_mode"]
        if not isinstance(setting, Setting):
            return None
        asked = next((environment[name] for name in setting.variables if environment.get(name)), None)
        return next((mode for mode, form in (setting.choices or {}).items() if form == asked), None)
