# Copyright: ibgw.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""One machine as the probe of its containers sees it: what its engine tells of all of them, and what the machine itself adds.

This module util is private to the collection; it can change at any time.
"""

from __future__ import annotations

import os
import re
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any

from ansible_collections.ibgw.ops.plugins.module_utils import (
    connections,
    engine,
    events,
    host,
    procfs,
)
from ansible_collections.ibgw.ops.plugins.module_utils.probe import AS_ROOT, user
from ansible_collections.ibgw.ops.plugins.module_utils.redact import quote
from ansible_collections.ibgw.ops.plugins.module_utils.supervision import systemd, watchers
from ansible_collections.ibgw.ops.plugins.module_utils.supervision.machine import Supervision, managed
from ansible_collections.ibgw.ops.plugins.module_utils.targets import Target
from ansible_collections.ibgw.ops.plugins.module_utils.timestamps import epoch

if TYPE_CHECKING:
    import docker


@dataclass(frozen=True)
class Machine:
    """What the machine itself adds to the engine's word.

    `pids` has an entry for each container whose processes are proven to run here; `here` says that the engine's paths are
    this machine's too. `remap` is the machine's id of a container's root where the engine remaps users, None where that is not known.
    `ungrouped` containers have no control groups; `networks` holds the other container whose network one uses, `unlimited` why
    of one the limits of its queues could not be seen.
    """

    pids: Mapping[str, Sequence[int]]
    here: bool
    remap: int | None
    images: Mapping[str, Mapping[str, Any] | None]
    kernel_log: host.KernelLog | None
    events: Sequence[Mapping[str, Any]] | None
    renamed: Mapping[str, str] = field(default_factory=dict)
    supervision: Supervision = Supervision(None, None, None)
    disks: Mapping[int, Mapping[str, Any]] = field(default_factory=dict)
    sockets: Mapping[str, dict[str, Any]] = field(default_factory=dict)
    unlimited: Mapping[str, str] = field(default_factory=dict)
    networks: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    ungrouped: bool = False
    podman: bool = False
    user_salt: str | None = None


def look(
    client: docker.DockerClient,
    targets: Iterable[Target],
    told: Mapping[str, Any],
    period: int,
    not_seen: list[str],
) -> Machine:
    running = {target.inspected["Id"]: pid_of(target.inspected) for target in targets if target.inspected}
    found = procfs.container_pids([one for one, pid in running.items() if pid])
    pids = {one: found[one] for one, pid in running.items() if pid and pid in found[one]}
    here = bool(pids) or _same_machine(client, told)
    inside = list(_networks_of(targets, pids))
    sockets = connections.seen(inside)
    if not here:
        not_seen.append(
            f"host, processes, sockets, mounts: the engine at {engine.address_of(client)} is not proven to run on this machine ({os.uname().nodename})"
        )
    # The engine compares with its own clock; asked for a moment of its future it would wait for it.
    now = epoch(told.get("SystemTime")) or time.time()
    happened = partial(engine.events, client, now - period, now, events.ACTIONS, engine.is_podman(told))
    told_events = ask(happened, "docker events", not_seen)
    log = host.kernel_log() if here else None
    if here and log is None:
        not_seen.append(f"host_oom_killed: {user()} may not read the kernel's log; {AS_ROOT}")
    return Machine(
        pids=pids,
        here=here,
        remap=_remap(told),
        ungrouped=told.get("CgroupDriver") == "none",
        podman=engine.is_podman(told),
        sockets=sockets,
        unlimited=connections.limited(sockets, inside),
        networks=_networks(client, targets),
        images={image: _image(client, image) for image in {one.inspected["Image"] for one in targets if one.inspected}},
        kernel_log=log,
        events=told_events,
        renamed=_renamed(client, [one.name for one in targets if not one.exists], told_events or ()),
        supervision=Supervision(
            engine_started=procfs.engine_started() if here else None,
            units=systemd.supervisors([managed(one.inspected) for one in targets if one.inspected]) if here else None,
            watchers=ask(lambda: watchers.watchers(client, now - period), "docker ps", not_seen),
        ),
        disks=host.disks(_paths(told, targets)) if here else {},
    )


def _networks(client: docker.DockerClient, targets: Iterable[Target]) -> dict[str, Mapping[str, Any]]:
    """By container, the other one whose network it uses: that one publishes its ports (moby daemon/container_operations.go)."""
    modes = {one.inspected["Id"]: network_mode(one.inspected) for one in targets if one.inspected}
    others = {one: mode.partition(":")[2] for one, mode in modes.items() if mode.startswith("container:")}
    asked = {one: ask(partial(client.api.inspect_container, other), other, []) for one, other in others.items()}
    return {one: inspected for one, inspected in asked.items() if inspected}


def _renamed(client: docker.DockerClient, missing: Iterable[str], seen: Iterable[Mapping[str, Any]]) -> dict[str, str]:
    """What containers that had a name which is missing now are called since; one that was removed is called nothing."""
    had = {name: events.bearer(seen, name) for name in missing}
    asked = {name: ask(partial(client.api.inspect_container, one), one, []) for name, one in had.items() if one}
    return {name: quote(inspected["Name"].lstrip("/")) for name, inspected in asked.items() if inspected}


def _image(client: docker.DockerClient, image: str) -> Mapping[str, Any] | None:
    """What the engine says of an image; None where it has it no more."""
    attributes: Mapping[str, Any] | None = ask(lambda: client.images.get(image).attrs, image, [])
    return attributes


def _remap(told: Mapping[str, Any]) -> int | None:
    """The machine's id of a container's root: 0, or where users are remapped what the engine's root directory is called by."""
    options = told.get("SecurityOptions") or ()
    if any(one.startswith("name=rootless") for one in options):
        return None
    if not any(one.startswith("name=userns") for one in options):
        return 0
    # moby daemon/daemon_unix.go, setupDaemonRoot: <root>/<uid>.<gid> of the remapped root
    found = re.search(r"/(\d+)\.\d+/?$", told.get("DockerRootDir") or "")
    return int(found[1]) if found else None


