# Copyright: ibgw.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A machine with one gateway that is well, as the three modules would return it; tests change what they are about."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime, timezone
from typing import Any

from ansible_collections.ibgw.ops.plugins.plugin_utils import evidence
from ansible_collections.ibgw.ops.plugins.plugin_utils.case import Case
from ansible_collections.ibgw.ops.plugins.plugin_utils.evidence import Gateway, Machine
from ansible_collections.ibgw.ops.plugins.plugin_utils.findings.registry import Answer, findings

#: Sunday 2026-03-01, 12:00 UTC: seven in the morning in New York.
NOW = datetime(2026, 3, 1, 12, 0, tzinfo=timezone.utc)

NAME = "ib-gateway"


def at(seconds_ago: float = 0) -> str:
    """The time so many seconds before now."""
    return datetime.fromtimestamp(NOW.timestamp() - seconds_ago, timezone.utc).isoformat()


AVAILABLE = {"available": True, "problem": None, "reason": None, "fix": None}

HOST = {
    "now": at(),
    "clock_synchronized": True,
    "memory": {"total": 8_000_000_000, "available": 6_000_000_000},
    "disks": [{"path": "/var/lib/docker", "free": 90_000_000_000, "total": 100_000_000_000, "free_inodes": 9_000_000}],
}

GATEWAY = {
    "name": NAME,
    "declared": True,
    "exists": True,
    "similar_names": [],
    "container": {
        "id": "c0ffee",
        "image": "example.test/ib-gateway:10.45.1j",
        "image_named_by": "tag",
        "status": "running",
        "started_at": at(86_400),
        "finished_at": None,
        "exit_code": None,
        "exit_meaning": None,
        "error": None,
        "oom_killed": False,
        "host_oom_killed": False,
        "restart_count": 0,
        "restart_policy": "unless-stopped",
        "stop_timeout": 90,
        "health": {"status": None, "failing_streak": None, "last_output": None},
        "healthcheck": {"test": "CMD bash -c </dev/tcp/127.0.0.1/4002", "start_period": 120.0, "from_image": False},
        "memory": {"limit": 2_000_000_000, "usage": 900_000_000},
        "nofile": {"soft": 10_000, "hard": 10_000},
        "network_mode": "bridge",
        "mounts": [],
        "environment": {
            "TRADING_MODE": "paper",
            "TWS_USERID": "<set>",
            "TWS_PASSWORD_FILE": "/run/secrets/password",
            "JAVA_HEAP_SIZE": "<empty>",
            "EXISTING_SESSION_DETECTED_ACTION": "primary",
        },
    },
    "family": {"name": "gnzsnz-ibc", "controller": "ibc"},
    "ports": [
        {"container_port": 4004, "host_ip": "127.0.0.1", "host_port": 4002, "role": "relay", "endpoint": "paper"}
    ],
    "processes": [
        {"pid": 30, "role": "controller"},
        {"pid": 31, "role": "relay"},
        {"pid": 40, "role": "gateway", "rss": 600_000_000, "max_heap": 805_306_368},
    ],
    "sockets": {
        "listening": [
            {"port": 4002, "address": "127.0.0.1", "accept_queue": 0, "accept_limit": 50},
            {"port": 4004, "address": "0.0.0.0", "accept_queue": 0, "accept_limit": 5},
        ],
        "established": [],
        "close_wait": {},
    },
    "supervisors": [],
    "events": [],
    "hold": None,
    "lock": None,
    "deployment": None,
    "rebuild": None,
}

#: A secret in a file, as the gateway finds it.
SECRET = {
    "variable": "TWS_PASSWORD_FILE",
    "path": "/run/secrets/password",
    "source": "/srv/password",
    "kind": "file",
    "readable_by_gateway": True,
    "empty": False,
    "carriage_return": False,
    "trailing_blank": False,
}

LOG = {
    "name": NAME,
    **AVAILABLE,
    "family": "gnzsnz-ibc",
    "controller": {"name": "IBC", "version": "3.24.1"},
    "settings": {
        "IbLoginId": "***",
        "IbPassword": "***",
        "TradingMode": "paper",
        "ReadOnlyApi": "no",
        "ExistingSessionDetectedAction": "primary",
    },
    "window": {"last_at": at(60), "silent_seconds": 60, "run_start_seen": True},
    "history": {"login_attempts_last_hour": 0, "last_login_at": at(80_000), "last_full_login_at": at(80_000)},
    "relay": {"refused": 0, "bind_errors": 0, "last_at": None},
    "events": [],
}

