# Copyright: ibgw.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The container probe: a machine's engine, its host, and the gateways on it.

The engine tells what it holds of each container, /proc of the machine tells what runs inside, and neither is asked to do
anything. What could not be seen is null, and `not_seen` says why.

This module util is private to the collection; it can change at any time.
"""

from __future__ import annotations

import os
import re
import time
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from ansible_collections.ibgw.ops.plugins.module_utils import (
    configuration,
    container,
    engine,
    files,
    host,
    netns,
    procfs,
    record,
    sockdiag,
)
from ansible_collections.ibgw.ops.plugins.module_utils.families.family import Family, traits
from ansible_collections.ibgw.ops.plugins.module_utils.families.recognise import Recognition, no_gateway, process_role
from ansible_collections.ibgw.ops.plugins.module_utils.probe import (
    AVAILABLE,
    RESULT_BYTES,
    Misuse,
    Unavailable,
    fit,
    size,
)
from ansible_collections.ibgw.ops.plugins.module_utils.redact import SET, is_secret, quote
from ansible_collections.ibgw.ops.plugins.module_utils.timestamps import epoch, iso

if TYPE_CHECKING:
    import docker

#: The result's own keys when nothing could be looked at.
NOTHING: Mapping[str, Any] = {"engine": None, "host": None, "gateways": [], "not_seen": [], "cut": {}}

#: Of the bytes that a gateway may take, those that are left to what is told of its machine.
MACHINE_BYTES = 1024

#: Fewer characters of a salt could be guessed.
SALT_LENGTH = 16

# How many ids a remapped container has, subuid(5): the usual number.
_IDS = 65536

# No role records more about a gateway.
_RECORD_BYTES = 4096

_PERIOD = re.compile(r"(\d{1,6})([smhd])")
_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86400}

# What can grow without bound, and is therefore cut to keep a gateway within the limit: in each, what tells least stands last.
_CUTTABLE = (
    ("container", "environment"),
    ("container", "environment_given"),
    ("container", "labels"),
    ("container", "mounts"),
    ("container", "tmpfs"),
    ("container", "secrets"),
    ("ports",),
    ("processes",),
    ("sockets", "listening"),
    ("sockets", "established"),
    ("sockets", "close_wait"),
    ("events",),
    ("deployment",),
    ("rebuild",),
)


@dataclass(frozen=True)
class Machine:
    """What the machine itself adds to the engine's word.

    `pids` has an entry for each container whose processes are proven to run here; `here` says that the engine's paths are
    this machine's too. `remap` is the machine's id of a container's root where the engine remaps users, None where that is not known.
    """

    pids: Mapping[str, Sequence[int]]
    here: bool
    remap: int | None
    images: Mapping[str, Mapping[str, Any] | None]
    kernel_log: host.KernelLog | None
    events: Sequence[Mapping[str, Any]] | None
    disks: Mapping[int, Mapping[str, Any]] = field(default_factory=dict)
    user_salt: str | None = None


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
    targets = engine.gateway_containers(client, names or (), find or not names)
    not_seen: list[str] = []
    told = _ask(client.info, "docker info", not_seen) or {}
    seen = replace(_machine(client, targets, told, period, not_seen), user_salt=user_salt)
    machine = {
        "engine": _engine(client, told, not_seen),
        "host": host.machine(seen.disks) if seen.here else None,
        "not_seen": not_seen,
    }
    return {
        **AVAILABLE,
        **fit(machine, [("host", "disks"), ("not_seen",)], limit=MACHINE_BYTES),
        "gateways": [_gateway(target, seen) for target in targets],
    }


def _period(text: str) -> int:
    found = _PERIOD.fullmatch(text)
    if found is None or int(found[1]) == 0:
        raise Misuse(
            f"events_since {quote(text)!r} is not a duration; allowed are a number and one of s, m, h, d, such as 24h"
        )
    return int(found[1]) * _SECONDS[found[2]]


def _machine(
    client: docker.DockerClient,
    targets: Iterable[engine.Target],
    told: Mapping[str, Any],
    period: int,
    not_seen: list[str],
) -> Machine:
    running = {target.inspected["Id"]: _pid(target.inspected) for target in targets if target.inspected}
    found = procfs.container_pids([one for one, pid in running.items() if pid])
    pids = {one: found[one] for one, pid in running.items() if pid and pid in found[one]}
    here = bool(pids) or _same_machine(client, told)
    if not here:
        not_seen.append(
            f"host, processes, sockets, mounts: the engine at {engine.address_of(client)} is not proven to run on this machine ({os.uname().nodename})"
        )
    # The engine compares with its own clock; asked for a moment of its future it would wait for it.
    now = epoch(told.get("SystemTime")) or time.time()
    wanted: dict[str, Any] = {
        "since": f"{now - period:.3f}",
        "until": f"{now:.3f}",
        "filters": {"type": "container", "event": list(container.ACTIONS)},
    }
    return Machine(
        pids=pids,
        here=here,
        remap=_remap(told),
        images={image: _image(client, image) for image in {one.inspected["Image"] for one in targets if one.inspected}},
        kernel_log=host.kernel_log() if here else None,
        events=_ask(lambda: list(client.events(decode=True, **wanted)), "docker events", not_seen),
        disks=host.disks(_paths(told, targets)) if here else {},
    )


def _image(client: docker.DockerClient, image: str) -> Mapping[str, Any] | None:
    """What the engine says of an image; None where it has it no more."""
    attributes: Mapping[str, Any] | None = _ask(lambda: client.images.get(image).attrs, image, [])
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


def _ask(question: Any, said: str, not_seen: list[str]) -> Any:
    """The engine's answer, or None and the reason among `not_seen`: one question that fails must not hide the others."""
    try:
        return question()
    except Exception as error:  # the SDK lets many kinds through
        not_seen.append(quote(f"{said}: {type(error).__name__}: {error}"))
        return None


