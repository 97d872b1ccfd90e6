# Copyright: ibgw.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Where each gateway's login stands, by its log: a saved file's, or those of a machine's containers.

This module util is private to the collection; it can change at any time.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

from ansible_collections.ibgw.ops.plugins.module_utils import engine
from ansible_collections.ibgw.ops.plugins.module_utils.container import secrets as container_secrets
from ansible_collections.ibgw.ops.plugins.module_utils.families.family import Family, traits
from ansible_collections.ibgw.ops.plugins.module_utils.families.recognise import BY_NAME
from ansible_collections.ibgw.ops.plugins.module_utils.log.launcher import launcher_log
from ansible_collections.ibgw.ops.plugins.module_utils.log.run import Run
from ansible_collections.ibgw.ops.plugins.module_utils.log.saved import SavedLog
from ansible_collections.ibgw.ops.plugins.module_utils.log.scan import Scan, nothing_read
from ansible_collections.ibgw.ops.plugins.module_utils.log.tail import tails, unreadable, whole_log
from ansible_collections.ibgw.ops.plugins.module_utils.probe import AVAILABLE, Misuse, Unavailable
from ansible_collections.ibgw.ops.plugins.module_utils.redact import quote, spellings
from ansible_collections.ibgw.ops.plugins.module_utils.targets import Target, gateway_containers
from ansible_collections.ibgw.ops.plugins.module_utils.timestamps import epoch

if TYPE_CHECKING:
    import docker

#: The result's own keys when nothing could be looked at.
NOTHING: Mapping[str, Any] = {"gateways": []}

#: Lines of a container's log that are asked for first.
_FIRST_TAIL = 2000


@dataclass(frozen=True)
class Asked:
    """How a log is to be read: as that of which family, seen from which moment, how many bytes back (0: to its start)."""

    family: Family | None
    moment: float | None
    max_bytes: int
    max_events: int


def probe(
    names: Sequence[str] | None,
    path: str | None,
    family: str,
    as_of: str | None,
    max_bytes: int,
    max_events: int,
    docker_host: str | None,
    timeout: float,
) -> dict[str, Any]:
    """Scan the log at `path`, or those of the containers called `names` (default: every gateway of the machine)."""
    moment = _moment(as_of)
    if path is not None and names:
        raise Misuse(
            "both names and path were given; allowed is one of them: containers of this machine, or a saved log"
        )
    if family != "auto" and family not in BY_NAME:
        raise Misuse(f"family {quote(family)!r} is not known; allowed are auto, {', '.join(BY_NAME)}")
    if max_bytes < 0 or max_events < 0:
        raise Misuse("max_bytes and max_events are counts; allowed are 0 and above")
    engine.check_names(names or ())
    asked = Asked(BY_NAME.get(family), moment, max_bytes, max_events)
    gateways = _containers(names or (), asked, docker_host, timeout) if path is None else _file(path, asked)
    return {**AVAILABLE, "gateways": gateways}


def _moment(as_of: str | None) -> float | None:
    if as_of is None:
        return None
    seconds = epoch(as_of.strip())
    if seconds is None:
        raise Misuse(
            f"as_of {quote(as_of)!r} is not a time; allowed is ISO 8601 with a zone, like 2026-01-31T12:00:00Z"
        )
    return seconds


# Saved logs


def _file(path: str, asked: Asked) -> list[dict[str, Any]]:
    log = SavedLog(path, asked.max_bytes)
    try:
        scan = Scan(asked.max_events, family=asked.family)
        scan.read(log)
        results = scan.results(log.name, asked.moment, log.truncated, log.damaged)
        if not results:
            raise log.nothing_of_a_gateway(0 if scan.blank else scan.lines)
        return results
    except OSError as error:
        reason = f"the log {path} could not be read: {error.strerror or error}"
        fix = "give the path of a saved log that this user may read"
        return [_unreadable(log.name, Unavailable("probe.incomplete", reason, fix), asked.family)]
    except Unavailable as unavailable:
        return [_unreadable(log.name, unavailable, asked.family)]


# Containers


def _containers(names: Sequence[str], asked: Asked, docker_host: str | None, timeout: float) -> list[dict[str, Any]]:
    ends = time.monotonic() + timeout
    with closing(engine.connect(docker_host, timeout)) as client:
        targets = gateway_containers(client, names, find=not names)
        return engine.each(partial(_container, client, asked, ends), targets)


def _container(client: docker.DockerClient, asked: Asked, ends: float, target: Target) -> dict[str, Any]:
    family = asked.family or target.family
    try:
        container = target.found()
        secrets = spellings(container_secrets(container, family))
        scan, truncated = _read_back(client, container, asked, ends, family, secrets)
        if not scan.lines:
            return nothing_read(target.name, family)
        state = container.get("State") or {}
        stopped_at = None if state.get("Running") else epoch(state.get("FinishedAt"))
        now = time.time() if asked.moment is None else asked.moment
        launcher = partial(_launcher, client, container["Id"], secrets)
        results = scan.results(target.name, stopped_at or now, truncated, launcher=launcher)
        if not results:
            reason = f"the log of {target.name} tells nothing: none of its {scan.lines} lines is of a controller that this probe knows"
            fix = "read it yourself (docker logs); container and API are judged without it"
            raise Unavailable("probe.incomplete", reason, fix)
        return {**results[0], "name": target.name}
    except Unavailable as unavailable:
        return _unreadable(target.name, unavailable, family)
    except Exception as error:
        return _unreadable(target.name, unreadable(client, target, error), family)


def _read_back(
    client: docker.DockerClient,
    container: Mapping[str, Any],
    asked: Asked,
    ends: float,
    family: Family | None,
    secrets: frozenset[str],
) -> tuple[Scan, bool]:
    """Read back until the newest run and the one before are there; whether the log began earlier."""
    if not asked.max_bytes:
        scan = Scan(asked.max_events, secrets, family)
        scan.read(whole_log(client, container["Id"], ends))
        return scan, False
    for tail in tails(client, container["Id"], _FIRST_TAIL, asked.max_bytes, ends):
        scan = Scan(asked.max_events, secrets, family)
        scan.read(tail)
        kind = family or scan.family
        if scan.understood(kind is not None and kind.trading_mode(traits(container["Config"]).environment) == "both"):
            break
    return scan, not tail.whole


def _launcher(client: docker.DockerClient, container: str, secrets: frozenset[str], run: Run) -> dict[str, Any] | None:
    began = run.first.at if run.first else None
    return launcher_log(client, container, run.directory, began, secrets) if run.directory else None


def _unreadable(name: str, unavailable: Unavailable, family: Family | None) -> dict[str, Any]:
    return {**nothing_read(name, family), **unavailable.as_result()}