def _same_machine(client: docker.DockerClient, told: Mapping[str, Any]) -> bool:
    """Whether the engine behind a local socket is this machine's: a socket may lead into a virtual machine."""
    system = os.uname()
    ours = (system.nodename, system.release, host.memory()["total"])
    local = engine.address_of(client).startswith("unix://")
    return local and (told.get("Name"), told.get("KernelVersion"), told.get("MemTotal")) == ours


def _paths(told: Mapping[str, Any], targets: Iterable[Target]) -> list[str]:
    """Where room matters: the engine's root, and what gateways have mounted to write to."""
    mounts = [one for target in targets if target.inspected for one in target.inspected.get("Mounts") or ()]
    sources = (one.get("Source") for one in mounts if one.get("RW") and one.get("Type") in ("bind", "volume"))
    return [path for path in (told.get("DockerRootDir"), *sources) if path]


def _networks_of(targets: Iterable[Target], pids: Mapping[str, Sequence[int]]) -> Iterator[connections.Network]:
    """Where the sockets are of those whose processes are proven to run here."""
    modes = [network_mode(target.inspected) for target in targets if target.inspected]
    lent = {mode.partition(":")[2] for mode in modes if mode.startswith("container:")}
    for target in targets:
        if target.inspected and target.inspected["Id"] in pids:
            shared = network_mode(target.inspected).startswith(("host", "container:")) or target.inspected["Id"] in lent
            ports = frozenset(target.family.ports if target.family else ())
            yield connections.Network(
                target.inspected["Id"], pid_of(target.inspected), ports, shared, tuple(pids[target.inspected["Id"]])
            )


def ask(question: Any, said: str, not_seen: list[str]) -> Any:
    """The engine's answer, or None and the reason among `not_seen`: one question that fails must not hide the others."""
    try:
        return question()
    except Exception as error:  # the SDK lets many kinds through
        not_seen.append(quote(f"{said}: {type(error).__name__}: {error}"))
        return None


def network_mode(inspected: Mapping[str, Any]) -> str:
    return (inspected.get("HostConfig") or {}).get("NetworkMode") or ""


def pid_of(inspected: Mapping[str, Any]) -> int:
    return inspected["State"].get("Pid") or 0