def _same_machine(client: docker.DockerClient, told: Mapping[str, Any]) -> bool:
    """Whether the engine behind a local socket is this machine's: a socket may lead into a virtual machine."""
    system = os.uname()
    ours = (system.nodename, system.release, host.memory()["total"])
    local = engine.address_of(client).startswith("unix://")
    return local and (told.get("Name"), told.get("KernelVersion"), told.get("MemTotal")) == ours


def _engine(client: docker.DockerClient, told: Mapping[str, Any], not_seen: list[str]) -> dict[str, Any]:
    version = _ask(client.version, "docker version", not_seen) or {}
    podman = any("podman" in (part.get("Name") or "").lower() for part in version.get("Components") or ())
    return {
        "version": version.get("Version"),
        "api_version": version.get("ApiVersion"),
        "root_dir": told.get("DockerRootDir"),
        "live_restore": told.get("LiveRestoreEnabled"),
        "rootless": any(one.startswith("name=rootless") for one in told.get("SecurityOptions") or ()) if told else None,
        "kind": ("podman" if podman else "docker") if version else None,
    }


def _paths(told: Mapping[str, Any], targets: Iterable[engine.Target]) -> list[str]:
    """Where room matters: the engine's root, and what gateways have mounted to write to."""
    mounts = [one for target in targets if target.inspected for one in target.inspected.get("Mounts") or ()]
    sources = (one.get("Source") for one in mounts if one.get("RW") and one.get("Type") in ("bind", "volume"))
    return [path for path in (told.get("DockerRootDir"), *sources) if path]


def _gateway(target: engine.Target, seen: Machine) -> dict[str, Any]:
    not_seen: list[str] = []
    result: dict[str, Any] = {
        "name": target.name,
        "declared": target.declared,
        **(target.unavailable.as_result() if target.unavailable else AVAILABLE),
        "exists": target.exists,
        "similar_names": [quote(name) for name in target.similar_names],
        **dict.fromkeys(("container", "family", "ports", "processes", "sockets", "events")),
        "hold": recorded(target.name, "hold", not_seen),
        "lock": record.read(target.name)["lock"],
        "deployment": recorded(target.name, "deployment", not_seen),
        "rebuild": recorded(target.name, "rebuild", not_seen),
        "not_seen": not_seen,
        "cut": {},
    }
    if target.inspected:
        try:
            result.update(_existing(target.inspected, target.recognition, seen, not_seen))
        except (AttributeError, LookupError, TypeError, ValueError) as error:
            reason = f"docker inspect {target.name} told what is not understood: {type(error).__name__}: {error}"
            fix = "report this with the engine's version and the container's image"
            result.update(Unavailable("probe.incomplete", reason, fix).as_result())
    return fit(result, _CUTTABLE, limit=RESULT_BYTES - MACHINE_BYTES)


