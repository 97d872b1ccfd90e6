# Copyright: ibgw.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The container probe: a machine's engine, its host, and the gateways on it.

The engine tells what it holds of each container, /proc of the machine tells what runs inside, and neither is asked to do
anything. What could not be seen is null, and `not_seen` says why.

This module util is private to the collection; it can change at any time.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from ansible_collections.ibgw.ops.plugins.module_utils import engine
from ansible_collections.ibgw.ops.plugins.module_utils.gateway import MACHINE_BYTES, gateway
from ansible_collections.ibgw.ops.plugins.module_utils.host import machine as host_facts
from ansible_collections.ibgw.ops.plugins.module_utils.machine import ask, look
from ansible_collections.ibgw.ops.plugins.module_utils.probe import AVAILABLE, Misuse, fit
from ansible_collections.ibgw.ops.plugins.module_utils.redact import quote
from ansible_collections.ibgw.ops.plugins.module_utils.targets import gateway_containers
from ansible_collections.ibgw.ops.plugins.module_utils.timestamps import iso

if TYPE_CHECKING:
    import docker

#: The result's own keys when nothing could be looked at.
NOTHING: Mapping[str, Any] = {"engine": None, "host": None, "gateways": [], "not_seen": [], "cut": {}}

#: Fewer characters of a salt could be guessed.
SALT_LENGTH = 16

_PERIOD = re.compile(r"(\d{1,6})([smhd])")

_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86400}


def probe(
    names: Sequence[str] | None,
    find: bool,
    docker_host: str | None,
    timeout: float,
    events_since: str,
    user_salt: str | None = None,
) -> dict[str, Any]:
    """The machine's gateways: those called `names`, and with `find`, or without names, every container recognised as one."""
    engine.check_names(names or ())
    period = _period(events_since)
    if user_salt is not None and len(user_salt) < SALT_LENGTH:
        raise Misuse(f"user_salt is too short to keep user names secret; it must have {SALT_LENGTH} characters or more")
    client = engine.connect(docker_host, timeout)
    targets = gateway_containers(client, names or (), find or not names)
    not_seen: list[str] = []
    told = ask(client.info, "docker info", not_seen) or {}
    seen = replace(look(client, targets, told, period, not_seen), user_salt=user_salt)
    came_up = seen.supervision.engine_started
    machine = {
        "engine": {**_engine(client, told), "started_at": iso(came_up) if came_up else None},
        "host": host_facts(seen.disks) if seen.here else None,
        "not_seen": not_seen,
    }
    return {
        **AVAILABLE,
        **fit(machine, [("host", "disks"), ("not_seen",)], limit=MACHINE_BYTES),
        "gateways": [gateway(target, seen) for target in targets],
    }


def _period(text: str) -> int:
    found = _PERIOD.fullmatch(text)
    if found is None or int(found[1]) == 0:
        raise Misuse(
            f"events_since {quote(text)!r} is not a duration; allowed are a number and one of s, m, h, d, such as 24h"
        )
    return int(found[1]) * _SECONDS[found[2]]


def _engine(client: docker.DockerClient, told: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "version": told.get("ServerVersion"),
        "api_version": client.api.api_version,
        "root_dir": told.get("DockerRootDir"),
        "live_restore": told.get("LiveRestoreEnabled"),
        "rootless": any(one.startswith("name=rootless") for one in told.get("SecurityOptions") or ()) if told else None,
        "kind": ("podman" if engine.is_podman(told) else "docker") if told else None,
    }
