# Copyright: ibgw.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What rules read of what the three modules return, as typed records; the names are those of the modules' RETURN documentation.

`read` makes a record from plain data and never fails: what is absent, null or of another type reads as None or empty, so that a
rule needs to ask only whether something was seen.
"""

from __future__ import annotations

import math
import types
import typing
from collections.abc import Mapping
from dataclasses import dataclass, is_dataclass
from functools import cache
from typing import Any, TypeVar

Record = TypeVar("Record")


def read(record: type[Record], data: object) -> Record:
    """`data` as a `record`; everything that does not fit is left out."""
    given = data if isinstance(data, Mapping) else {}
    hints = _hints(typing.cast(typing.Hashable, record))
    return record(**{name: _fitting(hint, given.get(name)) for name, hint in hints.items()})


@cache
def _hints(record: type) -> dict[str, Any]:
    return typing.get_type_hints(record)


def _fitting(hint: Any, value: object) -> Any:
    """`value` where it is what `hint` asks for, else the empty value of `hint`."""
    origin = typing.get_origin(hint)
    if origin in (typing.Union, types.UnionType):  # always "something or None"
        wanted = next(option for option in typing.get_args(hint) if option is not type(None))
        return None if value is None or not _fits(wanted, value) else _fitting(wanted, value)
    if origin is tuple:
        (item, _ellipsis) = typing.get_args(hint)
        items = value if isinstance(value, (list, tuple)) else ()
        return tuple(_fitting(item, each) for each in items if _fits(item, each))
    if origin is dict:
        (_key, item) = typing.get_args(hint)
        pairs = value.items() if isinstance(value, Mapping) else ()
        return {str(key): _fitting(item, each) for key, each in pairs if _fits(item, each)}
    return read(typing.cast(type, hint), value) if is_dataclass(hint) else value


def _fits(hint: Any, value: object) -> bool:
    if hint is object:
        return True
    if hint is bool:
        return isinstance(value, bool)
    if hint in (int, float):
        number = isinstance(value, hint if hint is int else (int, float)) and not isinstance(value, bool)
        return number and math.isfinite(value)  # type: ignore[arg-type]  # the line above proved a number
    if is_dataclass(hint) or typing.get_origin(hint) is dict:
        return isinstance(value, Mapping)
    if typing.get_origin(hint) is tuple:
        return isinstance(value, (list, tuple))
    return isinstance(value, typing.get_origin(hint) or hint)


# ibgw_health


@dataclass(frozen=True)
class Memory:
    total: int | None
    available: int | None


@dataclass(frozen=True)
class Disk:
    path: str | None
    free: int | None
    total: int | None
    free_inodes: int | None


@dataclass(frozen=True)
class Host:
    now: str | None
    boot_time: str | None
    clock_synchronized: bool | None
    memory: Memory
    disks: tuple[Disk, ...]


@dataclass(frozen=True)
class Probed:
    """The four keys in which a probe says whether it could look."""

    available: bool | None
    problem: str | None
    reason: str | None
    fix: str | None

    @property
    def failed(self) -> bool:
        """The probe said that it could not look."""
        return self.available is False


@dataclass(frozen=True)
class HealthCheck:
    status: str | None
    failing_streak: int | None
    last_output: str | None


@dataclass(frozen=True)
class ContainerMemory:
    limit: int | None
    usage: int | None
    oom_kills: int | None


@dataclass(frozen=True)
class KernelKill:
    at: str | None
    process: str | None
    short_of: str | None


@dataclass(frozen=True)
class OpenFiles:
    hard: int | None


@dataclass(frozen=True)
class HealthCheckDefined:
    test: str | None
    start_period: float | None
    from_image: bool | None


@dataclass(frozen=True)
class Owner:
    uid: int | None
    gid: int | None
    mode: str | None


@dataclass(frozen=True)
class Mount:
    source: str | None
    target: str | None
    type: str | None
    read_only: bool | None
    kind: str | None
    owner: Owner | None
    writable_by_gateway: bool | None
    disk: str | None


@dataclass(frozen=True)
class SettingsDirectory:
    path: str | None
    mount: str | None
    kind: str | None
    owner: Owner | None
    writable_by_gateway: bool | None
    blocked_by: tuple[str, ...]


@dataclass(frozen=True)
class ConfigurationFile:
    path: str | None
    mount: str | None
    kind: str | None
    readable_by_gateway: bool | None


@dataclass(frozen=True)
class SecretFile:
    variable: str | None
    path: str | None
    source: str | None
    kind: str | None
    owner: Owner | None
    readable_by_gateway: bool | None
    empty: bool | None
    carriage_return: bool | None
    trailing_blank: bool | None


@dataclass(frozen=True)
class User:
    uid: int | None
    gid: int | None


@dataclass(frozen=True)
class Users:
    live: str | None
    paper: str | None


@dataclass(frozen=True)
class Container:
    id: str | None
    image: str | None
    image_digest: str | None
    image_named_by: str | None
    status: str | None
    started_at: str | None
    finished_at: str | None
    exit_code: int | None
    exit_meaning: str | None
    error: str | None
    oom_killed: bool | None
    host_oom_killed: bool | None
    kernel_kills: tuple[KernelKill, ...]
    restart_count: int | None
    restart_policy: str | None
    stop_timeout: int | None
    health: HealthCheck
    healthcheck: HealthCheckDefined | None
    memory: ContainerMemory
    nofile: OpenFiles | None
    network_mode: str | None
    mounts: tuple[Mount, ...]
    tmpfs: dict[str, str]
    settings: tuple[SettingsDirectory, ...]
    configuration: tuple[ConfigurationFile, ...]
    secrets: tuple[SecretFile, ...]
    user: User | None
    users: Users
    environment: dict[str, str]
    environment_given: tuple[str, ...] | None
    sample_secrets: tuple[str, ...]


@dataclass(frozen=True)
class Family:
    name: str | None
    controller: str | None
    generation: str | None
    because: tuple[str, ...]


@dataclass(frozen=True)
class Port:
    container_port: int | None
    host_ip: str | None
    host_port: int | None
    role: str | None
    endpoint: str | None


@dataclass(frozen=True)
class Process:
    role: str | None
    started_at: str | None
    rss: int | None
    max_heap: int | None
    gc_share: float | None


@dataclass(frozen=True)
class Listener:
    port: int | None
    address: str | None
    accept_queue: int | None
    accept_limit: int | None


@dataclass(frozen=True)
class Connection:
    port: int | None
    peer: str | None


@dataclass(frozen=True)
class Sockets:
    listening: tuple[Listener, ...]
    established: tuple[Connection, ...]
    close_wait: dict[str, int]
    taken: tuple[int, ...]


@dataclass(frozen=True)
class Event:
    at: str | None
    action: str | None
    exit_code: int | None
    by: str | None
    who: str | None
    candidates: tuple[str, ...]


@dataclass(frozen=True)
class Supervisor:
    kind: str | None
    name: str | None
    does: tuple[str, ...]
    where: str | None
    terms: str | None


@dataclass(frozen=True)
class Lock:
    owner: str | None
    since: str | None
    until: str | None


@dataclass(frozen=True)
class OldContainer:
    id: str | None


@dataclass(frozen=True)
class Rebuild:
    began_at: str | None
    old: OldContainer


@dataclass(frozen=True)
class GatewayHealth(Probed):
    name: str | None
    exists: bool | None
    similar_names: tuple[str, ...]
    renamed_to: str | None
    container: Container
    family: Family
    ports: tuple[Port, ...]
    processes: tuple[Process, ...]
    sockets: Sockets
    supervisors: tuple[Supervisor, ...] | None
    events: tuple[Event, ...]
    hold: object
    lock: Lock
    deployment: object
    rebuild: Rebuild | None
    cut: dict[str, int]


@dataclass(frozen=True)
class Engine:
    kind: str | None
    root_dir: str | None
    started_at: str | None


@dataclass(frozen=True)
class Health(Probed):
    engine: Engine
    host: Host
    gateways: tuple[GatewayHealth, ...]


# ibgw_logscan


@dataclass(frozen=True)
class Controller:
    name: str | None
    version: str | None


@dataclass(frozen=True)
class Exit:
    code: int | None
    meaning: str | None


@dataclass(frozen=True)
class LogLine:
    at: str | None
    line: int | None
    quote: str | None


@dataclass(frozen=True)
class Previous:
    problem: str | None
    got_as_far_as: str | None


@dataclass(frozen=True)
class LauncherLog:
    problem: str | None
    evidence: tuple[LogLine, ...]


@dataclass(frozen=True)
class Instance:
    endpoint: str | None
    ambiguous: bool | None
    state: str | None
    since: str | None
    run_started_at: str | None
    run_kind: str | None
    attempt_kind: str | None
    deadline: str | None
    asks_again: bool | None
    read_only_api: bool | None
    open_windows: tuple[str, ...]
    last_exit: Exit | None
    problem: str | None
    evidence: tuple[LogLine, ...]
    launcher: LauncherLog | None
    previous: Previous | None


@dataclass(frozen=True)
class History:
    login_attempts_last_hour: int | None
    logins_completed_last_hour: int | None
    twofa_prompts: int | None
    twofa_prompts_last_day: int | None
    unanswered_prompts: int | None
    controller_restarts_last_hour: int | None
    last_login_at: str | None
    last_full_login_at: str | None
    by_exit_code: dict[str, int]


@dataclass(frozen=True)
class RelayLog:
    bind_errors: int | None
    last_at: str | None


@dataclass(frozen=True)
class LogEvent:
    at: str | None
    event: str | None
    endpoint: str | None
    quote: str | None


@dataclass(frozen=True)
class Window:
    last_at: str | None
    lines: int | None
    truncated: bool | None
    damaged: bool | None
    silent_seconds: float | None


@dataclass(frozen=True)
class GatewayLog(Probed):
    name: str | None
    family: str | None
    controller: Controller
    gateway_version: str | None
    time_zone: str | None
    settings: dict[str, str]
    window: Window
    instances: tuple[Instance, ...]
    history: History
    relay: RelayLog
    events: tuple[LogEvent, ...]


@dataclass(frozen=True)
class LogScan(Probed):
    gateways: tuple[GatewayLog, ...]


# ibgw_handshake


@dataclass(frozen=True)
class Notice:
    code: int | None
    text: str | None
    at: str | None


@dataclass(frozen=True)
class Phase:
    phase: str | None
    ok: bool | None
    ms: float | None


@dataclass(frozen=True)
class FirstFailure:
    outcome: str | None


@dataclass(frozen=True)
class Account:
    positions: int | None
    open_orders: int | None


@dataclass(frozen=True)
class Endpoint:
    gateway: str | None
    endpoint: str | None
    host: str | None
    port: int | None
    inside: object
    reached: str | None
    outcome: str | None
    problem: str | None
    detail: str | None
    phases: tuple[Phase, ...]
    attempts: int | None
    first_failure: FirstFailure | None
    server_version: int | None
    accounts: tuple[str, ...]
    account_mode: str | None
    notices: tuple[Notice, ...]
    first_bytes: str | None
    total_ms: float | None
    account: Account

    @property
    def accepted(self) -> bool:
        """Somebody accepted the connection."""
        return self.reached not in (None, "none", "resolve")

    @property
    def greeted(self) -> bool:
        """A gateway answered the hello."""
        return self.accepted and self.reached not in ("tcp", "open")

    @property
    def silences(self) -> int:
        """How many connections in a row were accepted and stayed silent."""
        if not (self.outcome or "").startswith("silent"):
            return 0
        other = self.first_failure is not None and not (self.first_failure.outcome or "").startswith("silent")
        return (self.attempts or 0) - other


@dataclass(frozen=True)
class Handshake(Probed):
    endpoints: tuple[Endpoint, ...]
