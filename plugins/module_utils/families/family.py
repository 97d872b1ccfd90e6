# Copyright: ibgw.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What is known of an image family: the record that one file per family fills in.

This module util is private to the collection; it can change at any time.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Traits:
    """What a container or an image says of itself; its name is deliberately not among it: images are re-tagged."""

    environment: Mapping[str, str]
    command: str
    labels: Mapping[str, str]


def traits(config: Mapping[str, Any]) -> Traits:
    """The traits in the `Config` of an inspected container or image."""
    environment = dict(entry.partition("=")[::2] for entry in config.get("Env") or ())
    words = [*(config.get("Entrypoint") or ()), *(config.get("Cmd") or ())]
    return Traits(environment, " ".join(words), config.get("Labels") or {})


@dataclass(frozen=True)
class Port:
    """A port inside the container: who listens there, and which endpoint it serves."""

    role: str  # gateway, relay, vnc
    endpoint: str | None = None  # paper, live


@dataclass(frozen=True)
class Family:
    """An image family: how to recognise it, and how to read what its containers show."""

    name: str
    controller: str
    #: The marks of this family that the traits carry, one sentence each; empty when it is another family.
    marks: Callable[[Traits], tuple[str, ...]]
    #: Which generation of the family it is, by its environment.
    generation: Callable[[Mapping[str, str]], str | None]
    ports: Mapping[int, Port]
    #: The first pattern that a process's command line matches gives its role.
    processes: tuple[tuple[re.Pattern[str], str], ...]
    #: The gateway's user inside the container when nothing else tells: uid, gid.
    user: tuple[int, int]
    #: Seconds from the container's start to an open API port, when nobody has to approve anything.
    start_seconds: int
    #: Variables that the image reads: "plain", "user" (names a person) or "secret".
    variables: Mapping[str, str]
    #: What the container's exit codes mean, where the image or its controller gives them a meaning.
    exit_codes: Mapping[int, str]
    #: The findings that the container's exit codes prove by themselves.
    exit_problems: Mapping[int, str]

    def process_role(self, command_line: str) -> str:
        """What a process of the container is for."""
        return next((role for pattern, role in self.processes if pattern.search(command_line)), "other")