def _existing(
    inspected: Mapping[str, Any], recognition: Recognition | None, seen: Machine, not_seen: list[str]
) -> dict[str, Any]:
    family = recognition.family if recognition else None
    facts = container.facts(inspected, family, seen.images[inspected["Image"]])
    processes = _processes(inspected, seen, not_seen)
    facts.update(_configuration(inspected, family, processes or (), seen))
    if processes:
        limits = procfs.nofile(processes[0].pid)
        facts["nofile"] = {"soft": limits[0], "hard": limits[1]} if limits else facts["nofile"]
        facts["memory"]["usage"] = procfs.memory_usage(processes[0].pid)
    started = epoch(inspected["State"].get("StartedAt"))
    if seen.kernel_log and started:
        facts["host_oom_killed"] = seen.kernel_log.killed(inspected["Id"], started)
    return {
        "container": facts,
        "family": _family(recognition, inspected, processes or ()),
        "ports": container.ports(inspected, family),
        "processes": None if processes is None else _told(processes, family),
        "sockets": None if processes is None else _with_limits(_sockets(inspected, family, processes), inspected),
        "events": None if seen.events is None else container.events(seen.events, inspected["Id"]),
    }


def _processes(inspected: Mapping[str, Any], seen: Machine, not_seen: list[str]) -> list[procfs.Process] | None:
    """The container's processes, first its first; none when it does not run, None when they can not be seen."""
    pid = _pid(inspected)
    if not pid:
        return []
    if inspected["Id"] not in seen.pids:
        if seen.here:
            not_seen.append(
                f"processes, sockets: the control group of process {pid} does not prove that it is the container's"
            )
        return None
    return procfs.processes(sorted(seen.pids[inspected["Id"]], key=lambda one: one != pid))


def _configuration(
    inspected: Mapping[str, Any], family: Family | None, processes: Sequence[procfs.Process], seen: Machine
) -> dict[str, Any]:
    """What the container is given in files, as its gateway sees it."""
    gateway = _gateway_process(processes, family)
    given = traits(inspected["Config"]).environment
    with ExitStack() as opened:
        root = opened.enter_context(files.root_of(inspected["Id"], processes[0].pid)) if processes else None
        where = configuration.Surroundings(
            [one for one in inspected.get("Mounts") or () if one.get("Destination")],
            # A start script may have read more; where two processes of one name run, each has its own.
            {**(procfs.environment(gateway) if gateway else {}), **given},
            procfs.credentials(gateway) if gateway else _configured_user(inspected, family, seen),
            root,
            seen.here,
            seen.disks,
        )
        return {
            "mounts": configuration.mounts(where, family),
            "settings": configuration.settings(where, family) if family else None,
            "secrets": configuration.secrets(where),
            **({"users": configuration.users(where, family, seen.user_salt)} if family and seen.user_salt else {}),
        }


def _gateway_process(processes: Iterable[procfs.Process], family: Family | None) -> int | None:
    """The process whose rights the gateway has on files: its own, or its controller's."""
    roles = {family.process_role(one.command_line): one.pid for one in processes} if family else {}
    return roles.get("gateway", roles.get("controller"))


def _configured_user(inspected: Mapping[str, Any], family: Family | None, seen: Machine) -> procfs.Credentials | None:
    """Whose rights the gateway will have, by the container's configuration."""
    host_config = inspected["HostConfig"]
    first = 0 if host_config.get("UsernsMode") == "host" else seen.remap
    name, _colon, group = (inspected["Config"].get("User") or "").partition(":")
    if name == "root" or name.isdecimal():
        uid, gid = int(name) if name.isdecimal() else 0, int(group) if group.isdecimal() else 0
    elif family:
        uid, gid = family.user
    else:
        return None
    if first is None:
        return None
    dropped = {one.upper().replace("CAP_", "") for one in host_config.get("CapDrop") or ()}
    overrides = uid == 0 and not dropped & {"ALL", "DAC_OVERRIDE"}
    return procfs.Credentials(first + uid, frozenset([first + gid]), overrides, _ids_from(first))


def _ids_from(first: int) -> tuple[range, ...]:
    return (range(first, first + _IDS),) if first else procfs.EVERYBODY


def _family(
    recognition: Recognition | None, inspected: Mapping[str, Any], processes: Iterable[procfs.Process]
) -> dict[str, Any] | None:
    said = traits(inspected["Config"])
    if recognition is None:
        return _of_no_family(no_gateway(said), processes)
    generation = recognition.family.generation(said.environment)
    return {
        "name": recognition.family.name,
        "controller": recognition.family.controller,
        "generation": quote(generation) if generation else None,
        "confidence": recognition.confidence,
        "because": [quote(mark) for mark in recognition.because],
    }


def _of_no_family(other: str | None, processes: Iterable[procfs.Process]) -> dict[str, Any] | None:
    """What is known of a container whose image is of no family: what it is instead, or that IBC runs in it."""
    ibc = any(process_role(None, one.command_line) != "other" for one in processes)
    if not (other or ibc):
        return None
    return {
        "name": None,
        "controller": None if other else "ibc",
        "generation": None,
        "confidence": None,
        "because": [other or "IBC runs in it"],
    }


