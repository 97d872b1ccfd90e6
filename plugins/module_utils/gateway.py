# Copyright: ibgw.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""One gateway as its machine shows it: container, configuration, processes, sockets, events, and what the roles recorded about it.

This module util is private to the collection; it can change at any time.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import replace
from typing import Any

from ansible_collections.ibgw.ops.plugins.module_utils import (
    configuration,
    connections,
    container,
    events,
    files,
    host,
    procfs,
    record,
)
from ansible_collections.ibgw.ops.plugins.module_utils.families.family import Family, traits
from ansible_collections.ibgw.ops.plugins.module_utils.families.recognise import Recognition, no_gateway, process_role
from ansible_collections.ibgw.ops.plugins.module_utils.machine import Machine, pid_of
from ansible_collections.ibgw.ops.plugins.module_utils.probe import (
    AS_ROOT,
    AVAILABLE,
    RESULT_BYTES,
    Unavailable,
    fit,
    size,
    user,
)
from ansible_collections.ibgw.ops.plugins.module_utils.redact import SET, is_secret, quote
from ansible_collections.ibgw.ops.plugins.module_utils.supervision.machine import managed
from ansible_collections.ibgw.ops.plugins.module_utils.targets import Target
from ansible_collections.ibgw.ops.plugins.module_utils.timestamps import epoch, iso

#: Of the bytes that a gateway may take, those that are left to what is told of its machine.
MACHINE_BYTES = 1024

# How many ids a remapped container has, subuid(5): the usual number.
_IDS = 65536

# No role records more about a gateway.
_RECORD_BYTES = 4096

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
    ("supervisors",),
    ("deployment",),
    ("rebuild",),
)


def gateway(target: Target, seen: Machine) -> dict[str, Any]:
    not_seen: list[str] = []
    kept = record.read(target.name)
    result: dict[str, Any] = {
        "name": target.name,
        "declared": target.declared,
        **(target.unavailable.as_result() if target.unavailable else AVAILABLE),
        "exists": target.exists,
        "similar_names": [quote(name) for name in target.similar_names],
        "renamed_to": seen.renamed.get(target.name),
        **dict.fromkeys(("container", "family", "ports", "processes", "sockets", "supervisors", "events")),
        "hold": recorded(target.name, "hold", not_seen),
        "lock": kept["lock"],
        "deployment": recorded(target.name, "deployment", not_seen),
        "rebuild": recorded(target.name, "rebuild", not_seen),
        "not_seen": not_seen,
        "cut": {},
    }
    if target.inspected:
        try:
            result.update(_existing(target.inspected, target.recognition, seen, kept, not_seen))
        except (AttributeError, LookupError, TypeError, ValueError) as error:
            reason = f"docker inspect {target.name} told what is not understood: {type(error).__name__}: {error}"
            fix = "report this with the engine's version and the container's image"
            result.update(Unavailable("probe.incomplete", reason, fix).as_result())
    return fit(result, _CUTTABLE, limit=RESULT_BYTES - MACHINE_BYTES)


def _existing(
    inspected: Mapping[str, Any],
    recognition: Recognition | None,
    seen: Machine,
    kept: Mapping[str, Any],
    not_seen: list[str],
) -> dict[str, Any]:
    family = recognition.family if recognition else None
    network = seen.networks.get(inspected["Id"], inspected)
    facts = container.facts(inspected, family, seen.images[inspected["Image"]])
    processes = _processes(inspected, seen, not_seen)
    facts.update(_configuration(inspected, family, processes or (), seen))
    if seen.remap is None and not processes and facts["mounts"]:
        not_seen.append(
            "mounts, secrets: the engine maps users; whose rights the gateway has only its processes tell, and none shows"
        )
    hidden = [mount["source"] for mount in facts["mounts"] if seen.here and _hidden(mount)]
    if hidden:
        others = f" and {len(hidden) - 1} more" if len(hidden) > 1 else ""
        not_seen.append(f"mounts: {user()} may not look at {hidden[0]}{others}; {AS_ROOT}")
    if processes:
        limits = procfs.nofile(processes[0].pid)
        facts["nofile"] = {"soft": limits[0], "hard": limits[1]} if limits else facts["nofile"]
        facts["memory"]["usage"] = procfs.memory_usage(processes[0].pid)
        facts["memory"]["oom_kills"] = procfs.memory_kills(processes[0].pid)
    started = epoch(inspected["State"].get("StartedAt"))
    if seen.kernel_log and started:
        facts["host_oom_killed"] = seen.kernel_log.killed(inspected["Id"], started)
        facts["kernel_kills"] = _kernel_kills(seen.kernel_log, inspected["Id"])
    known = replace(seen.supervision.known(inspected, kept, seen.kernel_log), stops_are_told=not seen.podman)
    supervisors = seen.supervision.over(managed(inspected))
    secrets = container.secrets(inspected, family)
    told = None if seen.events is None else events.events(seen.events, inspected["Id"], known)
    return {
        "container": facts,
        "family": _family(recognition, inspected, processes or ()),
        "ports": container.ports(network, family, facts["status"] == "running"),
        "processes": None if processes is None else _told(processes, family),
        "sockets": _sockets(inspected, processes, seen, not_seen),
        "supervisors": None if supervisors is None else [one.told(secrets) for one in supervisors],
        "events": told and [_masked(one, secrets) for one in told],
    }


