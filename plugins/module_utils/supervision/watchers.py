# Copyright: ibgw.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Containers that restart or replace other containers of their engine: autoheal, watchtower, and what was made of them.

Sources are cited as ``H:`` (willfarrell/docker-autoheal @00b0c4b) and ``T:`` (containrrr/watchtower @023c1a7).

This module util is private to the collection; it can change at any time.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ansible_collections.ibgw.ops.plugins.module_utils.events import Deed
from ansible_collections.ibgw.ops.plugins.module_utils.families.family import Traits, traits
from ansible_collections.ibgw.ops.plugins.module_utils.redact import quote
from ansible_collections.ibgw.ops.plugins.module_utils.supervision.supervisor import (
    CREATE,
    KILL,
    RESTART,
    START,
    Managed,
    Supervisor,
)
from ansible_collections.ibgw.ops.plugins.module_utils.timestamps import epoch

if TYPE_CHECKING:
    import docker

#: How many of its newest lines are read of what a watcher wrote, and how many watchers of a machine are looked at.
_LINES, _WATCHERS = 200, 4

# How long after its line a restart may end: the grace, and the start.
_RESTART_TAKES = 180.0

#: The two kinds: what restarts a container whose health check fails, and what replaces one whose image is old.
AUTOHEAL, WATCHTOWER = "autoheal", "watchtower"
_WATCHTOWER_LABEL = "com.centurylinklabs.watchtower"

# The moment that the engine puts before each line, then what the watcher wrote.
_LINE = re.compile(r"(\S+) (.*)")

#: The lines with which they tell what they are about to do, and to which container (H:docker-entrypoint, T:pkg/container/client.go).
_TOLD = {
    AUTOHEAL: re.compile(r"Container /?(\S+) \(([0-9a-f]{12})[0-9a-f]*\) found to be \S+ - Restarting"),
    WATCHTOWER: re.compile(r"(?:Stopping|Creating) /?([\w.-]+)(?: \(([0-9a-f]{12}))?"),
}


@dataclass(frozen=True)
class Watcher:
    """One such container, and when it wrote of which container (by name or short id) that it acts on it."""

    kind: str
    name: str
    image: str
    says: Traits
    acted: Sequence[tuple[float, str, str]]

    @property
    def who(self) -> str:
        """It, as the doer of something."""
        return quote(f"{self.kind} (container {self.name})")

    def over(self, managed: Managed) -> Supervisor:
        """What it does to a container of that name with those labels."""
        does, terms = (_autoheals if self.kind == AUTOHEAL else _updates)(self.says, managed)
        return Supervisor(self.kind, self.name, does, self.image, terms)

    def deeds(self, managed: Managed) -> Iterator[Deed]:
        """When it acted on the container by its own word."""
        does = frozenset((RESTART,) if self.kind == AUTOHEAL else (CREATE, START, KILL))
        for at, name, short in self.acted:
            if managed.id.startswith(short) if short else name == managed.name:
                yield Deed(self.who, at, at + _RESTART_TAKES, does)


def watchers(client: docker.DockerClient, since: float) -> list[Watcher]:
    """The watchers that run on this engine, with what they wrote after `since`."""
    running = ((one, _kind(one)) for one in client.api.containers())
    known = [(one, kind) for one, kind in running if kind][:_WATCHERS]
    return [_watcher(client, one, kind, since) for one, kind in known]


def _kind(listed: Mapping[str, Any]) -> str:
    """Which watcher a listed container is, empty for none: by its label, its program, or the name of its image."""
    labels, command = listed.get("Labels") or {}, (listed.get("Command") or "").split()
    program = (command[:1] or [""])[0].rpartition("/")[2]
    image = (listed.get("Image") or "").partition("@")[0].rpartition("/")[2].partition(":")[0]
    if labels.get(_WATCHTOWER_LABEL) == "true" or "watchtower" in (program, image):  # T:dockerfiles/Dockerfile
        return WATCHTOWER
    # Its entry point is called with its name (H:Dockerfile); the engine lists both as one command.
    if "autoheal" in (program, *command[1:2]) or "autoheal" in image or "deunhealth" in (program, image):
        return AUTOHEAL
    return ""


def _watcher(client: docker.DockerClient, listed: Mapping[str, Any], kind: str, since: float) -> Watcher:
    from docker.errors import APIError

    inspected = client.api.inspect_container(listed["Id"])
    try:
        written = client.api.logs(listed["Id"], timestamps=True, tail=_LINES, since=int(since))
    except APIError:  # its log goes where the engine can not read it
        written = b""
    return Watcher(
        kind,
        inspected["Name"].lstrip("/"),
        listed.get("Image") or "",
        traits(inspected["Config"]),
        tuple(_acts(kind, written.decode("utf-8", errors="replace").splitlines())),
    )


def _acts(kind: str, lines: Iterable[str]) -> Iterator[tuple[float, str, str]]:
    for line in lines:
        stamped = _LINE.fullmatch(line)
        told = _TOLD[kind].search(stamped[2]) if stamped else None
        at = epoch(stamped[1]) if stamped else None
        if told and at is not None:
            yield at, told[1], told[2] or ""


def _autoheals(says: Traits, managed: Managed) -> tuple[frozenset[str], str]:
    """Whether autoheal restarts it, and on which terms (H:docker-entrypoint)."""
    label = says.environment.get("AUTOHEAL_CONTAINER_LABEL") or "autoheal"
    if label == "all":
        terms = "restarts every container whose health check fails"
    elif managed.labels.get(label) == "true":
        terms = f"restarts it when its health check fails, for its label {label}=true"
    else:
        return frozenset(), f"leaves it alone: it has no label {label}=true"
    if not managed.checks_health:
        return frozenset(), f"{terms}; it has none"
    return frozenset((RESTART,)), terms


def _updates(says: Traits, managed: Managed) -> tuple[frozenset[str], str]:
    """Whether watchtower replaces it, and on which terms (T:docs/container-selection.md, T:docs/arguments.md)."""
    words = says.command.split()

    def told(option: str, variable: str) -> bool:
        return option in words or says.environment.get(variable, "").lower() in ("true", "1")

    enabled = managed.labels.get(f"{_WATCHTOWER_LABEL}.enable", "").lower()
    if enabled == "false":
        return frozenset(), f"leaves it alone, for its label {_WATCHTOWER_LABEL}.enable=false"
    if told("--label-enable", "WATCHTOWER_LABEL_ENABLE") and enabled != "true":
        return frozenset(), f"leaves it alone: it has no label {_WATCHTOWER_LABEL}.enable=true"
    scope = says.environment.get("WATCHTOWER_SCOPE") or next(
        (value for option, value in zip(words, words[1:]) if option == "--scope"), ""
    )
    if scope and scope != managed.labels.get(f"{_WATCHTOWER_LABEL}.scope", "none" if scope == "none" else ""):
        return frozenset(), f"leaves it alone: it is not of its scope {scope}"
    only = managed.labels.get(f"{_WATCHTOWER_LABEL}.monitor-only", "").lower() == "true"
    if only or told("--monitor-only", "WATCHTOWER_MONITOR_ONLY"):
        return frozenset(), "only tells of new images"
    return frozenset((CREATE, START, KILL)), "replaces it by a container of a newer image of the same tag"