def _told(processes: Iterable[procfs.Process], family: Family | None) -> list[dict[str, Any]]:
    """The processes, those last that have no part in the gateway."""
    return sorted((_process(one, family) for one in processes), key=lambda one: one["role"] == "other")


def _process(process: procfs.Process, family: Family | None) -> dict[str, Any]:
    return {
        "pid": process.pid,
        "role": process_role(family, process.command_line),
        "started_at": iso(process.started_at),
        "rss": process.rss,
        "max_heap": process.max_heap,
    }


#: Seconds between the two looks at connections that pile up.
_LOOK_AGAIN = 0.5


def _sockets(
    inspected: Mapping[str, Any], family: Family | None, processes: Sequence[procfs.Process]
) -> dict[str, Any]:
    """Who listens and who is connected. A pile-up counts as far as it lasts: where one shows, it is looked at again."""
    seen = _sample(inspected, family, processes)
    if not seen["close_wait"] and not any(one["accept_queue"] for one in seen["listening"]):
        return seen
    time.sleep(_LOOK_AGAIN)
    again = _sample(inspected, family, processes)
    queues = {(one["address"], one["port"]): one["accept_queue"] for one in seen["listening"]}
    for one in again["listening"]:
        one["accept_queue"] = min(one["accept_queue"], queues.get((one["address"], one["port"]), 0))
    again["close_wait"] = dict(Counter(again["close_wait"]) & Counter(seen["close_wait"]))
    return again


def _with_limits(seen: dict[str, Any], inspected: Mapping[str, Any]) -> dict[str, Any]:
    """`seen` with how many connections may wait on each listening socket, where we have the right to see that."""
    if not seen["listening"]:
        return seen
    try:
        (asking,) = netns.sockets(inspected["Id"], _pid(inspected), [sockdiag.KIND])
        with asking:
            limits = sockdiag.accept_limits(asking)
    except (Unavailable, OSError):
        return seen
    for one in seen["listening"]:
        one["accept_limit"] = limits.get((one["address"], one["port"]))
    return seen


def _sample(inspected: Mapping[str, Any], family: Family | None, processes: Sequence[procfs.Process]) -> dict[str, Any]:
    """The sockets at this moment; connections that the container itself opened are left out."""
    own = [one for process in processes[:1] for one in procfs.sockets(process.pid)]
    served = {one.port for one in own if one.state == "listening"} | set(family.ports if family else ())
    if inspected["HostConfig"].get("NetworkMode") == "host":  # these are the sockets of the whole machine
        served &= set(family.ports if family else ())
    known = family.ports if family else {}
    mine = sorted((one for one in own if one.port in served), key=lambda one: one.port not in known)
    return {
        "listening": [
            {"port": one.port, "address": one.address, "accept_queue": one.queued, "accept_limit": None}
            for one in mine
            if one.state == "listening"
        ],
        "established": [{"port": one.port, "peer": one.peer} for one in mine if one.state == "established"],
        "close_wait": dict(Counter(str(one.port) for one in mine if one.state == "close_wait")),
    }


def recorded(name: str, kind: str, not_seen: list[str]) -> dict[str, Any] | None:
    """What the roles recorded about a gateway; a record that can not be understood still counts as one."""
    path = record.RECORDS / name / f"{kind}.json"
    try:
        found = _redacted(record.load(path, _RECORD_BYTES))
    except FileNotFoundError:
        return None
    except OSError as error:
        if not isinstance(error, PermissionError) or os.path.lexists(path):
            return {"unreadable": quote(str(error))}
        not_seen.append(quote(f"{kind}: {error}"))  # that there is one can not be seen either
        return None
    except (ValueError, RecursionError) as error:
        return {"unreadable": quote(f"{path} can not be used: {error}")}
    if not isinstance(found, dict):
        return {"unreadable": f"{path} holds no record"}
    return found if size(found) <= _RECORD_BYTES else {"unreadable": f"{path} is longer than {_RECORD_BYTES} bytes"}


def _redacted(value: Any) -> Any:
    """What a record holds, however deep, without secrets."""
    if isinstance(value, dict):
        return {
            quote(key): SET if is_secret(key) and isinstance(one, str) and one else _redacted(one)
            for key, one in value.items()
        }
    if isinstance(value, list):
        return [_redacted(one) for one in value]
    return quote(value) if isinstance(value, str) else value


def _pid(inspected: Mapping[str, Any]) -> int:
    return inspected["State"].get("Pid") or 0
