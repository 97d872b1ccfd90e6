# Copyright: ibgw.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The container of a gateway, as `community.docker.docker_container` makes it."""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping, Sequence
from typing import Any

from ansible_collections.ibgw.ops.plugins.module_utils.families.family import (
    PRIVATE,
    STOP_TIMEOUT,
    Family,
    ample_memory,
)
from ansible_collections.ibgw.ops.plugins.plugin_utils.deployment.vocabulary import Described

#: Ports of the machine where nobody says others: those that clients expect.
USUAL_PORTS = {"live": 4001, "paper": 4002, "vnc": 5900}

#: The hello of an API client, and whether an answer begins within 5 s; `\011` is the length of the version range. A gateway listens
#: only once it is logged in. The connection is closed before it becomes a client's.
HELLO = (
    "for port in {ports}; do"
    r" (exec 3<>/dev/tcp/127.0.0.1/$port && printf 'API\0\0\0\0\011v100..187' >&3"
    r""" && [ -n "$(timeout 5 head -c 5 <&3 | tr -d '\0')" ])"""
    ' || {{ echo "no answer of the API on port $port: not logged in, or hung"; exit 1; }};'
    " done"
)


def endpoints(gateway: Described) -> tuple[str, ...]:
    """The trading modes that run in a gateway's container."""
    mode = gateway.words["trading_mode"]
    return ("live", "paper") if mode == "both" else (mode,)


def heaps(gateway: Described) -> int:
    """The Java heaps of all its instances, in megabytes."""
    return int(gateway.words["java_heap_mb"]) * len(endpoints(gateway))


def host_ports(gateway: Described) -> dict[str, int]:
    """The ports of the machine by what they serve: an endpoint, or the screen."""
    names = (*endpoints(gateway), *(["vnc"] if gateway.words["vnc"] else []))
    return {name: gateway.words["ports"].get(name, USUAL_PORTS[name]) for name in names}


def address(gateway: Described, name: str) -> str:
    """The machine's address of one of these ports; the screen is seen through SSH, so it is on loopback always."""
    told = str(gateway.words["bind_address"])
    return "127.0.0.1" if name == "vnc" and not ipaddress.ip_address(told).is_loopback else told


def image(gateway: Described, family: Family) -> str:
    """The reference of its image: its own, else the family's."""
    return gateway.words["image"] or family.build.images[gateway.words["program"]]


def container(
    gateway: Described,
    family: Family,
    environment: Mapping[str, str],
    mounts: Sequence[Mapping[str, Any]],
    sourced: bool,
) -> dict[str, Any]:
    """The container; `sourced` tells that some of its variables are in a file that its start has to read."""
    words = gateway.words
    return {
        "name": gateway.name,
        "image": image(gateway, family),
        "pull": words["pull"],
        "entrypoint": _entrypoint(family) if sourced else None,
        "env": dict(environment),
        "mounts": list(mounts),
        "published_ports": _published(gateway, family),
        "networks": [{"name": words["network"]}] if words["network"] else [],
        "ulimits": [f"nofile:{words['open_files']}:{words['open_files']}"],
        "memory": f"{words['memory_mb'] or ample_memory(heaps(gateway))}M",
        "shm_size": None,
        "security_opts": [],
        **family.build.desktop.get(words["program"], {}),
        "stop_timeout": STOP_TIMEOUT,
        "restart_policy": family.build.restart_policy,
        "labels": {"ibgw.ops.family": family.name, "ibgw.ops.trading_mode": words["trading_mode"]},
        "log_driver": "json-file",
        "log_options": {"max-size": words["log_max_size"], "max-file": str(words["log_max_files"])},
        "healthcheck": _healthcheck(gateway, family),
    }


def _entrypoint(family: Family) -> list[str]:
    """The image's own start, after variables that must not stand in `docker inspect`."""
    return ["/bin/sh", "-c", f"set -a; . {PRIVATE}/environment; set +a; exec {family.build.start}"]


def inside(gateway: Described, family: Family, role: str, name: str) -> int:
    """The container's port of a role for what `name` says: an endpoint, or the screen."""
    return next(
        number
        for number, port in family.ports.items()
        if port.role == role
        and port.program in (gateway.words["program"], None)
        and (role == "vnc" or port.endpoint in (name, None))
    )


def _published(gateway: Described, family: Family) -> list[str]:
    return [
        f"{bracketed(address(gateway, name))}:{port}:"
        f"{inside(gateway, family, 'vnc' if name == 'vnc' else 'relay', name)}/tcp"
        for name, port in host_ports(gateway).items()
    ]


def bracketed(told: str) -> str:
    """An address as it stands before a colon."""
    return f"[{told}]" if ":" in told else told


def _healthcheck(gateway: Described, family: Family) -> dict[str, Any] | None:
    """A check that knows the login; Docker shows it and restarts nothing for it. None keeps the image's own."""
    if family.build.tells_login:
        return None
    ports = [str(inside(gateway, family, "gateway", endpoint)) for endpoint in endpoints(gateway)]
    return {
        "test": ["CMD", "/bin/bash", "-c", HELLO.format(ports=" ".join(ports))],
        "interval": "60s",
        "timeout": "15s",
        "retries": 3,
        "start_period": f"{family.start_seconds}s",
    }