RUN = {
    "endpoint": "paper",
    "state": "logged_in",
    "since": at(80_000),
    "run_started_at": at(86_000),
    "run_kind": "full_login",
    "attempt_kind": "typed",
    "deadline": None,
    "open_windows": [],
    "last_exit": None,
    "problem": None,
    "evidence": [{"at": at(80_000), "line": 245, "quote": "IBC: Login has completed"}],
    "previous": None,
}

API = {
    "gateway": NAME,
    "endpoint": "paper",
    "host": "127.0.0.1",
    "port": 4002,
    "inside": None,
    "reached": "ready",
    "outcome": "ready",
    "problem": None,
    "attempts": 1,
    "server_version": 187,
    "accounts": ["DU12***89"],
    "account_mode": "paper",
    "notices": [],
    "total_ms": 4.2,
}

#: What the relay and the gateway's own port answer inside the container; nobody asks there while the published port serves.
RELAY_INSIDE = {**API, "port": 4004, "inside": NAME, "total_ms": 3.1}
GATEWAY_INSIDE = {**API, "port": 4002, "inside": NAME, "total_ms": 2.1}

#: What the API answers while nobody is logged in behind the relay.
NO_BACKEND = {
    "outcome": "closed_at_open",
    "reached": "tcp",
    "problem": "relay.no_backend",
    "accounts": [],
    "account_mode": None,
}


def merged(base: Any, change: Any) -> Any:
    """`base` with `change` merged into it, mapping by mapping."""
    if isinstance(base, Mapping) and isinstance(change, Mapping):
        return {key: merged(base.get(key), change[key]) if key in change else base[key] for key in {**base, **change}}
    return change


def machine(
    *,
    tasks: Mapping[str, Any] | None = None,
    health: Mapping[str, Any] | None = None,
    host: Mapping[str, Any] | None = None,
    gateway: Mapping[str, Any] | None = None,
    container: Mapping[str, Any] | None = None,
    logscan: Mapping[str, Any] | None = None,
    log: Mapping[str, Any] | None = None,
    run: Mapping[str, Any] | None = None,
    runs: list[Mapping[str, Any]] | None = None,
    handshake: Mapping[str, Any] | None = None,
    api: Mapping[str, Any] | None = None,
    more_api: list[Mapping[str, Any]] | None = None,
    relay_inside: Mapping[str, Any] | None = None,
    inside: Mapping[str, Any] | None = None,
    declared: Mapping[str, Any] | None = None,
    only: list[str] | None = None,
    same_user: list[str] | None = None,
    same_container: list[str] | None = None,
    variables: Mapping[str, Any] | None = None,
) -> Machine:
    """The machine with the given changes; `tasks` replaces what a task registered altogether, `same_user` and
    `same_container` are gateways of other machines."""
    looked_at = merged(merged(GATEWAY, gateway or {}), {"container": container or {}})
    instances = [merged(RUN, each) for each in runs or [run or {}]]
    answers = [merged(API, each) for each in [api or {}, *(more_api or [])]]
    results: dict[str, Any] = {
        "health": {
            "health": {**AVAILABLE, "host": merged(HOST, host or {}), "gateways": [looked_at], **(health or {})}
        },
        "logscan": {
            "logscan": {
                **AVAILABLE,
                "gateways": [{**merged(LOG, log or {}), "instances": instances}],
                **(logscan or {}),
            }
        },
        "handshake": {"handshake": {**AVAILABLE, "endpoints": answers, **(handshake or {})}},
        "inside": {
            "handshake": {
                **AVAILABLE,
                "endpoints": [
                    merged(base, change)
                    for base, change in ((RELAY_INSIDE, relay_inside), (GATEWAY_INSIDE, inside))
                    if change is not None
                ],
            }
        },
        **(tasks or {}),
    }
    entry = merged({"name": NAME, "trading_mode": "paper", "expect_orders": False}, declared or {})
    seen = evidence.machine("alpha", {**(variables or {}), "gateways": [entry]}, results, only, NOW)
    others = {"same_user": tuple(same_user or ()), "same_container": tuple(same_container or ())}
    return replace(seen, gateways=tuple(_sharing(gateway, others) for gateway in seen.gateways))


def _sharing(gateway: Gateway, others: Mapping[str, tuple[str, ...]]) -> Gateway:
    """What the evidence of all machines together would show."""
    return replace(gateway, cases=tuple(replace(each, **others) for each in gateway.cases))


def case(**changes: Any) -> Case:
    """The first case of that machine."""
    return machine(**changes).gateways[0].cases[0]


def answer(code: str, **changes: Any) -> Answer:
    """What the rule of that finding says of it."""
    return findings()[code].prove(case(**changes))