def _masked(event: Mapping[str, Any], secrets: Iterable[str]) -> dict[str, Any]:
    """An event whose doers, known or possible, have no secret in their names: a label or a unit can quote one."""
    candidates = [quote(one, secrets) for one in event["candidates"]]
    return {**event, "who": event["who"] and quote(event["who"], secrets), "candidates": candidates}


#: How many of the newest kills are told.
_KILLS = 3


def _kernel_kills(log: host.KernelLog, container_id: str) -> list[dict[str, Any]]:
    """The newest kills of the container's processes, in earlier runs too, and what there was too little of."""
    return [
        {"at": iso(kill.at), "process": quote(kill.process), "short_of": kill.short_of(container_id)}
        for kill in log.of(container_id, 0)[-_KILLS:]
    ]


def _processes(inspected: Mapping[str, Any], seen: Machine, not_seen: list[str]) -> list[procfs.Process] | None:
    """The container's processes, first its first; none when it does not run, None when they can not be seen."""
    pid = pid_of(inspected)
    if not pid:
        return []
    if inspected["Id"] not in seen.pids:
        if seen.here:
            not_seen.append(f"processes, sockets, memory: {_unproven(pid, seen)}")
        return None
    return procfs.processes(sorted(seen.pids[inspected["Id"]], key=lambda one: one != pid))


def _unproven(pid: int, seen: Machine) -> str:
    """Why a process on this machine can not be told to be the container's."""
    if not procfs.shows_others():
        return f"/proc hides the processes of others from {user()} (hidepid); {AS_ROOT}"
    if seen.ungrouped:
        return "the engine runs containers without control groups, as rootless ones do on cgroup v1; with cgroup v2 and systemd they have them"
    return f"the control group of process {pid} does not prove that it is the container's"


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
            "user": {"uid": where.user.uid, "gid": where.user.gid} if where.user else None,
            "mounts": configuration.mounts(where, family),
            "settings": configuration.settings(where, family) if family else None,
            "configuration": configuration.controllers_own(where, family) if family else None,
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
    if not name and family and family.user != (0, 0):
        return None  # it starts as root, gives files away as it likes, and goes on as another user
    if name in ("", "root") or name.isdecimal():
        uid, gid = int(name) if name.isdecimal() else 0, int(group) if group.isdecimal() else 0
    elif family:
        uid, gid = family.user
    else:
        return None
    if first is None:
        return None
    dropped = {one.upper().replace("CAP_", "") for one in host_config.get("CapDrop") or ()}
    overrides = uid == 0 and not dropped & {"ALL", "DAC_OVERRIDE"}
    return procfs.Credentials(first + uid, first + gid, frozenset(), overrides, _ids_from(first))


def _ids_from(first: int) -> tuple[range, ...]:
    return (range(first, first + _IDS),) if first else procfs.EVERYBODY


def _hidden(mount: Mapping[str, Any]) -> bool:
    """Whether we could not see what is behind a mount of a file or a directory."""
    return mount["type"] in ("bind", "volume") and mount["source"] is not None and mount["source_exists"] is None


def _family(
    recognition: Recognition | None, inspected: Mapping[str, Any], processes: Iterable[procfs.Process]
) -> dict[str, Any] | None:
    said = traits(inspected["Config"])
    if recognition is None:
        return _of_no_family(no_gateway(said), processes)
    generation = recognition.family.generation(said.environment)
    return {
        "name": recognition.family.name,
        "controller": recognition.family.controller_in(said.environment),
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
        "gc_share": procfs.gc_share(process.pid) if process.max_heap else None,
    }


def _sockets(
    inspected: Mapping[str, Any], processes: Sequence[procfs.Process] | None, seen: Machine, not_seen: list[str]
) -> dict[str, Any] | None:
    """The gateway's sockets; none when it does not run, None when they can not be seen."""
    if not processes:
        return None if processes is None else connections.none()
    not_seen += [seen.unlimited[inspected["Id"]]] if inspected["Id"] in seen.unlimited else []
    return seen.sockets[inspected["Id"]]


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
    if found.get("schema", f"ibgw.ops/{kind}/1") != f"ibgw.ops/{kind}/1":
        form = quote(str(found["schema"]), limit=60)
        return {"unreadable": f"{path} is of the form {form}, which a newer version of the collection understands"}
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
