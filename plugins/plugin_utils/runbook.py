# Copyright: ibgw.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The runbook: what one machine is asked, step by step, for all of its gateways. Each step uses what the one before proved."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ansible_collections.ibgw.ops.plugins.plugin_utils.endpoints import endpoints, endpoints_inside

Answer = Mapping[str, Any]
#: Runs a module of this collection on the machine with these arguments. Its answer is the module's result, or says how that failed.
Ask = Callable[[str, dict[str, Any]], Answer]


@dataclass(frozen=True)
class Asked:
    """What a machine is to be asked about: the containers `names`, with `find` all other gateways, too, but with `selected` no other.

    `gateways` is what the inventory declares there; `user_salt`, `depth` and `api_timeout` are what the modules take.
    """

    names: Sequence[str]
    find: bool
    selected: bool
    gateways: Sequence[Mapping[str, Any]]
    docker_host: str | None
    user_salt: str | None
    depth: str
    api_timeout: float


def follow(asked: Asked, ask: Ask) -> dict[str, Answer]:
    """The answers, by the name of the step; a step for which there is no reason has none."""
    # Look at engine, containers, processes and sockets, before any connection of ours is among them.
    seen = {"health": ask("ibgw_health", {"names": asked.names, "find": asked.find, "user_salt": asked.user_salt})}
    found = _found(asked, seen["health"])
    if not found:
        return seen

    # Read the log of every container that exists.
    seen["logscan"] = ask("ibgw_logscan", {"names": [gateway["name"] for gateway in found]})
    if seen["logscan"].get("unreachable"):
        return seen
    logs = _told(seen["logscan"], "logscan", "gateways")

    # Ask the API of every gateway that runs and is safe to ask.
    depth = {"depth": asked.depth, "timeout": asked.api_timeout}
    outside = endpoints(found, asked.gateways, asked.docker_host, logs)
    seen["handshake"] = ask("ibgw_handshake", {"endpoints": outside, **depth})
    if seen["handshake"].get("unreachable"):
        return seen
    answers = _told(seen["handshake"], "handshake", "endpoints")

    # Relay or gateway? Ask again from inside the containers whose published port did not serve; a healthy fleet does without.
    inside = endpoints_inside(found, answers, asked.gateways, asked.docker_host, logs)
    if inside:
        seen["inside"] = ask("ibgw_handshake", {"endpoints": inside, **depth})
    return seen


def _found(asked: Asked, health: Answer) -> list[Mapping[str, Any]]:
    """The containers that exist and were asked for; none where health could not look."""
    existing = [gateway for gateway in _told(health, "health", "gateways") if gateway["exists"]]
    return [gateway for gateway in existing if gateway["name"] in asked.names] if asked.selected else existing


def _told(answer: Answer, probe: str, what: str) -> list[Mapping[str, Any]]:
    """One of the lists in an answer; nothing where that failed."""
    return list((answer.get(probe) or {}).get(what) or ())
